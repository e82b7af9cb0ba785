package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/journal"
)

// startTime is how long a program may take until it serves, on a busy machine too.
const startTime = 20 * time.Second

// program is a server that somebody else wrote, run in the router in the
// foreground. What it keeps is in a folder of the lab's, which goes with it.
type program struct {
	lab   *Lab
	name  string                // as lab.server has it
	words []string              // its command, to which start adds arguments
	env   []string              // besides this process's
	enter func(*exec.Cmd) error // starts it in the router
	ready string                // what a line of its log contains once it serves,
	deaf  string                // and before that, if it will not; may be empty
	blurb string                // what a line says after the last that is worth telling; may be empty
	cmd   *exec.Cmd             // nil while it does not run
}

// newProgram looks for the command by which server runs, of the Debian package
// pkg, and makes the folder for it. The lab ends the program when it closes.
func (l *Lab) newProgram(server Server, command, pkg, ready string) (*program, error) {
	path, err := exec.LookPath(command)
	if err != nil {
		return nil, fmt.Errorf("the server is to be %s, which is not installed: "+
			"install it (apt install %s) or set lab.server to builtin", server, pkg)
	}
	p := &program{lab: l, name: string(server), words: []string{path}, ready: ready}
	p.enter = func(cmd *exec.Cmd) error { return l.router.Do(cmd.Start) }
	if err := l.keepFolder(); err != nil {
		return nil, err
	}
	l.defers(func() error { p.stop(); return nil })
	return p, nil
}

// folderOf is where the lab on parent and its programs keep their files.
func folderOf(parent string) string { return filepath.Join(journal.Dir, parent) }

// keepFolder makes that folder, unless it is there. It goes with the lab.
func (l *Lab) keepFolder() error {
	if err := os.MkdirAll(folderOf(l.Parent), 0o755); err != nil {
		return err
	}
	l.defers(func() error {
		err := os.RemoveAll(folderOf(l.Parent))
		_ = os.Remove(journal.Dir) // fails, rightly, while others use it
		return err
	})
	return nil
}

// file is the path of a file of the program.
func (p *program) file(name string) string { return filepath.Join(folderOf(p.lab.Parent), name) }

// start runs the program, and returns when it serves. The error tells the last
// that it said when it ended instead, or why it is deaf.
func (p *program) start(args ...string) error {
	words := slices.Concat(p.words, args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	// Programs fork, dnsmasq for every TCP query: a group of its own can be ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logs, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	// Kea keeps what it inherits: then a pipe of this process's, on whose end
	// somebody waits, would not end before Kea does. Before Linux 5.11 it is so.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err := p.enter(cmd); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.cmd = cmd
	// Not left to the program, which would write it some time after its start.
	if err := os.WriteFile(p.file(p.name+".pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644); err != nil {
		return err
	}
	if err := p.await(logs); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// await returns when the program says that it serves, and from then on keeps
// its log from filling the pipe.
func (p *program) await(logs io.Reader) error {
	said := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(logs)
		var last string
		for lines.Scan() {
			line := lines.Text()
			switch {
			case strings.Contains(line, p.ready):
				said <- nil
			case p.deaf != "" && strings.Contains(line, p.deaf):
				said <- errors.New(line)
			case p.blurb != "" && strings.Contains(line, p.blurb):
				said <- endedAtOnce(last)
			default:
				if line != "" {
					last = line
				}
				continue
			}
			_, _ = io.Copy(io.Discard, logs)
			return
		}
		said <- endedAtOnce(last)
	}()
	select {
	case err := <-said:
		return err
	case <-time.After(startTime):
		return fmt.Errorf("not ready after %s", startTime)
	}
}

func endedAtOnce(last string) error { return fmt.Errorf("ended at once: %s", last) }

// stop ends the program, if it runs.
func (p *program) stop() {
	if p.cmd == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait() // says that it was killed
	_ = os.Remove(p.file(p.name + ".pid"))
	p.cmd = nil
}

// killPrograms ends the programs of a lab whose own process died.
func killPrograms(parent string) error {
	dir := folderOf(parent)
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			continue // it died while it wrote, or the program did
		}
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if !bytes.Contains(cmdline, []byte(dir+"/")) {
			continue // gone, and its number another's
		}
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
