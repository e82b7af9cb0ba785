package journal

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// aDeadRun returns the record of a run whose process is gone.
func aDeadRun(t *testing.T) Record {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), dieEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := Records()
	for _, r := range all {
		if r.Command == "mayfly" {
			return r
		}
	}
	t.Fatalf("the dead run has no record: %+v, %v", all, err)
	return Record{}
}

// A look that takes the lock for a moment makes a dead run seem alive to others
// who look, and keeps them from undoing it.
func TestWhoLooksDoesNotDisturbOthersWhoLook(t *testing.T) {
	live := mustBegin(t)
	defer mustEnd(t, live)
	dead := aDeadRun(t)
	var wg sync.WaitGroup
	end := time.Now().Add(300 * time.Millisecond)
	for range 4 {
		wg.Go(func() {
			for time.Now().Before(end) {
				all, err := Records()
				if err != nil || len(all) != 2 {
					t.Errorf("%d records, %v", len(all), err)
					return
				}
				for _, r := range all {
					if r.Live != (r.ID == live.id) || r.Undone {
						t.Errorf("%s counts as alive: %v, as being undone: %v", r.Command, r.Live, r.Undone)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	r, err := TakeOver(dead.ID)
	if r == nil || err != nil {
		t.Fatalf("the dead run could not be taken over: %v", err)
	}
	mustEnd(t, r)
}

// "Live" would have people, and `lanstorm lab down`, send signals to whatever
// process has the number of the dead one by now.
func TestARunThatIsBeingUndoneIsNotAlive(t *testing.T) {
	r := mustBegin(t)
	defer mustEnd(t, r)
	dead := aDeadRun(t)
	undoing, err := TakeOver(dead.ID)
	if undoing == nil || err != nil {
		t.Fatal(err)
	}
	if err := undoing.Record(Entry{Parent: "eth0"}); err != nil {
		t.Fatal(err)
	}
	all, err := r.others()
	if err != nil || len(all) != 1 || all[0].Live || !all[0].Undone {
		t.Errorf("records: %+v, %v", all, err)
	}
	err = r.Claim("eth0")
	if err == nil || !strings.Contains(err.Error(), "interface eth0: another lanstorm is just removing what is left there of the run of ") {
		t.Errorf("the claim while it is undone: %v", err)
	}
	mustEnd(t, undoing)
	if err := r.Claim("eth0"); err != nil {
		t.Errorf("the claim afterwards: %v", err)
	}
}
