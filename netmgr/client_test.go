package netmgr_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestTCPByNameAndByAddress(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	for _, tt := range []struct{ network, address string }{
		{"tcp", "198.51.100.80:80"},
		{"tcp4", "[::ffff:198.51.100.80]:80"},
		{"tcp", "example.test:http"},
		{"tcp4", "www.example.test:80"}, // an alias
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			conn, err := c.DialContext(t.Context(), tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.RemoteAddr().String(); got != "198.51.100.80:80" {
				t.Errorf("connected to %s", got)
			}
			if got := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); got != c.Lease().Address.Addr() {
				t.Errorf("connected from %s, want %s", got, c.Lease().Address.Addr())
			}
			fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || line != "HTTP/1.0 200 OK\r\n" {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}

func TestDialSaysWhyNot(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	for _, tt := range []struct{ name, network, address, want string }{
		{"nobody listens", "tcp", "10.77.0.1:81", "connect to 10.77.0.1:81: connect: connection refused"},
		{"nobody listens, by name", "tcp", "example.test:81", "connect to 198.51.100.80:81: connect: connection refused"},
		{"no such name", "udp", "nowhere.example.test:53", "lookup nowhere.example.test: 10.77.0.1 says there is no such name"},
		{"no such network", "tcp5", "10.77.0.1:80", "unknown network tcp5"},
		{"no port", "tcp", "10.77.0.1", "missing port in address"},
		{"no such port", "tcp", "10.77.0.1:nonsense", "unknown port"},
		{"an IPv6 address over IPv4", "tcp4", "[::1]:80", "lookup ::1: not an IPv4 address"},
		{"an IPv4 address over IPv6", "udp6", "10.77.0.1:80", "lookup 10.77.0.1: not an IPv6 address"},
		{"an IPv6 address over TCP", "tcp", "[2001:db8::1]:80", "connect to [2001:db8::1]:80: connect: "},
		{"an IPv6 address over UDP", "udp", "[2001:db8::1]:53", "connect to [2001:db8::1]:53: dial udp6 "},
		{"the name of a link", "udp", "[fe80::1%lo]:53", "lookup fe80::1%lo: the zone is not the index of a link"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := c.DialContext(t.Context(), tt.network, tt.address)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q does not say %q", err, tt.want)
			}
		})
	}
}

func TestDialWithoutAGateway(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, brokenLab("no-gateway")).Parent})
	c := create(t, m, 1)[0]
	for network, want := range map[string]string{
		"tcp": "connect to 8.8.8.8:53: connect: network is unreachable",
		"udp": "connect to 8.8.8.8:53: dial udp4 8.8.8.8:53: connect: network is unreachable",
	} {
		conn, err := c.DialContext(t.Context(), network, "8.8.8.8:53")
		if err == nil {
			conn.Close()
			t.Fatal("connected by ", network)
		}
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	conn, err := c.DialContext(ctx, "tcp", "10.77.99.99:80") // a host that is not there
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v, want context canceled", conn, err)
	}
}

func TestConnectionsEndWithTheirClient(t *testing.T) {
	m, c := clientOf(t, netmgr.Options{})
	tcp, err := c.DialContext(t.Context(), "tcp", "198.51.100.80:80")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := c.ListenPacket("udp4", ":7000")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 3)
	go func() { _, err := tcp.Read(make([]byte, 1)); ended <- err }()
	go func() { _, _, err := udp.ReadFrom(make([]byte, 1)); ended <- err }()
	go func() { _, err := c.DialContext(t.Context(), "tcp", "10.77.99.99:80"); ended <- err }() // a host that is not there
	time.Sleep(50 * time.Millisecond)                                                           // any time will do
	cleanup(t, m)
	for range cap(ended) {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it has read something")
			}
			t.Log(err)
		case <-time.After(10 * time.Second):
			t.Fatal("a connection outlives its client")
		}
	}
}

func TestTwoClientsTalkByUDP(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	clients := create(t, m, 2)
	server, err := clients[0].ListenPacket("udp", ":7000")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := clients[1].DialContext(t.Context(), "udp", netip.AddrPortFrom(clients[0].Lease().Address.Addr(), 7000).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	deadline := time.Now().Add(5 * time.Second)
	if err := errors.Join(server.SetDeadline(deadline), conn.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := server.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "there" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if got := from.(*net.UDPAddr).AddrPort().Addr().Unmap(); got != clients[1].Lease().Address.Addr() {
		t.Errorf("it came from %s, want %s", got, clients[1].Lease().Address.Addr())
	}
	if _, err := server.WriteTo([]byte("and back"), from); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "and back" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestHTTPComesFromTheClient(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128") // is the host's, not the client's
	_, c := clientOf(t, netmgr.Options{})
	if first, again := c.HTTPClient(), c.HTTPClient(); first != again {
		t.Error("connections are not kept: each call makes a new client")
	}
	resp, err := c.HTTPClient().Get("http://www.example.test/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), "example.test") {
		t.Errorf("status %d, %q, %v", resp.StatusCode, body, err)
	}
}

// serveHTTP runs a web server on a client.
func serveHTTP(t *testing.T, c *netmgr.Client, h http.Handler) {
	t.Helper()
	listener := listen(t, c, ":80")
	s := &http.Server{Handler: h}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
}

// listen listens for TCP connections to a client.
func listen(t *testing.T, c *netmgr.Client, address string) net.Listener {
	t.Helper()
	ns, err := namespace.Open(c.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var listener net.Listener
	err = ns.Do(func() (err error) {
		listener, err = net.Listen("tcp4", address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestARedirectToIPv6IsAnErrorAndNoPanic(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	clients := create(t, m, 2)
	serveHTTP(t, clients[0], http.RedirectHandler("http://[2001:db8::1]/", http.StatusFound))
	resp, err := clients[1].HTTPClient().Get("http://" + clients[0].Lease().Address.Addr().String() + "/")
	if err == nil {
		resp.Body.Close()
		t.Fatal("there is an answer")
	}
	if want := `Get "http://[2001:db8::1]/": connect to [2001:db8::1]:80: `; !strings.HasPrefix(err.Error(), want) {
		t.Error(err)
	}
}
