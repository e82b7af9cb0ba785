package namespace

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Netlink opens an rtnetlink(7) handle inside the namespace, for use anywhere.
// The caller closes it.
func (n *NS) Netlink() (h *netlink.Handle, err error) {
	if h := n.spare.Swap(nil); h != nil {
		return h, nil
	}
	err = n.Do(func() error {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", n.name, err)
	}
	return h, nil
}

// SetSysctl writes a setting of the namespace, such as "net/ipv4/ip_forward".
// The host's own settings are not touched.
func (n *NS) SetSysctl(key, value string) error {
	return n.Do(func() error { return os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0) })
}
