package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// page is what http://example.test/ shows.
const page = "<!doctype html>\n<title>example.test</title>\n<p>You reached the lab's Internet.\n"

// serveInternet starts the name servers and the web server behind the router.
func (l *Lab) serveInternet() error {
	z, err := parseZone(zones)
	if err != nil {
		return err
	}
	for _, addr := range []netip.Addr{googleDNS, cloudflare} {
		if err := l.serveDNS(l.internet, addr, z); err != nil {
			return err
		}
	}
	return l.serveWeb()
}

func (l *Lab) serveWeb() error {
	at := netip.AddrPortFrom(webServer, 80).String()
	var listener net.Listener
	err := l.internet.Do(func() (err error) {
		listener, err = net.Listen("tcp4", at)
		return err
	})
	if err != nil {
		return fmt.Errorf("http at %s: %w", at, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	l.defers(func() error {
		if err := s.Close(); err != nil {
			return err
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// builtin is the router's own DHCP and DNS servers.
type builtin struct {
	dhcp      *dhcpServer
	silentDNS atomic.Bool
}

func (l *Lab) serveBuiltin() (err error) {
	b := &builtin{}
	if b.dhcp, err = l.serveDHCP(); err != nil {
		return err
	}
	l.server = b
	return l.forwardDNS(&b.silentDNS)
}

// forwardDNS starts the router's own name server.
func (l *Lab) forwardDNS(silent *atomic.Bool) error {
	return l.serveDNS(l.router, l.Router, forwarder{
		router:   l.router,
		upstream: netip.AddrPortFrom(googleDNS, 53),
		silent:   silent,
	})
}

func (b *builtin) obey(c fault.Conditions) error {
	b.silentDNS.Store(c.SilentDNS)
	b.dhcp.obey(c)
	return nil
}

func (b *builtin) forget() error {
	b.dhcp.pool.forget()
	b.dhcp.restart()
	return nil
}

func (b *builtin) linkIsUp() error { return b.dhcp.linkIsUp() }

func (b *builtin) leases() (int, error) { return b.dhcp.pool.leases(), nil }
