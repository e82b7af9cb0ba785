package namespace

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

func mustCreate(t *testing.T, name string) *NS {
	t.Helper()
	nstest.Need(t)
	ns, err := Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Delete(); err != nil {
			t.Error(err)
		}
	})
	return ns
}

func threadNS(t *testing.T) string {
	t.Helper()
	link, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestDoRunsInsideAndComesHome(t *testing.T) {
	ns := mustCreate(t, "inside")
	before := threadNS(t)
	var within string
	var links []net.Interface
	err := ns.Do(func() (err error) {
		within = threadNS(t)
		links, err = net.Interfaces()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if within == before {
		t.Error("fn ran in the namespace of its caller")
	}
	if len(links) == 0 || links[0].Name != "lo" || links[0].Flags&net.FlagUp != 0 {
		t.Errorf("a new namespace has %v, want a loopback that is down", links)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads found: %v", err)
	}
	for _, task := range tasks {
		if link, err := os.Readlink(task); err == nil && link != before {
			t.Errorf("thread %s was left in %s", task, link)
		}
	}
}

func TestCreateRefusesATakenName(t *testing.T) {
	mustCreate(t, "taken")
	if _, err := Create("taken"); !errors.Is(err, os.ErrExist) {
		t.Errorf("second Create: %v, want fs.ErrExist", err)
	}
}

func TestCreateRefusesNamesThatArePaths(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../netns", "a/b"} {
		if _, err := Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
	}
}

func TestDeleteLeavesTheDirectoryAsFound(t *testing.T) {
	nstest.Need(t)
	before := mounts(t)
	_, statBefore := os.Stat(Dir)
	var all []*NS
	for i := range 3 {
		ns, err := Create(fmt.Sprint("brief", i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ns)
	}
	for _, ns := range all {
		for range 2 { // a second Delete is harmless
			if err := ns.Delete(); err != nil {
				t.Error(err)
			}
		}
	}
	if after := mounts(t); after != before {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(Dir); (err == nil) != (statBefore == nil) {
		t.Errorf("%s: before %v, after %v", Dir, statBefore, err)
	}
}

func mounts(t *testing.T) string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var below []string
	for _, line := range strings.Split(string(info), "\n") {
		if strings.Contains(line, Dir) {
			below = append(below, line)
		}
	}
	return strings.Join(below, "\n")
}

func TestEnterLetsSocketsBeUsedOutside(t *testing.T) {
	ns := mustCreate(t, "sockets")
	outside := threadNS(t)
	err := ns.Enter(func(leave func() error) error {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer pc.Close()
		if err := leave(); err != nil {
			return err
		}
		if here := threadNS(t); here != outside {
			t.Errorf("after leave in %s, want %s", here, outside)
		}
		// Loopback is down inside, so the socket is still of the inside.
		if _, err := pc.WriteTo([]byte("x"), pc.LocalAddr()); !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("write: %v, want network is unreachable", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDoPassesPanicsToItsCaller(t *testing.T) {
	ns := mustCreate(t, "panics")
	defer func() {
		if got := recover(); got != "inside" {
			t.Errorf("recovered %v, want the panic of fn", got)
		}
	}()
	ns.Do(func() error { panic("inside") })
	t.Error("Do returned after a panic")
}

func TestManyAtOnceNeedFewThreads(t *testing.T) {
	ns := mustCreate(t, "crowd")
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if err := ns.Do(func() error { _, err := net.Interfaces(); return err }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tasks, _ := os.ReadDir("/proc/self/task")
	if limit := cap(door) + 40; len(tasks) > limit {
		t.Errorf("%d threads after 500 concurrent calls, want at most %d", len(tasks), limit)
	}
}

func TestStartGivesProgramsTheirOwnEtcAndSys(t *testing.T) {
	ns := mustCreate(t, "program")
	dir := filepath.Join(EtcDir, ns.Name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver 192.0.2.53\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	host, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}

	var out strings.Builder
	cmd := exec.Command("sh", "-c", "cat /etc/resolv.conf; ls /sys/class/net")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, out.String())
	}
	if want := "nameserver 192.0.2.53\nlo\n"; out.String() != want {
		t.Errorf("the program saw %q, want %q", out.String(), want)
	}
	if now, _ := os.ReadFile("/etc/resolv.conf"); string(now) != string(host) {
		t.Errorf("the host's resolv.conf changed to %q", now)
	}
}
