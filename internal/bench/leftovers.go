package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// returnTime is how long a server may take to read the RELEASEs that have
// reached it.
const returnTime = 10 * time.Second

// leftovers asks the kernel and the server what is left of clients that are
// said to be gone: macvlans on the parent, namespaces with this run's mark but
// the lab's own, leases.
func (s *session) leftovers(ctx context.Context, l *lab.Lab) (left []string) {
	if n, err := macvlans(l.Parent); err != nil {
		left = append(left, oneLine(err))
	} else if n > 0 {
		left = append(left, fmt.Sprintf("%d macvlans left on %s", n, l.Parent))
	}
	names, _ := filepath.Glob(filepath.Join(namespace.Dir, "*"))
	for _, path := range names {
		name := filepath.Base(path)
		if slices.Contains(l.Namespaces(), name) {
			continue
		}
		ns, err := namespace.OpenMarked(name, s.journal.Mark())
		if err != nil || ns == nil {
			continue
		}
		ns.Close()
		left = append(left, "namespace "+name+" left")
	}
	switch n, err := leasesLeft(ctx, l); {
	case err != nil:
		left = append(left, oneLine(err))
	case n > 0:
		left = append(left, fmt.Sprintf("%d leases not given back", n))
	}
	return left
}

// macvlans counts the macvlans on parent that are up, by the addresses that
// parent receives for them, as `bridge fdb show dev <parent>` would.
func macvlans(parent string) (int, error) {
	link, err := netlink.LinkByName(parent)
	if err != nil {
		return 0, err
	}
	index := link.Attrs().Index
	for {
		list, err := netlink.NeighListExecute(netlink.Ndmsg{Family: unix.AF_BRIDGE, Index: uint32(index)})
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			continue
		}
		n := 0
		for _, entry := range list {
			// Each also receives for the groups that its clients have joined.
			if entry.LinkIndex == index && len(entry.HardwareAddr) == 6 && entry.HardwareAddr[0]&1 == 0 {
				n++
			}
		}
		return n, err
	}
}

func leasesLeft(ctx context.Context, l *lab.Lab) (n int, err error) {
	for end := time.Now().Add(returnTime); ; time.Sleep(50 * time.Millisecond) {
		if n, err = l.Leases(); err != nil || n == 0 || ctx.Err() != nil || time.Now().After(end) {
			return n, err
		}
	}
}
