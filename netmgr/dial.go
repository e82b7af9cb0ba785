package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// errGone is why what a client's connections were about came to nothing.
var errGone = errors.New("the client is gone")

// Connections end with their client. Those below are the net package's own but
// for that.
type (
	tcpConn struct {
		*net.TCPConn
		forget func() bool
	}
	udpConn struct {
		*net.UDPConn
		forget func() bool
	}
)

func (c *tcpConn) Close() error { c.forget(); return c.TCPConn.Close() }
func (c *udpConn) Close() error { c.forget(); return c.UDPConn.Close() }

// ListenPacket opens a UDP socket of the client, which is closed with the client
// at the latest. network is "udp", "udp4" or "udp6", address an IP address and port
// of the client or ":port". A zone is the index of a link.
func (c *Client) ListenPacket(network, address string) (net.PacketConn, error) {
	var conn *net.UDPConn
	err := c.ns.Do(func() error {
		addr, err := net.ResolveUDPAddr(network, address)
		if err != nil {
			return err
		}
		conn, err = net.ListenUDP(network, addr)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.ownUDP(conn), nil
}

func (c *Client) ownUDP(conn *net.UDPConn) *udpConn {
	return &udpConn{conn, context.AfterFunc(c.life, func() { conn.Close() })}
}

// families are the networks of look-ups for those of connections.
var families = map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6", "udp": "ip", "udp4": "ip4", "udp6": "ip6"}

// DialContext connects from the client to address, host and port, where the
// host is an IP address, whose zone is the index of a link, or a name that the
// client's own resolver looks up. network is "tcp", "tcp4", "tcp6", "udp", "udp4" or
// "udp6". It fits http.Transport. The connection is closed with the client at the
// latest.
//
// The families of a name's addresses take turns, IPv6 first (RFC 8305 §4). The next
// is tried when one has failed, or has not answered for a quarter of a second (§5);
// the first that answers counts.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if families[network] == "" {
		return nil, net.UnknownNetworkError(network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	portNumber, err := net.DefaultResolver.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	addrs, err := c.lookUp(ctx, families[network], host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that were too slow
	return first(inTurns(addrs), func(addr netip.Addr) (net.Conn, error) {
		return c.dial(ctx, network, netip.AddrPortFrom(addr, uint16(portNumber)))
	})
}

// inTurns has the families of addresses take turns.
func inTurns(addrs []netip.Addr) (sorted []netip.Addr) {
	six := slices.DeleteFunc(slices.Clone(addrs), netip.Addr.Is4)
	four := slices.DeleteFunc(slices.Clone(addrs), netip.Addr.Is6)
	for i := range addrs {
		sorted = append(sorted, six[min(i, len(six)):min(i+1, len(six))]...)
		sorted = append(sorted, four[min(i, len(four)):min(i+1, len(four))]...)
	}
	return sorted
}

// lookUp and connect tell whoever traces a request (package httptrace) how long
// they take, as the net package does.
func (c *Client) lookUp(ctx context.Context, network, host string) ([]netip.Addr, error) {
	t := httptrace.ContextClientTrace(ctx)
	if _, err := netip.ParseAddr(host); err == nil || t == nil || t.DNSStart == nil || t.DNSDone == nil {
		return c.Resolver().LookupNetIP(ctx, network, host)
	}
	t.DNSStart(httptrace.DNSStartInfo{Host: host})
	addrs, err := c.Resolver().LookupNetIP(ctx, network, host)
	t.DNSDone(httptrace.DNSDoneInfo{Err: err})
	return addrs, err
}

func (c *Client) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	t := httptrace.ContextClientTrace(ctx)
	if t == nil || t.ConnectStart == nil || t.ConnectDone == nil {
		return c.dialTCP(ctx, to)
	}
	t.ConnectStart("tcp", to.String())
	conn, err := c.dialTCP(ctx, to)
	t.ConnectDone("tcp", to.String(), err)
	return conn, err
}

// first calls dial for one address after the other, some of them side by side,
// and returns the first connection. Others that come later are closed.
func first(addrs []netip.Addr, dial func(netip.Addr) (net.Conn, error)) (net.Conn, error) {
	const attemptDelay = 250 * time.Millisecond
	type attempt struct {
		conn net.Conn
		err  error
	}
	done := make(chan attempt)
	next := time.NewTimer(0)
	defer next.Stop()
	var errs []error
	for begun, open := 0, 0; begun < len(addrs) || open > 0; {
		select {
		case <-next.C:
			if begun == len(addrs) {
				continue
			}
			addr := addrs[begun]
			go func() {
				var a attempt
				a.err = guard.Do(func() (err error) { a.conn, err = dial(addr); return err })
				done <- a
			}()
			begun, open = begun+1, open+1
			next.Reset(attemptDelay)
		case a := <-done:
			open--
			if a.err == nil {
				go func() {
					for range open {
						if late := <-done; late.err == nil {
							late.conn.Close()
						}
					}
				}()
				return a.conn, nil
			}
			errs = append(errs, a.err)
			next.Reset(0)
		}
	}
	return nil, oneLine{errs}
}

// oneLine is errors.Join on one line.
type oneLine struct{ errs []error }

func (e oneLine) Unwrap() []error { return e.errs }
func (e oneLine) Error() string {
	text := ""
	for i, err := range e.errs {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	return text
}

// dial connects to one address.
func (c *Client) dial(ctx context.Context, network string, to netip.AddrPort) (conn net.Conn, err error) {
	if strings.HasPrefix(network, "udp") {
		network = "udp6"
		if to.Addr().Is4() {
			network = "udp4"
		}
		err = c.ns.Do(func() error {
			udp, err := net.DialUDP(network, nil, net.UDPAddrFromAddrPort(to))
			if err == nil {
				conn = c.ownUDP(udp)
			}
			return err
		})
	} else {
		conn, err = c.connect(ctx, to)
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
		domain := unix.AF_INET6
		if to.Addr().Is4() {
			domain = unix.AF_INET
		}
		s, err = socket.Socket(domain, unix.SOCK_STREAM, 0, "tcp", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	// What most devices in a home use, whatever this machine does. BBR, for one, would
	// not fill a router's buffers. A kernel without it keeps its own.
	_ = s.SetsockoptString(unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(errGone) })()
	if _, err := s.Connect(ctx, packets.Sockaddr(to)); err != nil {
		if context.Cause(ctx) == errGone {
			err = errGone
		}
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
	if err := errors.Join(err, dupErr); err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return &tcpConn{tcp, context.AfterFunc(c.life, func() { tcp.Close() })}, nil
}
