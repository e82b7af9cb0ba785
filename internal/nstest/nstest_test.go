package nstest_test

import (
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// Whoever gets here second finds nothing of the first, who does not tidy up.
func TestAMachineApartHasNothingOfTheOthers(t *testing.T) {
	for _, name := range []string{"one", "another", "one (more)"} {
		t.Run(name, func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
				t.Error(err)
			}
			for _, dir := range []string{"/run/mine", "/etc/netns", "/etc/netns/mine"} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Error(err)
				}
			}
			if _, err := os.Stat("/sys/class/net/br0"); err != nil {
				t.Error(err)
			}
			if links, err := netlink.LinkList(); err != nil || len(links) != 2 {
				t.Errorf("%d links, %v", len(links), err)
			}
		})
	}
}
