package doctor

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestCheckKernel(t *testing.T) {
	const old = " is too old: lanstorm needs 6.1 or newer -> upgrade the system: Debian 12 and the Raspberry Pi OS made from it are new enough"
	for _, tt := range []struct{ name, release, want string }{
		{"the oldest", "6.1.0-56-arm64\n", "ok: Linux 6.1.0-56-arm64"},
		{"a Raspberry Pi's", "6.12.47+rpt-rpi-2712\n", "ok: Linux 6.12.47+rpt-rpi-2712"},
		{"of a new number", "7.0-rc1\n", "ok: Linux 7.0-rc1"},
		{"too old by a little", "6.0.19\n", "problem: Linux 6.0.19" + old},
		{"too old by far", "5.10.103-v7l+\n", "problem: Linux 5.10.103-v7l+" + old},
		{"nonsense", "new\n", `skipped: cannot be told: the kernel calls itself "new"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{}, map[string]string{"proc/sys/kernel/osrelease": tt.release}).checkKernel())
		})
	}
}

func TestTheKernelIsTriedForTheLab(t *testing.T) {
	nstest.Need(t)
	before := state(t)
	checks := Run(t.Context(), Options{Interface: "lab", Clients: 10})
	if after := state(t); after != before {
		t.Errorf("the machine is not as it was: %s", cmp.Diff(before, after))
	}
	want := []string{"ok kernel", "ok root", "ok namespaces", "ok packet sockets", "ok macvlan", "ok veth", "ok masquerade", "ok interface"}
	var got []string
	for _, name := range names(checks) {
		if slices.ContainsFunc(want, func(w string) bool { return sameName(w, name) }) {
			got = append(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%v", diff, checks)
	}
}

func sameName(a, b string) bool {
	_, nameA, _ := strings.Cut(a, " ")
	_, nameB, _ := strings.Cut(b, " ")
	return nameA == nameB
}

// state is what of the machine a doctor could have changed.
func state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		a := l.Attrs()
		b.WriteString(a.Name + " " + a.HardwareAddr.String() + " " + (a.Flags &^ net.FlagRunning).String() + "\n") // whose carrier the kernel tells of later
	}
	entries, err := os.ReadDir(namespace.Dir)
	b.WriteString(namespace.Dir)
	if err != nil {
		b.WriteString(" is not there")
	}
	for _, e := range entries {
		b.WriteString(" " + e.Name())
	}
	return b.String()
}

// TestScratchHasNoName: what has no name cannot be left behind.
func TestScratchHasNoName(t *testing.T) {
	nstest.Need(t)
	err := inScratch(func(s *scratch) error {
		if entries, _ := os.ReadDir(namespace.Dir); len(entries) > 0 {
			t.Errorf("%s holds %v", namespace.Dir, entries)
		}
		_, err := s.addVeth()
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestScratchIsGivenUpWhateverHappens(t *testing.T) {
	nstest.Need(t)
	parent := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "docparent"}, PeerName: "docpeer"}
	if err := netlink.LinkAdd(parent); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(parent) })
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)

	refused := errors.New("refused")
	hang := func(end func() error) (err error) {
		defer func() {
			if recover() != nil {
				err = refused
			}
		}()
		return inScratch(func(s *scratch) error {
			attrs := netlink.LinkAttrs{ParentIndex: indexOf(t, "docparent"), HardwareAddr: []byte{6, 0, 0, 0, 0, 1}}
			if _, err := s.addMacvlan(host, attrs); err != nil {
				return err
			}
			return end()
		})
	}
	// The address is free again each time, so the macvlan is gone at once.
	for range 3 {
		if err := hang(func() error { return refused }); err != refused && !errors.Is(err, refused) {
			t.Error(err)
		}
		if err := hang(func() error { panic("at the disco") }); !errors.Is(err, refused) {
			t.Error(err)
		}
	}
}

// TestTheHostNeverHearsOfMacvlans proves what checkManagers says: whoever
// listens to the parent's namespace, as managers do, does not hear of a
// macvlan that comes into being elsewhere.
func TestTheHostNeverHearsOfMacvlans(t *testing.T) {
	nstest.Need(t)
	parent := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "docparent"}, PeerName: "docpeer"}
	if err := netlink.LinkAdd(parent); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(parent) })
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)

	news, done := make(chan netlink.LinkUpdate), make(chan struct{})
	if err := netlink.LinkSubscribe(news, done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(done)
		for range news { // until the subscription has ended
		}
	})
	heard := make(chan []string)
	last := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "doclast"}, PeerName: "doclastpeer"}
	go func() {
		var names []string
		for n := range news {
			names = append(names, n.Attrs().Name)
			if n.Attrs().Name == last.Name {
				break
			}
		}
		heard <- names
	}()
	if err := netmgr.TryLink(host, &netlink.LinkAttrs{Name: "docparent", Index: indexOf(t, "docparent")}); err != nil {
		t.Error(err)
	}
	if err := netlink.LinkAdd(last); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(last) })
	for _, name := range <-heard {
		if !strings.HasPrefix(name, "doc") {
			t.Errorf("the host heard of %s", name)
		}
	}
}

func TestAKernelThatRefusesIsNotAKernelThatCannotBeTried(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  Check
		want string
	}{
		{"no module", tried(errors.New("macvlan: operation not supported"), "one", "macvlan", "CONFIG_MACVLAN"),
			"problem: the kernel refuses: macvlan: operation not supported -> sudo modprobe macvlan; if there is no such module, use a kernel with CONFIG_MACVLAN"},
		{"no veth to try it on", tried(errNoTrial{errors.New("veth: operation not supported")}, "one", "macvlan", "CONFIG_MACVLAN"),
			"skipped: cannot be tried: veth: operation not supported"},
		{"fine", tried(nil, "one", "macvlan", "CONFIG_MACVLAN"), "ok: one was made and removed"},
	} {
		t.Run(tt.name, func(t *testing.T) { compare(t, tt.want, tt.got) })
	}
}
