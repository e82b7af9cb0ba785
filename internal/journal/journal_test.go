package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// dieEnv makes this binary a run that dies without a word.
const dieEnv = "LANSTORM_TEST_DIE"

func TestMain(m *testing.M) {
	if os.Getenv(dieEnv) != "" {
		if _, err := Begin("mayfly"); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	nstest.Main(m)
}

func mustBegin(t *testing.T) *Run {
	t.Helper()
	nstest.Need(t)
	r, err := Begin("test")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustEnd(t *testing.T, r *Run) {
	t.Helper()
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

func TestTheLastRunLeavesNoJournal(t *testing.T) {
	a, b := mustBegin(t), mustBegin(t)
	mustEnd(t, a)
	if _, err := os.Stat(Dir); err != nil {
		t.Errorf("with a run under way: %v", err)
	}
	mustEnd(t, b)
	if _, err := os.Stat(Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", Dir, err)
	}
}

// A run can die when it has a folder and no journal yet.
func TestStillbornRunsAreTidiedAway(t *testing.T) {
	a := mustBegin(t)
	stillborn := filepath.Join(Dir, "20260101-000000-1.0")
	if err := os.Mkdir(stillborn, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stillborn, fileName+".new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Tidy(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(stillborn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", stillborn, err)
	}
	if all, err := Records(); err != nil || len(all) != 1 {
		t.Errorf("%d runs are left, want the live one (%v)", len(all), err)
	}
	if err := os.RemoveAll(a.dir); err != nil { // as if it had been as short-lived
		t.Fatal(err)
	}
	a.file.Close()
	if err := Tidy(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", Dir, err)
	}
}

func TestWhatIsWrittenDownIsReadBack(t *testing.T) {
	r := mustBegin(t)
	defer mustEnd(t, r)
	block := Block{Prefix: "ns", First: 1, Count: 10}
	other := Block{Prefix: "ns", First: 11, Count: 5}
	lease := func(i int) Lease {
		return Lease{Client: i, Address: netip.MustParsePrefix("10.0.0.9/24"), Server: netip.MustParseAddr("10.0.0.1")}
	}
	lease6 := func(i int) Lease6 {
		return Lease6{Client: i, Address: netip.MustParseAddr("2001:db8::9"), Server: "0003"}
	}
	for _, e := range []Entry{
		{Parent: "eth0"}, {Lab: "lab0"}, {Clients: &block}, {Lease: ptr(lease(3))}, {Lease6: ptr(lease6(3))}, {Clients: &other}, {Lease: ptr(lease(12))}, {Lease6: ptr(lease6(12))}, {Gone: &block},
	} {
		if err := r.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Records()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	want := Record{
		Header: Header{PID: os.Getpid(), Command: "test"}, ID: r.id, Live: true,
		Parent: "eth0", Labs: []string{"lab0"}, Blocks: []Block{other}, Leases: map[int]Lease{12: lease(12)}, Leases6: map[int]Lease6{12: lease6(12)},
	}
	if diff := cmp.Diff(want, all[0], cmpopts.IgnoreFields(Header{}, "Started"), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if all[0].Mark() != r.Mark() {
		t.Errorf("mark %q, want %q", all[0].Mark(), r.Mark())
	}
}

func ptr[T any](v T) *T { return &v }

func TestATornLineIsAsGoodAsUnwritten(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, text string }{
		{"in the middle", `{"lab":"lab0"}` + "\n" + `{"parent":"et`},
		{"before the line's end", `{"lab":"lab0"}` + "\n" + `{"parent":"eth0"}`},
		{"with zeros", `{"lab":"lab0"}` + "\n\x00\x00\x00\n"},
		{"not at all", `{"lab":"lab0"}` + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, fileName), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			r, err := read(dir)
			if err != nil || r.Parent != "" || len(r.Labs) != 1 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestOneRunPerParent(t *testing.T) {
	a, b := mustBegin(t), mustBegin(t)
	defer mustEnd(t, b)
	if err := a.Claim("eth0"); err != nil {
		t.Fatal(err)
	}
	err := b.Claim("eth0")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("interface eth0: in use by another run (pid %d, since ", os.Getpid())) {
		t.Errorf("the second claim: %v", err)
	}
	if err := b.Claim("eth1"); err != nil {
		t.Errorf("another parent: %v", err)
	}
	mustEnd(t, a)
	if err := b.Claim("eth0"); err != nil {
		t.Errorf("after the first run: %v", err)
	}
}

func TestNumbersAreNeverSharedByRuns(t *testing.T) {
	runs := []*Run{mustBegin(t), mustBegin(t), mustBegin(t)}
	var mu sync.Mutex
	var wg sync.WaitGroup
	owner := map[int]int{}
	for i := range 30 {
		wg.Go(func() {
			b, err := runs[i%3].Reserve("ns", 7, 1)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for n := b.First; n < b.First+b.Count; n++ {
				if other, taken := owner[n]; taken {
					t.Errorf("%d is reserved by calls %d and %d", n, other, i)
				}
				owner[n] = i
			}
		})
	}
	wg.Wait()
	for n := 1; n <= 30*7; n++ { // and none is left out
		if _, ok := owner[n]; !ok {
			t.Errorf("%d is not reserved", n)
		}
	}
	for _, r := range runs {
		mustEnd(t, r)
	}
}

func TestNumbersThatAreGoneAreFree(t *testing.T) {
	a, b := mustBegin(t), mustBegin(t)
	first, err := a.Reserve("ns", 10, 1)
	if err != nil || first.First != 1 {
		t.Fatal(first, err)
	}
	if next, err := b.Reserve("ns", 10, 1); err != nil || next.First != 11 {
		t.Errorf("beside it: %+v, %v", next, err)
	}
	if err := a.Record(Entry{Gone: &first}); err != nil {
		t.Fatal(err)
	}
	if again, err := b.Reserve("ns", 5, 1); err != nil || again.First != 1 {
		t.Errorf("once they are gone: %+v, %v", again, err)
	}
	mustEnd(t, a)
	mustEnd(t, b)
}

func TestOnlyADeadRunCanBeTakenOver(t *testing.T) {
	live := mustBegin(t)
	if r, err := TakeOver(live.id); r != nil || err != nil {
		t.Errorf("a live run was taken over: %v, %v", r, err)
	}
	mustEnd(t, live)

	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), dieEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := Records()
	if err != nil || len(all) != 1 || all[0].Live || all[0].Command != "mayfly" {
		t.Fatalf("records: %+v, %v", all, err)
	}
	r, err := TakeOver(all[0].ID)
	if r == nil || err != nil {
		t.Fatalf("the dead run: %v", err)
	}
	if again, err := TakeOver(all[0].ID); again != nil || err != nil {
		t.Errorf("it was taken over twice: %v, %v", again, err)
	}
	mustEnd(t, r)
	if _, err := os.Stat(Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", Dir, err)
	}
}

func TestTheLastRunPutsTheFoldersBack(t *testing.T) {
	for _, before := range []bool{false, true} {
		nstest.Need(t)
		if before {
			if err := os.MkdirAll(namespace.EtcDir, 0o755); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(namespace.EtcDir)
		}
		a := mustBegin(t)
		if err := os.MkdirAll(namespace.EtcDir, 0o755); err != nil {
			t.Fatal(err)
		}
		b := mustBegin(t)
		mustEnd(t, a)
		if _, err := os.Stat(namespace.EtcDir); err != nil {
			t.Errorf("the first run to end took the folder of the second: %v", err)
		}
		mustEnd(t, b)
		if _, err := os.Stat(namespace.EtcDir); (err == nil) != before {
			t.Errorf("there before: %v; after: %v", before, err)
		}
	}
}

// A limit that every namespace has of its own stands in for those of the host.
func TestRaisedLimitsArePutBackByTheLastRun(t *testing.T) {
	const key = "net/ipv4/tcp_max_tw_buckets"
	a, b := mustBegin(t), mustBegin(t)
	path := filepath.Join("/proc/sys", key)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	now := func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	for _, step := range []struct {
		run   *Run
		least int
		want  string
	}{
		{a, 1 << 20, "1048576"},
		{b, 1 << 21, "2097152"},
		{a, 5, "2097152"}, // never lowered
	} {
		if err := step.run.Raise(key, step.least); err != nil {
			t.Fatal(err)
		}
		if now() != step.want {
			t.Errorf("raised to at least %d: %s, want %s", step.least, now(), step.want)
		}
	}
	mustEnd(t, a)
	if now() != "2097152" {
		t.Errorf("the other run still needs it: %s", now())
	}
	mustEnd(t, b)
	if now() != strings.TrimSpace(string(old)) {
		t.Errorf("after the last run: %s, want %s", now(), old)
	}
	if err := (&Run{}).Raise("net/no/such/key", 1); err != nil {
		t.Errorf("a limit that is not there: %v", err)
	}
}

func TestNoJournalWritesNothing(t *testing.T) {
	var r *Run
	block, err := r.Reserve("ns", 3, 4)
	if err != nil || block != (Block{Prefix: "ns", First: 4, Count: 3}) {
		t.Errorf("%+v, %v", block, err)
	}
	if err := errors.Join(r.Record(Entry{Lab: "x"}), r.Claim("eth0"), r.Raise("net/core/x", 1), r.Abandon(), r.End()); err != nil {
		t.Error(err)
	}
}

// What a client has no more is not given back by whoever cleans up after it: it
// may be another host's.
func TestALeaseIsHeldUntilItsEnd(t *testing.T) {
	address := netip.MustParsePrefix("10.77.0.10/16")
	for _, tt := range []struct {
		name  string
		lease Lease
		want  bool
	}{
		{"for ever", Lease{Address: address}, true},
		{"for an hour", Lease{Address: address, Until: time.Now().Add(time.Hour)}, true},
		{"ended", Lease{Address: address, Until: time.Now().Add(-time.Second)}, false},
		{"lost", Lease{Client: 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var read Lease
			text, err := json.Marshal(tt.lease)
			if err == nil {
				err = json.Unmarshal(text, &read)
			}
			if err != nil || read.Held() != tt.want {
				t.Errorf("%s: held %v, want %v; %v", text, read.Held(), tt.want, err)
			}
		})
	}
}
