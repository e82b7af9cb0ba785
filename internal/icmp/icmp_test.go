package icmp

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/measure"
)

func TestLossIsAShareOfWhatWasAsked(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    Result
		want float64
	}{
		{"all came back", Result{Asked: 4, Sent: 4, Received: 4}, 0},
		{"one of four is lost", Result{Asked: 4, Sent: 4, Received: 3}, 25},
		{"all are lost", Result{Asked: 4, Sent: 4}, 100},
		{"half could not be sent", Result{Asked: 4, Sent: 2, Received: 2}, 50},
		{"nothing could be sent", Result{}, 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.r.Loss(); got != tt.want {
				t.Errorf("%v %%, want %v %%", got, tt.want)
			}
		})
	}
}

func TestAResultCanBeWrittenAndRead(t *testing.T) {
	r := Result{
		Client: "ns1", MAC: "02:aa:bb:cc:00:01", Target: netip.MustParseAddr("8.8.8.8"),
		Asked: 3, Sent: 3, Received: 1, Late: 1, Reason: "because", RTT: measure.NewSmallDistribution(),
	}
	r.RTT.Record(3 * time.Millisecond)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read Result
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	same := cmp.Comparer(func(a, b *measure.Distribution) bool { return a.Count() == b.Count() && a.P99() == b.P99() })
	if diff := cmp.Diff(r, read, same, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
