package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// page is what http://example.test/ shows.
const page = "<!doctype html>\n<title>example.test</title>\n<p>You reached the lab's Internet.\n"

// serveInternet starts the name servers and the web server behind the router.
func (l *Lab) serveInternet() error {
	z, err := parseZone(zones)
	if err != nil {
		return err
	}
	for _, p := range l.spoken(alone(googleDNS, cloudflare, googleDNS6, cloudflare6)...) {
		if err := l.serveDNS(l.internet, p.Addr(), z); err != nil {
			return err
		}
	}
	return l.serveWeb()
}

// serveWeb serves the same by http and https: the page, files of any size to
// download, a sink for uploads, and video.
func (l *Lab) serveWeb() error {
	files, err := l.openFiles()
	if err != nil {
		return fmt.Errorf("web server: %w", err)
	}
	certificate, err := l.certify()
	if err != nil {
		return fmt.Errorf("web server: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("GET /{file}", files.download)
	mux.HandleFunc("POST /upload", upload)
	mux.HandleFunc("PUT /upload", upload)
	v := video{files, time.Now()}
	mux.HandleFunc("GET /{kind}/{file}", v.serve)
	mux.HandleFunc("GET /{kind}/{name}/{file}", v.serve)
	plain := (*http.Server).Serve
	secure := func(s *http.Server, on net.Listener) error { return s.ServeTLS(on, "", "") }
	for addr, serve := range map[netip.AddrPort]func(*http.Server, net.Listener) error{
		netip.AddrPortFrom(webServer, 80): plain, netip.AddrPortFrom(webServer, 443): secure,
		netip.AddrPortFrom(webServer6, 80): plain, netip.AddrPortFrom(webServer6, 443): secure,
	} {
		if addr.Addr().Is6() && l.opts.IPv6 == NoIPv6 {
			continue
		}
		at := addr.String()
		var listener net.Listener
		err := l.internet.Do(func() (err error) {
			listener, err = (&net.ListenConfig{Control: fillsBuffers}).Listen(context.Background(), "tcp", at)
			return err
		})
		if err != nil {
			return fmt.Errorf("http at %s: %w", at, err)
		}
		s := &http.Server{
			Handler: mux, ReadHeaderTimeout: 10 * time.Second,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
			ErrorLog:  log.New(io.Discard, "", 0), // it tells of clients that do not trust the CA
		}
		ended := make(chan error, 1)
		go func() { ended <- serve(s, listener) }()
		l.defers(func() error {
			if err := s.Close(); err != nil {
				return err
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

// HTTPClient speaks HTTP with the web server, from the router.
func (l *Lab) HTTPClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(l.ca)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(_ context.Context, _, address string) (conn net.Conn, err error) {
			host, port, err := net.SplitHostPort(address)
			if err == nil && !slices.Contains(append(webNames, webServer.String()), host) {
				err = fmt.Errorf("the lab's Internet has no host %s", host)
			}
			if err != nil {
				return nil, err
			}
			err = l.router.Do(func() error {
				conn, err = net.DialTimeout("tcp4", net.JoinHostPort(webServer.String(), port), 10*time.Second)
				return err
			})
			return conn, err
		},
	}}
}

// fillsBuffers makes the connections that a socket accepts use CUBIC, as most servers
// do: BBR, some machines' default, leaves the buffer of a slow line half empty. By
// sysctl only the host's own namespace may choose it (tcp_cong.c).
func fillsBuffers(_, _ string, socket syscall.RawConn) error {
	return socket.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic") // not in every kernel
	})
}
