package workload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Player plays a video by a program of the user's, such as mpv. Of what it shows
// nothing is known: it is judged by its exit code, and by the client's bytes.
type Player struct {
	Command  []string      // program and arguments, in which {url} stands for URL
	URL      string        //
	Duration time.Duration // then it is ended, if it still runs
}

var _ Work = Player{}

// Kind is part of Work.
func (Player) Kind() string { return "video" }

// Do is part of Work.
func (p Player) Do(ctx context.Context, c *Client, m *Meter) error {
	cmd := exec.Command(p.Command[0])
	for _, word := range p.Command[1:] {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(word, "{url}", p.URL))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for who keeps its output open and cannot be found
	said := &lastLine{}
	cmd.Stdout, cmd.Stderr = said, said
	before, err := c.Received()
	if err != nil {
		return err
	}
	if err := c.Start(cmd); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	exited := make(chan struct{})
	go func() { // it is not waited for yet, so that its pid stays its own
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		close(exited)
	}()
	moved, err := p.watch(ctx, c, m, before, exited)
	ended := err == errOver
	if ended {
		_ = syscall.Kill(-pid, syscall.SIGTERM)
		select {
		case <-exited:
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	killed := c.KillPrograms() // its children may have left its process group
	exit := cmd.Wait()
	switch {
	case killed != nil:
		return killed
	case err != nil && !ended:
		return err
	case exit != nil && !ended && !errors.Is(exit, exec.ErrWaitDelay):
		return fmt.Errorf("%s: %w: %q", filepath.Base(cmd.Path), exit, said.line)
	case moved == 0:
		return fmt.Errorf("%s moved no bytes: %q", filepath.Base(cmd.Path), said.line)
	}
	return nil
}

// errOver is that a player has played for as long as it should.
var errOver = errors.New("over")

// watch counts what the client receives, until the program has ended (which is no
// error) or is to be ended.
func (p Player) watch(ctx context.Context, c *Client, m *Meter, before int64, exited <-chan struct{}) (moved int64, err error) {
	over, tick := time.After(p.Duration), time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-exited:
			done = true
		case <-over:
			done, err = true, errOver
		case <-ctx.Done():
			return moved, context.Cause(ctx)
		case <-tick.C:
		}
		now, e := c.Received()
		if e != nil {
			return moved, e
		}
		m.Count(int(now - before))
		moved, before = moved+now-before, now
	}
	return moved, err
}

// lastLine keeps the last line that was written to it which is not empty.
type lastLine struct{ line, part []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case b != '\n' && b != '\r':
			if len(l.part) < 200 {
				l.part = append(l.part, b)
			}
		case len(bytes.TrimSpace(l.part)) > 0:
			l.line, l.part = l.part, nil
		}
	}
	return len(p), nil
}
