package features_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/steps"
)

// The other features are tested in a network namespace (suite_test.go in the
// folder above), where the kernel's limits cannot be raised. This one runs on
// the machine itself, as `lanstorm run` would, and puts them back.
func TestAThousandClients(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces cannot be made without it")
	}
	const limit = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
	before, err := os.ReadFile(limit)
	if err != nil {
		t.Skip("needs the machine's own network: the kernel's limits cannot be raised in a namespace")
	}
	nstest.Crowd(t, 1) // the limits are raised for the others; but nobody may try what happens at one
	alone := func() bool { runs, err := journal.Records(); return err == nil && len(runs) == 0 }
	wasAlone := alone()
	c := config.Default()
	c.Results.Dir = t.TempDir()
	c.Ping.InternetRate = 1000 // no provider stands behind the lab
	if c.Clients.MacvlanMode != "bridge" {
		t.Errorf("clients are in mode %s by default, want bridge", c.Clients.MacvlanMode)
	}
	code := steps.ExitInconclusive
	for tries := 0; tries < 3 && code == steps.ExitInconclusive; tries++ { // on a machine that is busy with something else
		var output strings.Builder
		s := steps.Suite{Config: c, FS: features.FS, Paths: []string{"clients/thousand.feature"}, Output: &output, Notes: &output, NoColors: true}
		code = s.Run(context.Background())
		t.Log(output.String())
	}
	if code != steps.ExitPassed {
		t.Errorf("exit code %d", code)
	}
	// Of runs side by side the last puts it back.
	for end := time.Now().Add(time.Minute); wasAlone && alone(); time.Sleep(50 * time.Millisecond) {
		after, err := os.ReadFile(limit)
		if string(after) == string(before) {
			break
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%s was %q, is %q (%v)", limit, before, after, err)
		}
	}
}
