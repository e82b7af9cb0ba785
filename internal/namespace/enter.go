package namespace

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// home is the namespace that the process lives in, and threads return to.
var home = sync.OnceValues(func() (netns.NsHandle, error) { return netns.GetFromPath("/proc/self/ns/net") })

// door bounds how many threads Do and Enter have inside namespaces at one time, so
// that a thousand clients busy at once still need only a handful of threads.
var door = make(chan struct{}, 2*runtime.NumCPU()+2)

// Do runs fn inside the namespace, on a thread borrowed for it, and returns
// its error. fn should only open things: it must not start goroutines that
// expect to be inside, nor wait for the network. It must not call Do.
func (n *NS) Do(fn func() error) error {
	return n.Enter(func(func() error) error { return fn() })
}

// Enter is Do for code that opens and then goes on to use what it opened: fn
// calls leave between the two, and from there on is an ordinary goroutine.
func (n *NS) Enter(fn func(leave func() error) error) error {
	return enter(n.setns, fn)
}

func (n *NS) setns() error {
	if err := netns.Set(n.handle); err != nil {
		return fmt.Errorf("enter namespace %s: %w", n.name, err)
	}
	return nil
}

// enter takes a fresh thread through in, runs fn there and brings the thread
// home, at the latest when fn returns. A panic in fn comes out of enter, so
// that whoever called it can recover.
func enter(in func() error, fn func(leave func() error) error) (err error) {
	home, err := home()
	if err != nil {
		return err
	}
	door <- struct{}{}
	release := sync.OnceFunc(func() { <-door })
	defer release()

	var panicked any
	OnLockedThread(func() {
		defer func() { panicked = recover() }()
		// A thread that cannot come home stays locked, and so dies with its goroutine.
		leave := sync.OnceValue(func() error {
			defer release()
			if err := netns.Set(home); err != nil {
				return fmt.Errorf("leave namespace: %w", err)
			}
			runtime.UnlockOSThread()
			return nil
		})
		if err = in(); err != nil {
			return
		}
		defer func() {
			if e := leave(); err == nil {
				err = e
			}
		}()
		err = fn(leave)
	})
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// OnLockedThread runs fn on a new goroutine that is locked to a thread, and
// waits for it. fn unlocks the thread once it is as it was found.
func OnLockedThread(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return
		}
		// The main thread cannot die and stands for the process in /proc, so
		// it must never go inside. While it is held here no other goroutine
		// can land on it.
		defer runtime.UnlockOSThread()
		OnLockedThread(fn)
	}()
	<-done
}
