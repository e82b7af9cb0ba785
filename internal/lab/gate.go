package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// gate stands in the way of packets: the kernel holds them there until the
// gate, in this process, lets them through or drops them. Linux's own way to
// lose and delay packets, netem, is not in every kernel; and for a gate neither
// links nor connections have to change.
type gate struct {
	ns    *namespace.NS
	held  []diversion
	queue nfQueue
	late  chan latecomer
	open  chan struct{} // closed when nothing is to be held any more
	work  sync.WaitGroup

	mu    sync.Mutex
	loss  float64 // percent
	delay time.Duration
	die   *rand.Rand
}

// latecomer is a packet that is held until its time has come.
type latecomer struct {
	id  uint32
	due time.Time
}

// diversion is what a gate stands in the way of.
type diversion struct {
	chain string
	hook  *nftables.ChainHook
	match []expr.Any // nothing: all packets
}

// The router tracks connections: a packet held there before its connection is
// confirmed, which happens last, makes the next ones of the same connection
// collide with it (nf_conntrack_core.c). So what it forwards is held on the
// Internet's side, and of its own packets only those of known connections.
var (
	everything = []diversion{
		{"in", nftables.ChainHookPrerouting, nil},
		{"out", nftables.ChainHookPostrouting, nil},
	}
	echoReplies = []diversion{
		{"out", nftables.ChainHookOutput, isICMP(unix.IPPROTO_ICMP, byte(ipv4.ICMPTypeEchoReply), byte(ipv4.ICMPTypeEchoReply))},
		{"out", nftables.ChainHookOutput, isICMP(unix.IPPROTO_ICMPV6, byte(ipv6.ICMPTypeEchoReply), byte(ipv6.ICMPTypeEchoReply))},
	}
	// As ARP is not, neighbour discovery is never held.
	discovery = append(isICMP(unix.IPPROTO_ICMPV6, byte(ipv6.ICMPTypeRouterSolicitation), byte(ipv6.ICMPTypeRedirect)),
		&expr.Verdict{Kind: expr.VerdictAccept})
)

// buildGate puts a gate that lets everything pass into ns.
func buildGate(ns *namespace.NS, held []diversion) (*gate, error) {
	queue, err := openQueue(ns)
	if err != nil {
		return nil, err
	}
	g := &gate{ns: ns, held: held, queue: queue, late: make(chan latecomer, queueRoom), open: make(chan struct{})}
	g.set(0, 0)
	if err := g.divert(); err != nil {
		return nil, errors.Join(err, queue.Close())
	}
	g.work.Go(g.receive)
	g.work.Go(g.release)
	return g, nil
}

// set says what happens to the packets that come from now on. The same packets
// in the same order suffer the same fate in every run.
func (g *gate) set(loss float64, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.loss, g.delay, g.die = loss, delay, newDie()
}

// newDie is a source of chance that is the same in every run.
func newDie() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// unlucky reports whether what happens with this probability happens now.
func unlucky(die *rand.Rand, percent float64) bool { return 100*die.Float64() < percent }

// receive decides about each packet.
func (g *gate) receive() {
	defer close(g.late)
	for {
		id, err := g.queue.next()
		if err != nil {
			return
		}
		g.mu.Lock()
		lost, delay := unlucky(g.die, g.loss), g.delay
		g.mu.Unlock()
		switch {
		case lost:
			g.queue.judge(id, verdictDrop)
		case delay == 0 && len(g.late) == 0:
			g.queue.judge(id, verdictAccept)
		default:
			g.late <- latecomer{id, time.Now().Add(delay)}
		}
	}
}

// release lets the latecomers through, in the order of their arrival.
func (g *gate) release() {
	for p := range g.late {
		select {
		case <-time.After(time.Until(p.due)):
		case <-g.open:
		}
		g.queue.judge(p.id, verdictAccept)
	}
}

// remove lets go of all packets.
func (g *gate) remove() error {
	err := g.undivert()
	close(g.open)
	g.queue.stop() // ends receive, and then release
	g.work.Wait()
	return errors.Join(err, g.queue.Close())
}

// gateTable is the nftables table that sends packets to the gate.
const gateTable = "gate"

// divert sends what is to be held to queue 0: nft's `queue`, or the iptables
// target that does the same in kernels without it.
func (g *gate) divert() error {
	err := g.addRule(&expr.Queue{Num: 0})
	if err != nil {
		number := xt.Unknown(make([]byte, 8)) // struct xt_NFQ_info, padded
		if g.addRule(&expr.Target{Name: "NFQUEUE", Info: &number}) == nil {
			return nil
		}
		return fmt.Errorf("nftables has no queue: %w", err)
	}
	return nil
}

func (g *gate) addRule(e expr.Any) error {
	return withNftables(g.ns, func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: gateTable})
		for _, d := range g.held {
			chain := filterChain(c, table, d.chain, d.hook)
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: discovery})
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(slices.Clone(d.match), e)})
		}
	})
}

func (g *gate) undivert() error {
	return withNftables(g.ns, func(c *nftables.Conn) {
		c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: gateTable})
	})
}
