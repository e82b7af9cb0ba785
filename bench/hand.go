package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

//go:embed manual.sh
var manualScript string

// byHand makes n clients in the lab as one did before lanstorm, and takes them
// down. Of these, Create is until the last client had pinged the router, or given
// up, and Remove until the last namespace had no name any more.
func byHand(ctx context.Context, l *lab.Lab, n int) (o Other, err error) {
	// For a lease that does not come dhclient waits a minute, and a slow machine
	// needs another for 200 clients.
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-s", "--", l.Parent, strconv.Itoa(n), l.Router.String())
	cmd.Stdin = strings.NewReader(manualScript)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// With the first process of a PID namespace end all, dhclients too, and with
		// the last of a mount namespace go its mounts, the names of network namespaces.
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // an interrupt from the terminal is not for it
	}
	report, err := cmd.Output()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// Some leases may not have come back.
	if err := errors.Join(err, removeMacvlans(l.Parent), l.Forget()); err != nil {
		return o, fmt.Errorf("by hand: %w", err)
	}
	o = Other{Way: "by hand", Clients: n}
	_, err = fmt.Sscanf(string(report), "make %d\nleased %d\nanswered %d\nunmake %d\n", &o.Create, &o.Leased, &o.Answered, &o.Remove)
	if err != nil {
		return o, fmt.Errorf("manual.sh said %q: %w", report, err)
	}
	return o, nil
}

// removeMacvlans waits until the kernel has removed those of namespaces that are
// gone. Those that have not come into one yet it deletes.
func removeMacvlans(parent string) error {
	on, err := netlink.LinkByName(parent)
	if err != nil {
		return err
	}
	links, err := netmgr.Links()
	for _, link := range links {
		if link.Type() == "macvlan" && link.Attrs().ParentIndex == on.Attrs().Index {
			err = errors.Join(err, netlink.LinkDel(link))
		}
	}
	for end := time.Now().Add(time.Minute); err == nil; time.Sleep(10 * time.Millisecond) {
		n, countErr := netmgr.Macvlans(parent)
		if err = countErr; n == 0 {
			break
		}
		if time.Now().After(end) {
			err = fmt.Errorf("there are still %d macvlans on %s", n, parent)
		}
	}
	return err
}
