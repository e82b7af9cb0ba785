package features_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
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
	c := config.Default()
	if c.Clients.MacvlanMode != "bridge" {
		t.Errorf("clients are in mode %s by default, want bridge", c.Clients.MacvlanMode)
	}
	var notes strings.Builder
	s := steps.Suite{Config: c, FS: features.FS, Paths: []string{"clients/thousand.feature"}, Notes: &notes, T: t}
	code := s.Run(context.Background())
	t.Log(notes.String())
	if code != steps.ExitPassed {
		t.Errorf("exit code %d", code)
	}
	if after, err := os.ReadFile(limit); err != nil || string(after) != string(before) {
		t.Errorf("%s was %q, is %q (%v)", limit, before, after, err)
	}
}
