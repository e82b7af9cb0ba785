package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Netlink opens an rtnetlink(7) handle inside the namespace, for use anywhere.
// The caller closes it.
func (n *NS) Netlink() (h *netlink.Handle, err error) {
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
	return n.Do(func() error { return writeSysctl(key, value) })
}

// DisableIPv6 keeps the namespace silent on IPv6, link-local chatter included.
// It succeeds on a kernel without IPv6.
func (n *NS) DisableIPv6() error {
	return n.Do(func() error {
		for _, which := range []string{"all", "default"} {
			err := writeSysctl("net/ipv6/conf/"+which+"/disable_ipv6", "1")
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// writeSysctl reaches the settings of the namespace that the thread is in.
func writeSysctl(key, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0)
}
