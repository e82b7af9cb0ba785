// Package nstest gives a test binary a machine of its own to break: a fresh
// network namespace, a private copy of /etc and an empty /run. Packages can
// then be tested side by side, and nothing they do reaches the real interfaces.
// A test that waits long can have such a machine for itself alone.
package nstest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	inside = "LANSTORM_TEST_INSIDE" // marks the process that Main started
	apart  = "LANSTORM_TEST_APART"  // marks one that Apart started
)

// Main runs the tests of a package, and is all that its TestMain need call.
// As root they run inside the private machine; otherwise they run as they
// are, and those that call Need skip.
func Main(m interface{ Run() int }) {
	switch {
	case os.Geteuid() != 0, slices.Contains(os.Args, "-test.fuzzworker"): // the latter is the child of one inside
		os.Exit(m.Run())
	case os.Getenv(inside) == "":
		os.Exit(reexec())
	}
	if err := furnish(); err != nil {
		fmt.Fprintln(os.Stderr, "nstest:", err)
		os.Exit(2)
	}
	// Parallel tests wait more than they compute. The command line has the last word.
	_ = flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	os.Exit(m.Run())
}

// Need skips the test when it cannot make namespaces.
func Need(tb testing.TB) {
	tb.Helper()
	if os.Getenv(inside) == "" {
		tb.Skip("needs root: network namespaces cannot be made without it")
	}
}

// Apart runs a test in a process and on a private machine of its own, beside
// others that call it:
//
//	if nstest.Apart(t) {
//		return
//	}
//
// It returns false in that process, and true here, when the test is over.
func Apart(t *testing.T) (done bool) {
	t.Helper()
	Need(t)
	if os.Getenv(apart) != "" {
		return false
	}
	t.Parallel()
	args := []string{"-test.v", "-test.paniconexit0", "-test.run", onlyThis(t.Name())}
	if end, limited := t.Deadline(); limited {
		args = append(args, "-test.timeout", time.Until(end).String())
	}
	cmd := privately(args, apart+"=1")
	runtime.LockOSThread() // Pdeathsig means the death of this thread
	defer runtime.UnlockOSThread()
	output, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, output)
	case strings.Contains(string(output), "--- SKIP: "+t.Name()+" "):
		t.Skipf("%s", output)
	default:
		t.Logf("%s", output)
	}
	return true
}

// onlyThis is the pattern for -run that matches nothing but the test of a name.
func onlyThis(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

func reexec() int {
	cmd := privately(os.Args[1:], inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	runtime.LockOSThread() // Pdeathsig means the death of this thread
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	err := cmd.Start()
	if err == nil {
		go func() {
			for s := range signals {
				_ = cmd.Process.Signal(s)
			}
		}()
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "nstest:", err)
	return 2
}

// privately is this program, to be run in namespaces of its own.
func privately(args []string, env string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), env)
	if os.Getenv("GORACE") == "" {
		// With the race detector each process, lanstorm's of these tests too, would
		// else take a second to end.
		cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=10")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL, // `go test -timeout` must not leave it behind
		Setpgid:    true,         // it gets each signal once: from here
	}
	return cmd
}

// Script runs a script in bash, in process and mount namespaces of its own:
// whatever it starts or mounts is gone when it ends, however it ends. It returns
// what the script prints.
func Script(ctx context.Context, script string, args ...string) (printed string, err error) {
	cmd := exec.CommandContext(ctx, "bash", append([]string{"-s", "--"}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// When the first process of a PID namespace ends, all do. When the last of a
		// mount namespace does, its mounts go: those of network namespaces give them
		// their names.
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
		Setpgid:    true, // an interrupt from the terminal is not for it
	}
	runtime.LockOSThread() // Pdeathsig means the death of this thread
	defer runtime.UnlockOSThread()
	output, err := cmd.Output()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return string(output), err
}

// furnish makes the new namespaces liveable: mounts stay private, /sys shows
// this network, /run is empty, and /etc takes writes that vanish with the
// process.
func furnish() error {
	if err := unix.Mount("", "/", "none", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if os.Getenv(apart) != "" { // no machine within a machine: there is no overlay on an overlay
		for _, dir := range []string{"/etc", "/run", "/sys"} {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", dir, err)
			}
		}
	}
	if err := unix.Mount("nstest", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	// On many systems this is a link into the /run that goes away here.
	resolvConf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_ = unix.Unmount("/run/netns", unix.MNT_DETACH) // of runs on the machine beside this test, if there are any
	if err := unix.Mount("nstest", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := overlayEtc("/run/nstest"); err != nil {
		return err
	}
	_ = os.Remove("/etc/resolv.conf")
	return os.WriteFile("/etc/resolv.conf", resolvConf, 0o644)
}

// overlayEtc puts a layer on /etc, for which it uses scratch, an empty folder
// to be, for a moment. The host's /etc/netns does not show through it, whatever
// comes and goes on either side: it is masked in a layer between the two.
func overlayEtc(scratch string) error {
	upper, work, mask := scratch+"/etc", scratch+"/work", scratch+"/mask"
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("nstest", scratch, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	whiteout := func() error { return unix.Mknod(mask+"/netns", unix.S_IFCHR, 0) }
	if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755), os.Mkdir(mask, 0o755), whiteout()); err != nil {
		return err
	}
	if err := unix.Mount("nstest", "/etc", "overlay", 0, "lowerdir="+mask+":/etc,upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("overlay /etc: %w", err)
	}
	// The overlay keeps the tmpfs alive; its own place is no longer needed.
	if err := unix.Unmount(scratch, unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(scratch)
}
