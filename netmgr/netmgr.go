// Package netmgr makes virtual clients of a LAN: each a Linux network
// namespace with a macvlan of its own MAC address, a DHCPv4 lease (RFC 2131),
// its own routes and its own resolver. It drives the kernel by rtnetlink(7), and
// runs no programs but those that a Command names.
package netmgr

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/ra"
	"github.com/lanstorm/lanstorm/internal/wire"
)

// Lease is what the router gave a client, Route one of its routes, and Status how
// the client came to it.
type (
	Lease  = dhcp4.Lease
	Route  = dhcp4.Route
	Status = dhcp4.Status
)

// NoOfferError says that no DHCP server offered an address in time.
type NoOfferError = dhcp4.NoOfferError

// Options says where and how clients are made. Only Parent must be set.
type Options struct {
	Parent      string        // the Ethernet link towards the router
	Prefix      string        // client i lives in namespace <Prefix><i>; default "ns"
	Mode        string        // macvlan mode: bridge (default), private or vepa
	InFlight    int           // how many clients ask for a lease at one time, at most; default 0: all of them
	DHCPTimeout time.Duration // how long a client may take to get a lease; default 60s
	VendorClass string        // DHCP option 60; default "lanstorm"
	DNS         []netip.Addr  // name servers in place of those of the lease and of routers
	IPFamily    Families      // default IPv4
	Journal     *journal.Run  // where to write down what is made; default: nowhere

	// Leases is told what becomes of clients' leases, in words. It must not wait.
	Leases func(client, event string)

	// TrustAddresses: an address is used without asking by ARP whether another
	// host has it (RFC 5227).
	TrustAddresses bool

	// Patience ends when the router is not to be waited for any more, after a
	// second interrupt for instance. Default: never.
	Patience context.Context
}

// modes are the macvlan modes in which clients of one parent can be told apart
// by the router (macvlan.c).
var modes = map[string]netlink.MacvlanMode{
	"bridge":  netlink.MACVLAN_MODE_BRIDGE,
	"private": netlink.MACVLAN_MODE_PRIVATE,
	"vepa":    netlink.MACVLAN_MODE_VEPA,
}

// NetworkManager makes clients on one parent link and removes them. Its
// methods may be called from one goroutine at a time, but for PingAll and
// ProbeAll, of which several may run side by side.
type NetworkManager struct {
	opts    Options
	parent  netlink.LinkAttrs
	machine string
	clients []*Client // in order of their number

	creation Creation // the newest
	making   atomic.Pointer[bringUp]
	strain   strain

	unreleased int // leases
	gateways   gateways

	group   *dhcp4.Group // of the clients; nil while there are none, as is
	line    *wire.Listener
	asking  atomic.Pointer[arpAnswers] // of addresses, while somebody asks; else nil
	lan6    lan6
	carrier *carrierWatch
	outages []Outage       // that earlier watches saw
	work    sync.WaitGroup // on kernels that follow leases,
	slots   chan struct{}  // so many at one time

	broadcastQueue uint32          // of a macvlan; 0: the kernel's default
	host           *netlink.Handle // of this namespace, while clients are made or removed

	blocks []journal.Block // the numbers of clients

	unfinished []string // links in /etc/netns, of a run that was adopted
	stubs      []string // names of namespaces, likewise

	etc etcLinks

	programs atomic.Bool // clients have started some
}

// New checks that clients can be made on the parent. Its errors are
// *RefusedError where the caller or the machine must change something.
func New(opts Options) (*NetworkManager, error) {
	opts = opts.withDefaults()
	if _, ok := modes[opts.Mode]; !ok {
		return nil, refuse("macvlan mode %q: use bridge, private or vepa", opts.Mode)
	}
	if os.Geteuid() != 0 {
		return nil, refuse("not root: network namespaces and macvlans need it, so run this with sudo")
	}
	parent, err := findParent(opts.Parent)
	if err != nil {
		return nil, err
	}
	machine, err := machineID()
	if err != nil {
		return nil, err
	}
	return newNetworkManager(opts, parent, machine), nil
}

func newNetworkManager(opts Options, parent netlink.LinkAttrs, machine string) *NetworkManager {
	return &NetworkManager{opts: opts, parent: parent, machine: machine, lan6: lan6{routers: &ra.Routers{}}, slots: make(chan struct{}, runtime.NumCPU())}
}

func (opts Options) withDefaults() Options {
	opts.Prefix = cmp.Or(opts.Prefix, "ns")
	opts.Mode = cmp.Or(opts.Mode, "bridge")
	opts.DHCPTimeout = cmp.Or(opts.DHCPTimeout, time.Minute)
	opts.IPFamily = cmp.Or(opts.IPFamily, IPv4)
	opts.VendorClass = cmp.Or(opts.VendorClass, "lanstorm")
	if opts.Leases == nil {
		opts.Leases = func(string, string) {}
	}
	if opts.Patience == nil {
		opts.Patience = context.Background()
	}
	return opts
}

// Clients are the clients that stand, in order of their number.
func (m *NetworkManager) Clients() []*Client { return slices.Clone(m.clients) }

// openHost opens host for as long as a call lasts.
func (m *NetworkManager) openHost() (done func(), err error) {
	if m.host != nil {
		return func() {}, nil
	}
	if m.host, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return func() { m.host.Close(); m.host = nil }, nil
}
