package netmgr

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	killed := m.killPrograms()
	given := m.releaseAll6(ctx)
	m.closeLine(ctx)
	done, err := m.openHost()
	if err != nil {
		return err
	}
	defer done()
	m.releaseAll(ctx, m.clients)
	for _, c := range m.clients {
		for _, kept := range []bool{c.leased, c.leased6()} {
			if kept {
				m.unreleased++
			}
		}
	}

	errs := m.removeAll()
	var left []*Client
	var reasons []string
	for i, c := range m.clients {
		if errs[i] != nil {
			left = append(left, c)
			reasons = append(reasons, fmt.Sprintf("%s: %v", c.Name, errs[i]))
		}
	}
	m.clients = left
	err = errors.Join(killed, given, m.removeUnfinished())
	if left != nil {
		err = errors.Join(fmt.Errorf("left behind: %s", strings.Join(reasons, "; ")), err)
	}
	if err != nil {
		return err
	}
	if err := m.closeEtc(); err != nil {
		return err
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
	for _, link := range m.unfinished {
		if err := removeFile(link); err != nil {
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

// killPrograms ends what clients have started, if they have.
func (m *NetworkManager) killPrograms() error {
	if !m.programs.Load() {
		return nil
	}
	var spaces []*namespace.NS
	for _, c := range m.clients {
		if c.ns != nil {
			spaces = append(spaces, c.ns)
		}
	}
	return namespace.KillPrograms(spaces...)
}
