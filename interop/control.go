package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// script is what udhcpc runs when something happens. It configures nothing, and
// writes down what the client got.
const script = `#!/bin/sh
[ "$1" != bound ] || echo "$ip from $serverid" >"$INTEROP_ANSWER"
`

// host is a machine with one udhcpc.
type host struct {
	ns     *namespace.NS
	answer string // the file that has the address, once there is one
	cmd    *exec.Cmd
}

// control has n udhcpc get a lease, with the timings that they have by default:
// each asks three times, three seconds apart, and again after 20 seconds.
func control(ctx context.Context, l *lab.Lab, n int) (o outcome, err error) {
	dir, err := os.MkdirTemp("", "interop-")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o755); err != nil {
		return o, err
	}
	var hosts []*host
	defer func() {
		for _, h := range hosts {
			err = errors.Join(err, h.remove())
		}
	}()
	for i := range n {
		h, err := newHost(l, fmt.Sprintf("%s-udhcpc%d", l.Parent, i+1), dir)
		if err != nil {
			return o, err
		}
		hosts = append(hosts, h)
	}
	onThread(func() {
		start := time.Now()
		for _, h := range hosts {
			if err = h.cmd.Start(); err != nil {
				return
			}
		}
		for end := time.Now().Add(deadline); time.Now().Before(end) && o.Bound < n && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			o = outcomeOf(hosts, start)
		}
		for _, h := range hosts {
			_ = h.cmd.Process.Kill()
			_ = h.cmd.Wait() // says that it was killed
		}
	})
	return o, errors.Join(err, context.Cause(ctx))
}

// onThread calls do on a thread of its own: the kernel ends a program with the
// thread that started it, so that none outlives this one, whatever ends it.
func onThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		do()
	}()
	<-done
}

// newHost makes a host that need not hear the others.
func newHost(l *lab.Lab, name, dir string) (_ *host, err error) {
	h := &host{answer: filepath.Join(dir, name)}
	if h.ns, err = namespace.Create(name); err != nil {
		return nil, err
	}
	if err := l.Join(h.ns); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), h.remove())
	}
	h.cmd = exec.Command("nsenter", "--net="+filepath.Join(namespace.Dir, name),
		"udhcpc", "-f", "-i", "lan", "-s", filepath.Join(dir, "script"))
	h.cmd.Env = append(os.Environ(), "INTEROP_ANSWER="+h.answer)
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return h, nil
}

func (h *host) remove() error { return errors.Join(h.ns.DeleteLinks(), h.ns.Delete()) }

// outcomeOf reads the answers.
func outcomeOf(hosts []*host, start time.Time) (o outcome) {
	for _, h := range hosts {
		if answer, err := os.Stat(h.answer); err == nil {
			o.Bound++
			o.Last = max(o.Last, answer.ModTime().Sub(start))
		}
	}
	return o
}
