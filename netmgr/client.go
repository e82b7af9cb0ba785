package netmgr

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Client is one host on the LAN. Its fields do not change once CreateClients
// has returned; its methods may be called from many goroutines until Cleanup.
type Client struct {
	Name    string // of its namespace, as `ip netns list` shows it
	Link    string // of its macvlan, inside the namespace
	MAC     net.HardwareAddr
	Timings Timings

	m      *NetworkManager
	number int
	ns     *namespace.NS
	index  int  // of Link
	etc    bool // etcDir is ours

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
	nsid     int  // then leads to the namespace

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

// ListenPacket opens a UDP socket of the client. network is "udp" or "udp4",
// address an IP address and port of the client or ":port".
func (c *Client) ListenPacket(network, address string) (conn net.PacketConn, err error) {
	err = c.ns.Do(func() error {
		conn, err = net.ListenPacket(network, address)
		return err
	})
	return conn, err
}

// DialContext connects from the client to address, host and port, where the
// host is an IPv4 address or a name that the client's own resolver looks up.
// network is "tcp", "tcp4", "udp" or "udp4". It fits http.Transport.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	portNumber, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	addrs, err := c.Resolver().LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var conn net.Conn
		if conn, err = c.dial(ctx, network, netip.AddrPortFrom(addr, uint16(portNumber))); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (c *Client) dial(ctx context.Context, network string, to netip.AddrPort) (conn net.Conn, err error) {
	switch network {
	case "udp", "udp4":
		err = c.ns.Do(func() error {
			conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
			return err
		})
	case "tcp", "tcp4":
		conn, err = c.dialTCP(ctx, to)
	default:
		return nil, net.UnknownNetworkError(network)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", to, err)
	}
	return conn, nil
}

// dialTCP opens the socket inside and waits for the peer outside: a net.Dialer
// would wait on a thread that it holds in the namespace, or dial elsewhere.
func (c *Client) dialTCP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var s *socket.Conn
	err := c.ns.Do(func() (err error) {
		s, err = socket.Socket(unix.AF_INET, unix.SOCK_STREAM, 0, "tcp", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if _, err := s.Connect(ctx, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return nil, err
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		var dup int
		if dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); dupErr != nil {
			return
		}
		f := os.NewFile(uintptr(dup), to.String())
		defer f.Close()
		conn, dupErr = net.FileConn(f)
	})
	if err != nil {
		return nil, err
	}
	return conn, dupErr
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
