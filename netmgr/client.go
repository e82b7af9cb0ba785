package netmgr

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Client is one host on the LAN. Its fields do not change once CreateClients has
// returned, but for the Timings of those on their own; its methods may be called from many goroutines until Cleanup.
type Client struct {
	Name    string // of its namespace, as `ip netns list` shows it
	Link    string // of its macvlan, inside the namespace
	MAC     net.HardwareAddr
	Timings Timings

	m      *NetworkManager
	number int
	ns     *namespace.NS
	index  int        // of Link
	etc    *etcFolder // to which etcLink leads; nil: there is none of ours

	// DHCP's. Its group's lock guards them until Cleanup.
	dhcp    *dhcp4.Client
	sender  *sender       // while there is something to send
	granted journal.Lease // what the server thinks that it gave out,
	leased  bool          // if it does

	wanted   atomic.Pointer[Lease] // what the client has by DHCP
	last     atomic.Pointer[Lease] // the newest that it had, until it gives it up
	lost     atomic.Pointer[leaseLoss]
	applying sync.Mutex            // held while the kernel is made to follow
	applied  atomic.Pointer[Lease] // what the kernel has
	nl       *netlink.Handle       // open while the client is being made
	settling atomic.Bool           // it is to follow, and has not begun to
	settled  bool                  // all that comes with the address is there
	joined   bool                  // in the macvlan mode asked for
	up       *bringUp              // by which it was made
	stands   bool                  // as far as that is concerned

	onParent bool // the namespace is let go of, and the macvlan may not be gone yet
	nsid     int  // leads to the namespace then; noID: it has not been asked for

	six six // what the client has of IPv6

	life context.Context // ends with the client
	end  context.CancelFunc

	httpOnce sync.Once
	http     *http.Client
}

// Timings says how long each stage of making a client took. Between stages a
// client may wait for others, which does not count.
type Timings struct {
	Namespace, Link, Lease, Check, Configure time.Duration

	Offer        time.Duration // part of Lease: from the first DISCOVER to the OFFER taken
	Ack          time.Duration // likewise: from the REQUEST to the ACK
	Asked        time.Time     // when the first DISCOVER was sent
	Leased       time.Time     // when the ACK came
	Sent, Resent int           // DHCP messages; those of them that were sent again because no answer came
}

// Total is the time of all stages.
func (t Timings) Total() time.Duration {
	return t.Namespace + t.Link + t.Lease + t.Check + t.Configure
}

// HTTPClient speaks HTTP from the client: names are looked up and connections
// made inside its namespace, and no proxy of the host's is used.
func (c *Client) HTTPClient() *http.Client {
	c.httpOnce.Do(func() {
		c.http = &http.Client{Transport: &http.Transport{
			DialContext:           c.DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       30 * time.Second,
		}}
	})
	return c.http
}
