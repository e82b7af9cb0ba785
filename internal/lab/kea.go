package lab

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
)

//go:embed kea.json
var keaConfig string

var keaTemplate = template.Must(template.New("kea.json").Parse(keaConfig))

// kea is the DHCP server of the ISC (kea-dhcp4(8)), run in the router. The
// router's name server is the built-in one. Its configuration and its lease
// file, kea.json and kea-leases4.csv, are in /run/lanstorm/<parent> while the
// lab stands.
type kea struct {
	*program
	config []byte // of the router as it behaves now; nil for one that is silent
	wrote  []byte // the configuration that Kea last began with
}

func (l *Lab) serveKea() error {
	p, err := l.newProgram(Kea, "kea-dhcp4", "kea-dhcp4-server", "DHCP4_STARTED")
	if err != nil {
		return err
	}
	p.words, p.deaf = unconfined(p.words), "DHCPSRV_OPEN_SOCKET_FAIL"
	dir := p.file("")
	// Since 2.6.3 Kea writes leases nowhere but in its data folder.
	p.env = []string{"KEA_PIDFILE_DIR=" + dir, "KEA_LOCKFILE_DIR=" + dir, "KEA_DHCP_DATA_DIR=" + dir, "KEA_LOGGER_DESTINATION=stderr"}
	l.server = &kea{program: p}
	return l.forwardDNS(new(atomic.Bool))
}

// unconfined has AppArmor let a command be: Debian's profile for Kea keeps it
// from all files but those of Debian's own service.
func unconfined(words []string) []string {
	on, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if aa, err := exec.LookPath("aa-exec"); err == nil && strings.HasPrefix(string(on), "Y") {
		return append([]string{aa, "-p", "unconfined", "--"}, words...)
	}
	return words
}

// obey runs Kea anew when c changes its configuration. It reads its leases
// from their file then.
func (k *kea) obey(c fault.Conditions) (err error) {
	k.config = nil
	if !c.SilentDHCP {
		if k.config, err = k.render(c); err != nil {
			return err
		}
	}
	if !bytes.Equal(k.config, k.wrote) {
		k.stop()
	}
	return k.serve()
}

func (k *kea) forget() error {
	k.stop()
	if err := os.Remove(k.leaseFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return k.serve()
}

// linkIsUp starts Kea if it was to forget its leases meanwhile.
func (k *kea) linkIsUp() error { return k.serve() }

// serve starts Kea if it should run and does not. On a link that is down, or
// that has no carrier yet, it would open no socket and not look again.
func (k *kea) serve() error {
	if k.cmd != nil || k.config == nil {
		return nil
	}
	if serves, err := k.lanIsUp(); !serves {
		return err
	}
	if err := os.WriteFile(k.file("kea.json"), k.config, 0o644); err != nil {
		return err
	}
	k.wrote = k.config
	return k.start("-c", k.file("kea.json"))
}

// lanIsUp waits for the carrier of the LAN, unless its link is down.
func (k *kea) lanIsUp() (bool, error) {
	for end := time.Now().Add(carrierTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var lan *net.Interface
		err := k.lab.router.Do(func() (err error) {
			lan, err = net.InterfaceByName("lan")
			return err
		})
		if err != nil || lan.Flags&net.FlagUp == 0 {
			return false, err
		}
		if lan.Flags&net.FlagRunning != 0 {
			return true, nil
		}
	}
	return false, fmt.Errorf("no carrier on lan after %s", carrierTime)
}

func (k *kea) render(c fault.Conditions) ([]byte, error) {
	first := k.lab.firstLease()
	options := map[string]string{"routers": k.lab.Router.String(), "domain-name-servers": k.lab.Router.String()}
	if c.NoGateway {
		delete(options, "routers")
	}
	if c.NoDNS {
		delete(options, "domain-name-servers")
	}
	var b bytes.Buffer
	err := keaTemplate.Execute(&b, map[string]any{
		"Leases":  k.leaseFile(),
		"Seconds": int(c.LeaseTime.Seconds()),
		"Subnet":  k.lab.opts.Subnet.String(),
		"Pool":    fmt.Sprintf("%s - %s", first, nth(first, c.Pool-1)),
		"Options": options,
	})
	return b.Bytes(), err
}

func (k *kea) leaseFile() string { return k.file("kea-leases4.csv") }

// leases counts by the lease file. Kea writes a row before it answers, so the
// count is never behind; its own statistics go on counting leases that have
// expired, and addresses that were declined.
func (k *kea) leases() (int, error) {
	file, err := os.ReadFile(k.leaseFile())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return countKeaLeases(string(file), time.Now()), err
}

// countKeaLeases counts the leases in force in a lease file of Kea: of each
// address the last row holds.
func countKeaLeases(csv string, now time.Time) int {
	const address, lifetime, expire, state, columns = 0, 3, 4, 9, 10
	held := map[string]bool{}
	for line := range strings.Lines(csv) {
		row := strings.Split(line, ",")
		if len(row) < columns || !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		until, err := strconv.ParseInt(row[expire], 10, 64)
		if err != nil {
			continue // the names of the columns
		}
		// A row without a lifetime deletes a lease, and a state other than 0 is
		// an address that was declined, or a lease that has expired.
		held[row[address]] = row[lifetime] != "0" && strings.TrimSpace(row[state]) == "0" && now.Unix() < until
	}
	n := 0
	for _, is := range held {
		if is {
			n++
		}
	}
	return n
}
