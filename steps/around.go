package steps

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

// commandTime bounds a command of the user's, such as one that resets the router
// and waits until it is there again.
const commandTime = 10 * time.Minute

// command runs what the key router.before or router.after says, and tells what it
// printed. With ctx, all that it started ends.
func (s *Suite) command(ctx context.Context, key string) (output string, err error) {
	line := s.Config.Setting(key)
	if line == "" {
		return "", nil
	}
	fmt.Fprintf(s.Notes, "%s: %s\n", key, line)
	ctx, cancel := context.WithTimeoutCause(ctx, commandTime, fmt.Errorf("not done in %s", commandTime))
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for what it left in the background, and holds the output
	text, err := cmd.CombinedOutput()
	output = strings.TrimSpace(string(text))
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return output, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if last := output[strings.LastIndexByte(output, '\n')+1:]; last != "" {
		err = fmt.Errorf("%w: %s", err, record.Clean(last))
	}
	return output, fmt.Errorf("%s: %w", key, err)
}

var firmwareLine = regexp.MustCompile(`(?m)^firmware: *(.*\S)`)

// before runs router.before, and takes the firmware from it if nobody has named it.
func (s *Suite) before(ctx context.Context) error {
	output, err := s.command(ctx, "router.before")
	if err != nil {
		return err
	}
	s.prepared = output
	if m := firmwareLine.FindStringSubmatch(output); m != nil && s.Config.Router.Firmware == "" {
		if err := s.Config.Set("router.firmware", m[1]); err != nil {
			return fmt.Errorf("router.before: %w", err)
		}
		s.Config.Origin["router.firmware"] = "router.before"
	}
	return nil
}

// openTerminal opens where somebody can press Enter, whatever becomes of the input.
func (s *Suite) openTerminal() (err error) {
	if s.Config.Run.Keep {
		if s.keyboard, err = os.Open("/dev/tty"); err != nil {
			return errors.New("--keep (run.keep) waits for Enter after a failure, and there is no terminal")
		}
	}
	return nil
}

// stay leaves the clients of a scenario that failed standing, until somebody presses
// Enter or the run is interrupted.
func (w *world) stay(ctx context.Context, finding error) {
	s := w.suite
	if s.keyboard == nil || finding == nil || ctx.Err() != nil || w.m == nil || len(w.m.Clients()) == 0 {
		return
	}
	for _, screen := range s.chronicle.screens {
		screen.Hold()
	}
	_ = unix.IoctlSetInt(int(s.keyboard.Fd()), unix.TCFLSH, unix.TCIFLUSH) // an Enter of before does not count
	clients := w.m.Clients()
	fmt.Fprint(s.Notes, wrap(0, record.Clean(finding.Error())),
		wrap(0, fmt.Sprintf("%s of %s stay as they are. Look around from another terminal, such as:",
			measure.Times(len(clients), "client"), s.chronicle.scenario.Location)))
	fmt.Fprintf(s.Notes, `
  sudo ip netns exec %s ip address     as this client; or ping, dig, a shell
  sudo ip netns exec %[1]s tcpdump -ni any
  sudo tcpdump -ni %s                all clients

Enter removes them and goes on.
`, clients[0].Name, s.parent)
	pressed := make(chan struct{})
	go func() {
		defer close(pressed)
		_, _ = bufio.NewReader(s.keyboard).ReadString('\n')
	}()
	select {
	case <-pressed:
	case <-ctx.Done(): // the run ends; nobody reads the terminal any more
	}
}

// known tells whether a scenario is known to fail, and of which issue.
func (s *Suite) known(sc record.Scenario) (issue string, ok bool) {
	for _, name := range []string{sc.Name, sc.File() + ":" + sc.Name} {
		if issue, ok := s.Config.Known[name]; ok {
			return issue, true
		}
	}
	return "@known", slices.Contains(sc.Tags, "@known")
}
