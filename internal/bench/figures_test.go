package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/lab"
)

const ms = time.Millisecond

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"of nothing", nil, 0},
		{"of one", []float64{7}, 7},
		{"of two is the lower", []float64{9, 4}, 4},
		{"of three is the middle one", []float64{9, 1, 4}, 4},
		{"of four is the lower of the middle", []float64{4, 1, 9, 5}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.values); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestARowSumsUpItsRounds(t *testing.T) {
	rounds := []Round{
		{Create: 30 * ms, Answered: 20, Idle: Idle{Resident: 100, Threads: 8}, Verdict: "tester: clean", Clean: true},
		{Create: 10 * ms, Answered: 19, Idle: Idle{Resident: 300, Threads: 9}, Verdict: "tester: at its limit", Failures: []string{"ns3 is mute"}},
		{Create: 20 * ms, Answered: 20, Idle: Idle{Resident: 200, Threads: 10}, Verdict: "tester: clean", Clean: true},
	}
	got := newRow(Options{Server: lab.Kea, Mode: "bridge"}, 10, rounds)
	want := Row{Server: "Kea", Mode: "bridge", Clients: 10, Rounds: 3, Median: Round{
		Create: 20 * ms, Answered: 20, Idle: Idle{Resident: 300, Threads: 10},
		Verdict: "tester: at its limit", Failures: []string{"ns3 is mute"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r := (Report{Rows: []Row{got}}); !r.Failed() {
		t.Error("a mute client is no failure")
	}
	if none := newRow(Options{}, 10, nil); none.Rounds != 0 || none.Median.Verdict != "not measured" || none.show(figures[0]) != "-" {
		t.Errorf("without rounds: %+v", none)
	}
}

// sized is a row of which the times, but not configure's, grow with the number
// of clients.
func sized(server string, n int) Row {
	return Row{Server: server, Mode: "bridge", Clients: n, Rounds: 1, Median: Round{
		Create: time.Duration(n) * ms, Links: time.Duration(n*n) * ms, Configure: ms, Verdict: "tester: clean", Clean: true,
	}}
}

func TestGrowthIsOfFourTimesAsManyOnTheSameServer(t *testing.T) {
	none := sized("Kea", 4)
	none.Rounds = 0
	got := growths([]Row{sized("lab", 50), sized("lab", 100), sized("Kea", 50), none, sized("Kea", 1), sized("Kea", 200)})
	want := []Growth{{Server: "Kea", Mode: "bridge", From: 50, To: 200, Phases: []Times{{"create", 4}, {"links", 16}, {"configure", 1}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	failed := sized("lab", 50)
	failed.Median.Failures = []string{"1 of 50 clients had no reply from 8.8.8.8: ns7: no route"}
	failed.Median.Kernel = 1 << 20
	var b strings.Builder
	if err := (Report{Rows: []Row{failed, sized("lab", 200)}}).Print(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 6 || !strings.HasSuffix(lines[0], "threads  verdict") || !strings.HasSuffix(lines[1], "  tester: clean") {
		t.Fatalf("%d lines:\n%s", len(lines), &b)
	}
	wantFields := strings.Fields("50 lab bridge 50ms 2.5s 0s 1ms 0 0 0 0s 0s 0 KB - - 0.00 0 tester: clean")
	if diff := cmp.Diff(wantFields, strings.Fields(lines[1])); diff != "" {
		t.Errorf("first row (-want +got):\n%s", diff)
	}
	wantEnd := []string{
		"from 50 to 200 clients (lab), times: create 4.0, links 16.0, configure 1.0",
		"failed: 50 clients, lab: 1 of 50 clients had no reply from 8.8.8.8: ns7: no route",
		"",
	}
	if diff := cmp.Diff(wantEnd, lines[3:]); diff != "" {
		t.Errorf("after the rows (-want +got):\n%s", diff)
	}
}

func TestJSONNamesEveryFigureWithItsUnit(t *testing.T) {
	row := sized("Kea", 50)
	row.Median.P99 = 123 * time.Microsecond
	row.Median.Resident = 4096
	var b strings.Builder
	if err := (Report{Rows: []Row{row, sized("Kea", 200)}}).PrintJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows   []map[string]any
		Growth []map[string]any
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"server": "Kea", "mode": "bridge", "clients": 50.0, "rounds": 1.0, "tester": "tester: clean", "tester_clean": true, "failures": []any{},
		"create_seconds": 0.05, "links_seconds": 2.5, "lease_seconds": 0.0, "configure_seconds": 0.001, "leases_per_second": 0.0,
		"messages_resent": 0.0, "pings_answered": 0.0, "rtt_p50_seconds": 0.0, "rtt_p99_seconds": 0.000123, "remove_seconds": 0.0,
		"resident_bytes_per_client": 4096.0, "kernel_bytes_per_client": 0.0, "kernel_slab_bytes_per_client": 0.0,
		"kernel_percpu_bytes_per_client": 0.0, "descriptors_per_client": 0.0, "threads": 0.0,
	}
	if diff := cmp.Diff(want, got.Rows[0]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	wantGrowth := []map[string]any{{
		"server": "Kea", "mode": "bridge", "clients": 200.0, "clients_before": 50.0,
		"create_ratio": 4.0, "links_ratio": 16.0, "configure_ratio": 1.0,
	}}
	if diff := cmp.Diff(wantGrowth, got.Growth); diff != "" {
		t.Errorf("growth (-want +got):\n%s", diff)
	}
}

func TestTimesAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 43210: "43.2µs", 432100: "432µs", 4321 * time.Microsecond: "4.32ms", 43210 * time.Microsecond: "43.2ms",
		432100 * time.Microsecond: "432ms", 4321 * ms: "4.32s", 61 * time.Second: "1m1s", -43210: "-43.2µs",
	} {
		if got := short(d); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}
