package lab

import (
	"net/netip"
	"sync"
	"time"
)

// pool is a DHCP server's lease table, of either family. An IPv4 client is known by its client
// identifier or, lacking one, by its hardware address (RFC 2131 §2.1).
type pool struct {
	mu       sync.Mutex
	first    netip.Addr
	size     int
	fresh    int // how many addresses were ever handed out
	freed    []netip.Addr
	byClient map[string]*binding
	byAddr   map[netip.Addr]*binding
	last     map[string]netip.Addr // by client, the address that it had last
}

type binding struct {
	client  string
	addr    netip.Addr
	expires time.Time
	bound   bool // acknowledged, not merely offered
}

// offerTime is how long an offered address waits for its REQUEST.
const offerTime = 30 * time.Second

func newPool(first netip.Addr, size int) *pool {
	return &pool{
		first:    first,
		size:     size,
		byClient: map[string]*binding{},
		byAddr:   map[netip.Addr]*binding{},
		last:     map[string]netip.Addr{},
	}
}

// offer sets an address aside for client: the one it has, else the one it had
// last, else the one it asks for, else the lowest free one (RFC 2131 §4.3.1). If
// it is to be another, then not the one it had last. It is false when none is left.
func (p *pool) offer(client string, asked netip.Addr, another bool) (netip.Addr, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[client]
	if another {
		if b := p.byClient[client]; b != nil && b.addr == last {
			p.free(b)
		}
		if p.has(last) && p.available(last) {
			nobody := &binding{client: "not " + client, addr: last, expires: time.Now().Add(offerTime)}
			p.bind(nobody)
			defer p.free(nobody)
		}
	}
	if b := p.byClient[client]; b != nil {
		b.expires = later(b.expires, time.Now().Add(offerTime))
		return b.addr, true
	}
	addr, ok := p.pick(last, asked)
	if ok {
		p.bind(&binding{client: client, addr: addr, expires: time.Now().Add(offerTime)})
	}
	return addr, ok
}

// had is told of the address that client had last.
func (p *pool) had(client string, addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[client] = addr
}

// confirm turns addr into a lease of client, and is false when addr is another
// client's or not of this pool.
func (p *pool) confirm(client string, addr netip.Addr, lease time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.byClient[client]
	if b == nil || b.addr != addr {
		if !p.has(addr) || !p.available(addr) {
			return false
		}
		if b != nil {
			p.free(b)
		}
		b = &binding{client: client, addr: addr}
		p.bind(b)
	}
	b.bound, b.expires = true, time.Now().Add(lease)
	p.last[client] = addr
	return true
}

// release gives back client's lease on addr, if it has it.
func (p *pool) release(client string, addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.byClient[client]; b != nil && b.addr == addr {
		p.free(b)
	}
}

// withhold keeps addr from everybody for a while: a client found it in use.
func (p *pool) withhold(client string, addr netip.Addr, d time.Duration) {
	p.release(client, addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has(addr) && p.available(addr) {
		p.bind(&binding{client: "declined " + addr.String(), addr: addr, expires: time.Now().Add(d)})
	}
}

// leases counts the leases in force.
func (p *pool) leases() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.byClient {
		if b.bound && time.Now().Before(b.expires) {
			n++
		}
	}
	return n
}

// resize changes how many addresses there are. Who has one keeps it.
func (p *pool) resize(size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size, p.fresh, p.freed = size, 0, nil // all are looked at again
}

// forget takes every address back without a word to its holder.
func (p *pool) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh, p.freed = 0, nil
	clear(p.byClient)
	clear(p.byAddr)
	clear(p.last)
}

// pick takes a free address off the shelf, preferably the first of wanted that is.
func (p *pool) pick(wanted ...netip.Addr) (netip.Addr, bool) {
	for _, addr := range wanted {
		if p.has(addr) && p.available(addr) {
			return addr, true
		}
	}
	for p.fresh < p.size {
		addr := nth(p.first, p.fresh)
		p.fresh++
		if p.available(addr) {
			return addr, true
		}
	}
	for len(p.freed) > 0 {
		addr := p.freed[0]
		p.freed = p.freed[1:]
		if p.available(addr) {
			return addr, true
		}
	}
	for addr := range p.byAddr {
		if p.has(addr) && p.available(addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// has reports whether addr is one of the pool's.
func (p *pool) has(addr netip.Addr) bool {
	return addr.BitLen() == p.first.BitLen() && !addr.Less(p.first) && addr.Less(nth(p.first, p.size))
}

// available reports whether nobody holds addr, and forgets who no longer does.
func (p *pool) available(addr netip.Addr) bool {
	b := p.byAddr[addr]
	if b == nil {
		return true
	}
	if time.Now().Before(b.expires) {
		return false
	}
	delete(p.byClient, b.client)
	delete(p.byAddr, addr)
	return true
}

func (p *pool) bind(b *binding) { p.byClient[b.client], p.byAddr[b.addr] = b, b }

func (p *pool) free(b *binding) {
	delete(p.byClient, b.client)
	delete(p.byAddr, b.addr)
	p.freed = append(p.freed, b.addr)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
