package lab_test

import (
	"net"
	"testing"

	"github.com/miekg/dns"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestAGuestReachesTheRouterAndLeavesNothing(t *testing.T) {
	l := startLab(t, ordinary())
	visit := func() {
		ns, leave, err := l.Guest()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := leave(); err != nil {
				t.Error(err)
			}
		}()
		var conn net.Conn
		err = ns.Do(func() (err error) {
			conn, err = net.Dial("udp4", "10.77.0.1:53")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.LocalAddr().(*net.UDPAddr).IP.String(); got != "10.77.0.3" {
			t.Errorf("the guest is %s, want 10.77.0.3", got)
		}
		client := dns.Client{Timeout: patience}
		if _, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.test.", dns.TypeA), &dns.Conn{Conn: conn}); err != nil {
			t.Error(err)
		}
		if _, _, err := l.Guest(); err == nil {
			t.Error("there is a second guest")
		}
	}
	visit()
	leavesNothing(t, visit)
}

func TestRemoveKnowsTheGuest(t *testing.T) {
	nstest.Need(t)
	opts := ordinary()
	var err error
	if opts.Journal, err = journal.Begin("test"); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	_, leave, err := l.Guest()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Remove(l.Parent, opts.Journal.Mark()); err != nil {
		t.Error(err)
	}
	if namespace.Exists(l.Parent + "-guest") {
		t.Error("the guest is still there")
	}
	_, _ = leave(), l.Close() // find little
	if err := opts.Journal.End(); err != nil {
		t.Error(err)
	}
}

func TestForgottenLeasesAreFree(t *testing.T) {
	t.Parallel()
	for _, server := range counting {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need(t, server)
			opts := with(server)
			opts.Pool = 2
			l := startLab(t, opts)
			for range 2 {
				m := newManager(t, l)
				if err := m.CreateClients(t.Context(), 2); err != nil {
					t.Fatal(err)
				}
				awaitLeases(t, l, 2)
				if err := l.Forget(); err != nil {
					t.Fatal(err)
				}
				if n, err := l.Leases(); n != 0 || err != nil {
					t.Errorf("%d leases, %v", n, err)
				}
				if err := m.Cleanup(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
