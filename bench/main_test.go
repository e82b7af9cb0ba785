package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// What it needs and is not there is named before it begins.
func TestWithoutItsProgramsItDoesNotBegin(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	const want = "not installed: dnsmasq, kea-dhcp4, perfdhcp, dhclient, tcpdump, ip, ping, iperf3, nginx; install them with: " +
		"apt install dnsmasq-base kea-dhcp4-server kea-admin isc-dhcp-client tcpdump iproute2 iputils-ping iperf3 nginx"
	if err := installed(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	document := filepath.Join(t.TempDir(), "out.md")
	if code := run([]string{"-document", document}); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	if _, err := os.Stat(document); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a document (%v)", err)
	}
}

func TestWhatIsAskedInTheWrongWayIsNotBegun(t *testing.T) {
	for _, args := range [][]string{{"-document"}, {"-document", "out.md", "more"}, {"-quick"}} {
		if code := run(args); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
	}
}
