package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

func TestEachServerServesOursAndTheControl(t *testing.T) {
	nstest.Need(t)
	for _, p := range servers {
		t.Run(string(p.server), func(t *testing.T) {
			t.Parallel()
			if packages := missing([]program{p, udhcpc}); packages != nil {
				t.Skipf("needs apt install %s", strings.Join(packages, " "))
			}
			const n = 3
			r, err := try(t.Context(), p, n)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			if r.Ours.Bound != n || r.Control.Bound != n {
				t.Errorf("%d of ours and %d of the control's got a lease, want %d", r.Ours.Bound, r.Control.Bound, n)
			}
			for _, line := range judge([]row{r}) {
				t.Error(line)
			}
		})
	}
}

func TestWhatMustNotBeIsSaid(t *testing.T) {
	good := row{Server: "Kea", Version: "2.2.0", Clients: 10, Ours: outcome{10, time.Second}, Control: outcome{10, 2 * time.Second}, Left: "0", Remarks: "-"}
	with := func(change func(*row)) row { r := good; change(&r); return r }
	for _, tt := range []struct {
		name string
		row  row
		want []string
	}{
		{"nothing of a good row", good, nil},
		{"nothing when the control did worse", with(func(r *row) { r.Control.Bound = 9 }), nil},
		{"nothing when both did badly", with(func(r *row) { r.Ours.Bound, r.Control.Bound = 3, 3 }), nil},
		{"nothing when nobody knows the leases", with(func(r *row) { r.Left = unknown }), nil},
		{"that ours did worse", with(func(r *row) { r.Ours.Bound = 9 }),
			[]string{"Kea, 10 clients: 9 of ours got a lease within 1m0s, and 10 of udhcpc's"}},
		{"that leases are left", with(func(r *row) { r.Left = "2" }),
			[]string{"Kea, 10 clients: 2 leases are left with the server after cleanup"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judge([]row{tt.row})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheDocumentHasARowForEach(t *testing.T) {
	r := row{Server: "udhcpd", Version: "1:1.35.0", Clients: 10, Ours: outcome{10, 22030 * time.Millisecond}, Resent: 58, Left: "0", Remarks: "-"}
	if want := "|\n| udhcpd | 1:1.35.0 | 10 | 10 | 0 | 22.030 s | - | 58 | 0 | - |\n"; !strings.HasSuffix(page([]row{r}, agenda{}, nil), want) {
		t.Errorf("%s\nwant at its end %s", page([]row{r}, agenda{}, nil), want)
	}
}

func TestWrongWordsAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, args, want string }{
		{"a server that nobody knows", "-servers kea,bind", `-servers: nobody here knows "bind"`},
		{"no number", "-clients ten", `-clients: "ten" is not a number from 1 to 1000`},
		{"too many", "-clients 1001", `-clients: "1001" is not a number from 1 to 1000`},
		{"features that are not there", "-features dhcp6", `-features: feature path "dhcp6" is not available`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := run(t.Context(), strings.Fields(tt.args)); err == nil || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
