// Package guard keeps a panic from ending the process: on a goroutine of its own
// it would, and leave every client standing.
package guard

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Do runs do, and turns a panic of it into an error that says where it was.
func Do(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tester: panic: %v (%s)", p, origin())
		}
	}()
	return do()
}

// Each does so with 0 to n-1, at most so many at one time, and returns the error of
// each.
func Each(n, most int, do func(i int) error) []error {
	errs := make([]error, n)
	slots := make(chan struct{}, most)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			errs[i] = Do(func() error { return do(i) })
			<-slots
		})
	}
	all.Wait()
	return errs
}

// origin is the place, outside the Go runtime, of the panic that is being
// recovered from.
func origin() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		panicked = panicked || inRuntime
		if !more {
			return "unknown place"
		}
	}
}
