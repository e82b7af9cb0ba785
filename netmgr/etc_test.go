package netmgr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Clients that were told the same have one file on the disk, and so have those that
// come later.
func TestClientsShareWhatTheyAreTold(t *testing.T) {
	l := startLab(t, labOf(lab.NoIPv6))
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 5)
	var first os.FileInfo
	for _, c := range create(t, m, 5) {
		link := filepath.Join(namespace.EtcDir, c.Name)
		info, err := os.Lstat(link)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = info
		}
		if to, err := os.Readlink(link); err != nil || !os.SameFile(first, info) {
			t.Errorf("%s is a file of its own, that leads to %s (%v)", link, to, err)
		}
	}
	cleanup(t, m)
	if _, err := os.Stat(journal.Dir); err == nil {
		t.Errorf("%s is left", journal.Dir)
	}
}

// Another run may take /etc/netns away, which it had made, before a client has its link.
func TestEtcIsMadeAgain(t *testing.T) {
	l := startLab(t, labOf(lab.NoIPv6))
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 1)
	if err := os.RemoveAll(namespace.EtcDir); err != nil {
		t.Fatal(err)
	}
	c := create(t, m, 1)[1]
	if _, err := os.Stat(filepath.Join(namespace.EtcDir, c.Name, "resolv.conf")); err != nil {
		t.Error(err)
	}
	cleanup(t, m)
	if _, err := os.Stat(namespace.EtcDir); err == nil {
		t.Errorf("%s is left", namespace.EtcDir)
	}
}

// A program that runs when its client is told more sees that, as on any host.
func TestAProgramSeesNewNameServers(t *testing.T) {
	l := startLab(t, labOf(lab.SLAAC))
	m := newManager(t, netmgr.Options{Parent: l.Parent, IPFamily: netmgr.Dual})
	c := create(t, m, 5)[0] // IPv6 comes later
	program := c.Command(t.Context(), "sh", "-c", "cat /etc/resolv.conf; read line; cat /etc/resolv.conf")
	in, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	program.Stdout = &out
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	if err := m.Await6(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names := m.WithoutNames6(); names != nil {
		t.Error(names)
	}
	want := "nameserver " + router6.String() + "\n"
	await(t, "its resolv.conf has it", func() bool {
		text, _ := os.ReadFile(filepath.Join(namespace.EtcDir, c.Name, "resolv.conf"))
		return strings.HasSuffix(string(text), want)
	})
	in.Close()
	if err := program.Wait(); err != nil && program.ProcessState.ExitCode() != 0 {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("it saw\n%s", &out)
	}
}
