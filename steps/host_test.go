package steps

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// A server that keeps connections open, as most do, must not make a run end with
// one left behind.
func TestTheHostLeavesNoConnectionToTheServer(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(quick(t, nil).Lab)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c := quick(t, map[string]string{"interface": l.Parent, "download.url": s.URL})
	if code, output := runFeature(t, c, "", `the host machine can reach the download server`); code != ExitPassed {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}
