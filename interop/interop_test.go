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
			if packages := missing(p, udhcpc); packages != nil {
				t.Skipf("needs apt install %s", strings.Join(packages, " "))
			}
			const n = 3
			r, err := try(t.Context(), p, n)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", r)
			if r.Ours.Bound != n || r.Control.Bound != n {
				t.Errorf("%d of ours and %d of the control's got a lease, want %d", r.Ours.Bound, r.Control.Bound, n)
			}
			if r.Control.Last <= 0 || r.Control.Last > deadline {
				t.Errorf("the control's last lease came after %s", r.Control.Last)
			}
			for _, line := range (&document{Rows: []row{r}}).judge() {
				t.Error(line)
			}
		})
	}
}

func TestWhatMustNotBeIsSaid(t *testing.T) {
	good := row{program: program{Name: "Kea"}, Clients: 10, Ours: outcome{10, time.Second}, Control: outcome{10, 2 * time.Second}}
	with := func(change func(*row)) row { r := good; change(&r); return r }
	for _, tt := range []struct {
		name string
		row  row
		want []string
	}{
		{"nothing of a good row", good, nil},
		{"nothing when the control did worse", with(func(r *row) { r.Control.Bound = 9 }), nil},
		{"nothing when both did badly", with(func(r *row) { r.Ours.Bound, r.Control.Bound = 3, 3 }), nil},
		{"nothing when nobody knows the leases", with(func(r *row) { r.Left = -1 }), nil},
		{"that ours did worse", with(func(r *row) { r.Ours.Bound = 9 }),
			[]string{"Kea, 10 clients: 9 of ours got a lease within 1m0s, and 10 of udhcpc's"}},
		{"that leases are left", with(func(r *row) { r.Left = 2 }),
			[]string{"Kea, 10 clients: 2 leases are left with the server after cleanup"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, (&document{Rows: []row{tt.row}}).judge()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheDocumentHasARowForEach(t *testing.T) {
	kea := program{Name: "Kea", pkg: "not-a-package"}
	text := text(t, &document{Rows: []row{
		{program: kea, Clients: 10, Ours: outcome{10, 22030 * time.Millisecond}, Resent: 58},
		{program: kea, Clients: 100, Control: outcome{100, time.Second}, Left: -1, Remarks: "so, so"},
	}})
	want := "|\n| Kea | unknown | 10 | 10 | 0 | 22.030 s | - | 58 | 0 | - |\n| Kea | unknown | 100 | 0 | 100 | - | 1.000 s | 0 | - | so, so |\n\n"
	if !strings.Contains(text, want) {
		t.Errorf("%s\nwant in it %s", text, want)
	}
}

func TestWhatNobodyKnowsIsRefused(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"-servers", "kea,bind", `-servers: nobody here knows "bind"`},
		{"-only", "ipv5", `-only: there is ipv6, and not "ipv5"`},
	} {
		if _, err := run(t.Context(), []string{tt.flag, tt.value}); err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
