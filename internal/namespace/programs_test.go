package namespace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// sleepers are the processes that sleep for so long.
func sleepers(t *testing.T, seconds string) (n int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if line, _ := os.ReadFile(dir); strings.HasPrefix(string(line), "sleep\x00"+seconds+"\x00") {
			n++
		}
	}
	return n
}

func TestProgramsThatForkAndStayAreEnded(t *testing.T) {
	nstest.Need(t)
	var spaces []*namespace.NS
	for _, name := range []string{"forks1", "forks2"} {
		ns, err := namespace.CreateMarked(name, "forks of a test", namespace.IPv4)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Delete() })
		spaces = append(spaces, ns)
	}
	// One that stays, one that leaves its group and its parent, and one of another namespace.
	for i, command := range []string{"sleep 86301 & setsid sleep 86301 & exit", "exec sleep 86302"} {
		cmd := exec.Command("/bin/sh", "-c", command)
		if err := spaces[i].Start(cmd); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		}
	}
	for end := time.Now().Add(30 * time.Second); sleepers(t, "86301") < 2 || sleepers(t, "86302") < 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d and %d programs run, want 2 and 1", sleepers(t, "86301"), sleepers(t, "86302"))
		}
	}
	if err := namespace.KillPrograms(spaces[0]); err != nil {
		t.Error(err)
	}
	if in, beside := sleepers(t, "86301"), sleepers(t, "86302"); in != 0 || beside != 1 {
		t.Errorf("%d programs are left, and %d of the other namespace; want 0 and 1", in, beside)
	}
}
