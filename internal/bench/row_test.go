package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/measure"
)

const ms = time.Millisecond

// limited is a tester that was at a limit.
func limited(name string) health.Report {
	return health.Report{Limits: []health.Limit{{Name: name, Finding: name}}}
}

func TestTheMedianOfRounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		times []time.Duration
		want  time.Duration
	}{
		{"of one", []time.Duration{7}, 7},
		{"of two is the lower", []time.Duration{9, 4}, 4},
		{"of three is the middle one", []time.Duration{9, 1, 4}, 4},
		{"of four is the lower of the middle", []time.Duration{4, 1, 9, 5}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rounds []Round
			for _, d := range tt.times {
				rounds = append(rounds, Round{Create: d})
			}
			if got := sum(rounds).Create; got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestRoundsAreSummedUp(t *testing.T) {
	got := sum([]Round{
		{Create: 30 * ms, Remove: 3 * ms, Held: Held{Resident: 300, Threads: 8}},
		{Create: 10 * ms, Remove: 1 * ms, Held: Held{Resident: 100, Threads: 9}, Tester: limited("first")},
		{Create: 20 * ms, Remove: 2 * ms, Held: Held{Resident: 200, Threads: 10}, Tester: limited("second")},
	})
	want := Round{Create: 20 * ms, Remove: 2 * ms, Held: Held{Resident: 300, Threads: 8}, Tester: limited("first")}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(health.Report{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var row = Row{Server: "kea", Mode: "bridge", Clients: 50, Round: Round{
	Create: 50 * ms, Links: 2500 * ms, Configure: ms, LeaseRate: 9000, Resent: 3, Remove: 123 * time.Microsecond,
	Held: Held{Resident: 4096, Files: 1.02, Threads: 9}, Tester: health.Report{Busy: new(measure.Series)},
}}

func TestALineOfTheTable(t *testing.T) {
	crowd := row
	crowd.Clients, crowd.Kernel, crowd.Tester = 1000, 1<<20, limited("deaf")
	for want, row := range map[string]Row{
		"50|kea|bridge|50ms|2.5s|0s|1ms|9000|3|123µs|4 KB|-|1.02|9|  tester: clean (CPU 0%)":             row,
		"1000|kea|bridge|50ms|2.5s|0s|1ms|9000|3|123µs|4 KB|1024 KB|1.02|9|  tester: at its limit: deaf": crowd,
	} {
		got := strings.Split(row.String(), "\t")
		if diff := cmp.Diff(strings.Split(want, "|"), got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if heads := strings.Split(Heads, "\t"); len(heads) != len(got) {
			t.Errorf("%d heads over %d cells", len(heads), len(got))
		}
	}
}

func TestJSONNamesEveryFigureWithItsUnit(t *testing.T) {
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"server": "kea", "mode": "bridge", "clients": 50.0, "tester": "tester: clean (CPU 0%)", "tester_clean": true,
		"create_seconds": 0.05, "links_seconds": 2.5, "lease_seconds": 0.0, "configure_seconds": 0.001, "leases_per_second": 9000.0,
		"messages_resent": 3.0, "remove_seconds": 0.000123,
		"resident_bytes_per_client": 4096.0, "kernel_bytes_per_client": 0.0, "descriptors_per_client": 1.02, "threads": 9.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
