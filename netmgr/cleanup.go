package netmgr

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Cleanup gives every lease back and removes every client. It returns nil only
// when the kernel and /etc show nothing of them any more; otherwise the error
// names what is left, and a later Cleanup tries again. Without clients it does
// nothing. The end of ctx stops only the wait for the router, not the removal.
func (m *NetworkManager) Cleanup(ctx context.Context) error {
	for _, c := range m.clients {
		c.end() // programs and connections first: they use the rest
		if c.http != nil {
			c.http.CloseIdleConnections()
		}
	}
	m.releaseAll(ctx)

	errs := make([]error, len(m.clients))
	var wg sync.WaitGroup
	slots := make(chan struct{}, m.opts.Concurrency)
	for i, c := range m.clients {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = safely(c.remove)
			<-slots
		})
	}
	wg.Wait()

	if err := m.removeUnfinished(); err != nil {
		return err
	}
	var left []*Client
	var reasons []string
	for i, c := range m.clients {
		if errs[i] != nil {
			left = append(left, c)
			reasons = append(reasons, fmt.Sprintf("%s: %v", c.Name, errs[i]))
		}
	}
	m.clients = left
	if left != nil {
		return fmt.Errorf("left behind: %s", strings.Join(reasons, "; "))
	}
	if m.madeEtc {
		m.madeEtc = false
		_ = os.Remove(namespace.EtcDir) // fails, rightly, if others use it now
	}
	return m.forgetBlocks()
}

// removeUnfinished takes away what an adopted run was in the middle of making.
func (m *NetworkManager) removeUnfinished() error {
	for _, name := range m.stubs {
		if err := namespace.RemoveStub(name); err != nil {
			return err
		}
	}
	for _, dir := range m.unfinished {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	m.stubs, m.unfinished = nil, nil
	return nil
}

// forgetBlocks tells the journal that no client stands.
func (m *NetworkManager) forgetBlocks() error {
	if len(m.clients) > 0 {
		return nil
	}
	for _, b := range m.blocks {
		if err := m.opts.Journal.Record(journal.Entry{Gone: &b}); err != nil {
			return err
		}
	}
	m.blocks = nil
	return nil
}

// remove takes away whatever of the client was made, newest first. Each part
// is forgotten once it is gone, so that remove can be called again.
func (c *Client) remove() error {
	if c.etc {
		if err := os.RemoveAll(c.etcDir()); err != nil {
			return err
		}
		c.etc = false
	}
	if c.ns == nil {
		return nil
	}
	// A namespace dies in its own time, and its macvlan with it. Deleted by
	// itself, the macvlan is off the parent when the kernel says so.
	if err := c.ns.DeleteLinks(); err != nil {
		return fmt.Errorf("delete %s: %w", c.Link, err)
	}
	if err := c.ns.Delete(); err != nil {
		return err
	}
	c.ns = nil
	return nil
}
