package netmgr_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/netmgr"
)

func TestAProgramSeesItsClientsMachine(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	c := create(t, m, 2)[1]
	host, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("/etc/netns/ns2/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, script, want string
	}{
		{"its links", "ls /sys/class/net", "lo\nmacvlan2\n"},
		{"its MAC address", "cat /sys/class/net/macvlan2/address", c.MAC.String() + "\n"},
		{"its own address and no other", "grep -B1 'host LOCAL' /proc/net/fib_trie | grep -o '10[.][0-9.]*' | sort -u", c.Lease().Address.Addr().String() + "\n"},
		{"its resolv.conf", "cat /etc/resolv.conf", string(own)},
		{"the host's other files", "test -e /etc/passwd && echo there", "there\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := c.Command(t.Context(), "sh", "-c", tt.script).Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if now, err := os.ReadFile("/etc/resolv.conf"); err != nil || string(now) != string(host) {
		t.Errorf("the host's resolv.conf became %q (%v)", now, err)
	}
}

func TestWhatAProgramSays(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	const script = "echo out; echo err >&2; exit 3"
	out, err := c.Command(t.Context(), "sh", "-c", script).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || string(out) != "out\n" {
		t.Errorf("Output is %q, %v", out, err)
	}
	cmd, both := c.Command(t.Context(), "sh", "-c", script), &strings.Builder{}
	cmd.Stdout, cmd.Stderr = both, both
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 3 || both.String() != "out\nerr\n" {
		t.Errorf("both outputs are %q, %v", both, err)
	}
}

func TestAProgramThatCannotStart(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, program string
		want          error
	}{
		{"that is not there", "no-such-program", exec.ErrNotFound},
		{"whose path is not there", "/no/such/program", fs.ErrNotExist},
		{"that is none", text, syscall.ENOEXEC},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := c.Command(t.Context(), tt.program).Start(); !errors.Is(err, tt.want) {
				t.Errorf("Start: %v, want %v", err, tt.want)
			}
			if _, err := c.Command(t.Context(), tt.program).Output(); !errors.Is(err, tt.want) {
				t.Errorf("Output: %v, want %v", err, tt.want)
			}
			if err := c.Command(t.Context(), tt.program).Run(); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.program) {
				t.Errorf("Run: %v, want it to name %s", err, tt.program)
			}
		})
	}
}

func TestProgramsAreKilled(t *testing.T) {
	for _, tt := range []struct {
		name string
		by   func(t *testing.T, m *netmgr.NetworkManager, cancel func())
	}{
		{"by Cleanup", func(t *testing.T, m *netmgr.NetworkManager, _ func()) { cleanup(t, m) }},
		{"by the end of their context", func(_ *testing.T, _ *netmgr.NetworkManager, cancel func()) { cancel() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, c := clientOf(t, netmgr.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := c.Command(ctx, "sleep", "3600")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			tt.by(t, m, cancel)
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.Is(err, context.Canceled) && !errors.As(err, &exit) {
				t.Errorf("Wait: %v", err)
			}
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Errorf("it ended otherwise: %v", cmd.ProcessState)
			}
		})
	}
}
