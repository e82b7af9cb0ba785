package bench

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// ManualResult is what clients cost that are made by hand.
type ManualResult struct {
	Create   time.Duration // until the last client had pinged the router, or given up
	Teardown time.Duration // until the last namespace had no name any more
	Gone     time.Duration // after that, until the kernel had removed the last macvlan
	Leased   int           // clients that got a lease
	Answered int           // of those, whom the router answered
}

// manualTime bounds Manual: for a lease that does not come dhclient waits a
// minute, and a slow machine needs another for 200 clients.
const manualTime = 4 * time.Minute

var (
	//go:embed manual.sh
	manualScript []byte
	//go:embed manual-dhclient.sh
	manualDhclientScript []byte
)

// Manual makes n clients in the lab as one did before lanstorm, by manual.sh,
// and takes them down. The leases of the lab are forgotten in the end, should
// some not have come back. It leaves nothing else behind either,
// whatever it returns, unless this process is killed.
func Manual(ctx context.Context, l *lab.Lab, n int) (r ManualResult, err error) {
	m, err := newManual(l, n)
	if err != nil {
		return r, fmt.Errorf("clients by hand: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, manualTime)
	defer cancel()
	report, err := m.run(ctx)
	ended := time.Now()
	if tidyErr := errors.Join(m.tidy(), l.Forget()); err == nil {
		err = tidyErr
	}
	if err != nil {
		return r, fmt.Errorf("clients by hand: %w", err)
	}
	if r, err = parseManual(report); err != nil {
		return r, err
	}
	r.Gone = time.Since(ended)
	return r, nil
}

// manual is a run of manual.sh.
type manual struct {
	link     string   // on which the clients are made
	index    int      // of link
	before   int      // how many MAC addresses link received for others
	names    []string // of namespaces, and of the macvlan in each
	programs map[string]string
	args     []string
	folder   string
}

// newManual looks whether everything is there, and that nothing bears the names
// of the clients to be: then what does so later is ours.
func newManual(l *lab.Lab, n int) (*manual, error) {
	m := &manual{link: l.Parent, programs: map[string]string{}}
	for program, pkg := range map[string]string{"bash": "bash", "ip": "iproute2", "ping": "iputils-ping", "dhclient": "isc-dhcp-client"} {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, fmt.Errorf("%s is not installed: install it (apt install %s)", program, pkg)
		}
		m.programs[program] = path
	}
	link, err := netlink.LinkByName(m.link)
	if err != nil {
		return nil, err
	}
	m.index = link.Attrs().Index
	prefix := m.link + "-old"
	for i := range n {
		name := prefix + strconv.Itoa(i+1)
		if _, err := netlink.LinkByName(name); err == nil || namespace.Exists(name) {
			return nil, fmt.Errorf("%s is there already", name)
		}
		m.names = append(m.names, name)
	}
	if m.before, err = m.macvlans(); err != nil {
		return nil, err
	}
	m.args = []string{m.link, strconv.Itoa(n), prefix, l.Router.String()}
	m.folder, err = os.MkdirTemp("", "lanstorm-manual-")
	return m, err
}

// run returns what manual.sh says. No process of its group is left then.
func (m *manual) run(ctx context.Context) ([]byte, error) {
	own := filepath.Join(m.folder, "manual-dhclient.sh")
	if err := os.WriteFile(own, manualDhclientScript, 0o755); err != nil {
		return nil, err
	}
	// AppArmor knows dhclient by its path, and would keep it from the folder.
	dhclient := filepath.Join(m.folder, "dhclient")
	if err := copyProgram(m.programs["dhclient"], dhclient); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, m.programs["bash"], append([]string{"-s", "--"}, append(m.args, m.folder, dhclient)...)...)
	cmd.Stdin = bytes.NewReader(manualScript)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	report, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return report, err
}

func copyProgram(from, to string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o755)
}

// parseManual reads what manual.sh said.
func parseManual(report []byte) (r ManualResult, err error) {
	said := map[string]int64{}
	for line := range strings.Lines(string(report)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if said[name], err = strconv.ParseInt(value, 10, 64); err != nil {
			return r, fmt.Errorf("manual.sh said %q", line)
		}
	}
	if said["make"] == 0 || said["unmake"] == 0 {
		return r, fmt.Errorf("manual.sh ended early, saying %q", report)
	}
	return ManualResult{
		Create: time.Duration(said["make"]), Teardown: time.Duration(said["unmake"]),
		Leased: int(said["leased"]), Answered: int(said["answered"]),
	}, nil
}

// tidyTime is how long the kernel may take to remove what was let go of.
const tidyTime = time.Minute

// tidy takes away what is left of the clients: after a run that came to its end
// that is only what the kernel has not yet got round to.
func (m *manual) tidy() error {
	errs := []error{m.killAll()}
	for _, name := range m.names {
		errs = append(errs, m.remove(name))
	}
	for end := time.Now().Add(tidyTime); ; time.Sleep(10 * time.Millisecond) {
		if n, err := m.macvlans(); err != nil || n <= m.before {
			errs = append(errs, err)
			break
		}
		if time.Now().After(end) {
			errs = append(errs, fmt.Errorf("there are still macvlans on %s", m.link))
			break
		}
	}
	return errors.Join(append(errs, os.RemoveAll(m.folder))...)
}

// remove takes away a client, if it is there.
func (m *manual) remove(name string) error {
	// A link that has not come into its namespace yet.
	if link, err := netlink.LinkByName(name); err == nil && link.Attrs().ParentIndex == m.index {
		if err := netlink.LinkDel(link); err != nil {
			return err
		}
	}
	if !namespace.Exists(name) {
		return nil
	}
	ns, err := namespace.Open(name)
	if err != nil { // `ip netns add` was killed before it stood for anything
		return namespace.RemoveStub(name)
	}
	return errors.Join(ns.DeleteLinks(), ns.Delete())
}

// killAll ends the dhclients that are left, and what their scripts started.
// They have left the group of manual.sh, but name that script, of which the
// path is nobody else's.
func (m *manual) killAll() error {
	ours := []byte(filepath.Join(m.folder, "manual-dhclient.sh"))
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		left := 0
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			return err
		}
		for _, file := range files {
			cmdline, err := os.ReadFile(file)
			if err != nil || !bytes.Contains(cmdline, ours) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				left++
				_ = syscall.Kill(pid, syscall.SIGKILL) // fails when it has ended
			}
		}
		if left == 0 {
			return nil
		}
	}
	return errors.New("there are still dhclients that cannot be killed")
}

// macvlans counts the MAC addresses that the link receives for others: those of
// its macvlans that are up, in whatever namespace, as in `bridge fdb show`.
func (m *manual) macvlans() (int, error) {
	list, err := netlink.NeighList(m.index, unix.AF_BRIDGE)
	return len(list), err
}
