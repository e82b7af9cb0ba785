package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// ordinary is a router without faults. with adds some.
func ordinary(with ...lab.Fault) lab.Options {
	return lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 50, LeaseTime: time.Hour, Faults: with}
}

func startLab(t *testing.T, opts lab.Options) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newManager(t *testing.T, l *lab.Lab) *netmgr.NetworkManager {
	t.Helper()
	return newPatientManager(t, l, dhcpPatience(l))
}

// newPatientManager makes clients that may take so long to get an address.
func newPatientManager(t *testing.T, l *lab.Lab, patience time.Duration) *netmgr.NetworkManager {
	t.Helper()
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: l.Parent + "-client", DHCPTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// dhcpPatience is longer for udhcpd, which takes two seconds for each client, and for
// a server that drops every other message: of an exchange it may be both that matter.
func dhcpPatience(l *lab.Lab) time.Duration {
	_, err := os.Stat("/run/lanstorm/" + l.Parent + "/udhcpd.conf")
	if c := l.Conditions(); err == nil && !c.SilentDHCP || c.DropEvery > 1 {
		return time.Minute
	}
	return patience
}

func newClient(t *testing.T, l *lab.Lab) *netmgr.Client {
	t.Helper()
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return m.Clients()[0]
}

// patience is how long an answer is waited for: on one machine it takes a
// millisecond, so one that takes this long does not come.
const patience = 2 * time.Second

// eventually waits for what happens soon but not at once.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what)
		}
	}
}

func awaitLeases(t *testing.T, l *lab.Lab, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d leases", want), func() bool {
		got, err := l.Leases()
		return err == nil && got == want
	})
}

// machine is everything that a lab might leave behind.
type machine struct {
	Links, Namespaces, Run []string
	Programs               []string // this one, and what it started
	Goroutines, Files      int
}

func look(t *testing.T) (m machine) {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		m.Links = append(m.Links, l.Attrs().Name)
	}
	m.Namespaces, _ = filepath.Glob(namespace.Dir + "/*")
	_ = filepath.WalkDir("/run/lanstorm", func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			m.Run = append(m.Run, path)
		}
		return nil
	})
	// nstest made the mount namespace for this process, so who shares it was
	// started here.
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	mounts, _ := filepath.Glob("/proc/[0-9]*/ns/mnt")
	for _, path := range mounts {
		if theirs, err := os.Readlink(path); err != nil || theirs != ours {
			continue
		}
		proc := filepath.Dir(filepath.Dir(path))
		name, _ := os.ReadFile(filepath.Join(proc, "comm"))
		m.Programs = append(m.Programs, strings.TrimSpace(string(name)))
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	m.Files = len(files)
	m.Goroutines = pprof.Lookup("goroutine").Count()
	return m
}

// leavesNothing checks that the machine is after do as it was before.
func leavesNothing(t *testing.T, do func()) {
	t.Helper()
	before := look(t)
	do()
	var diff string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if diff = cmp.Diff(before, look(t)); diff == "" {
			return
		}
	}
	var stacks strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	t.Errorf("the machine (-before +after):\n%s\n%s", diff, stacks.String())
}

// useOnce builds a lab, uses what it offers and takes it down, while a client
// still waits for answers of all its servers.
func useOnce(t *testing.T, opts lab.Options) {
	t.Helper()
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 2); err != nil {
		t.Error(err)
	}
	for _, c := range m.Clients() {
		conns, err := await(t, c)
		defer closeAll(conns)
		if err != nil {
			t.Error(err)
			break
		}
	}
	for range 2 { // a second Close is harmless
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := m.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
}

// await asks every server half a question, and leaves it at that.
func await(t *testing.T, c *netmgr.Client) (conns []net.Conn, err error) {
	t.Helper()
	for _, half := range []struct{ address, question string }{
		{"10.77.0.1:53", "\x00\x20half a question"},
		{"8.8.8.8:53", ""},
		{"198.51.100.80:80", "GET / HTTP/1.1\r\n"},
	} {
		conn, err := dial(t, c, half.address)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, half.question); err != nil {
			return conns, err
		}
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// answers is what a client sees of the router and of what is behind it.
type answers struct {
	Address, Gateway       string
	RouterPing, GooglePing bool
	RouterDNS, GoogleDNS   string
	Web                    string
}

const noAnswer = "no answer"

func see(t *testing.T, l *lab.Lab) (a answers) {
	t.Helper()
	m := newManager(t, l)
	err := m.CreateClients(t.Context(), 1)
	if none := (*netmgr.NoOfferError)(nil); errors.As(err, &none) {
		a.Address = "no offer"
		return a
	}
	if err != nil {
		t.Fatal(err)
	}
	c := m.Clients()[0]
	a.Address, a.Gateway = c.Lease().Address.String(), c.Lease().Gateway.String()
	var looks sync.WaitGroup // at once: it takes long to see that nothing comes
	looks.Go(func() { a.RouterPing, a.GooglePing = pings(t, m, l.Router.String()), pings(t, m, "8.8.8.8") })
	looks.Go(func() { a.RouterDNS = asks(t, c, "udp", l.Router.String()) })
	looks.Go(func() { a.GoogleDNS = asks(t, c, "udp", "8.8.8.8") })
	looks.Go(func() { a.Web = browses(t, c, "http://198.51.100.80/") })
	looks.Wait()
	return a
}

func pings(t *testing.T, m *netmgr.NetworkManager, target string) bool {
	t.Helper()
	results := m.PingAll(t.Context(), netmgr.Host(netip.MustParseAddr(target)), netmgr.Ping{Interval: time.Millisecond, Timeout: patience})
	return len(results) == 1 && results[0].Received == 1
}

// asks a name server for the address of www.example.test, and once more when
// no answer comes, as resolvers do.
func asks(t *testing.T, c *netmgr.Client, network, server string) (answer string) {
	t.Helper()
	for range 2 {
		if answer = asksOnce(t, c, network, server); answer != noAnswer {
			break
		}
	}
	return answer
}

func asksOnce(t *testing.T, c *netmgr.Client, network, server string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	conn, err := c.DialContext(ctx, network, net.JoinHostPort(server, "53"))
	if err != nil {
		return noAnswer
	}
	defer conn.Close()
	client := dns.Client{Timeout: patience / 2}
	resp, _, err := client.ExchangeWithConnContext(ctx, new(dns.Msg).SetQuestion("www.example.test.", dns.TypeA), &dns.Conn{Conn: conn})
	if err != nil {
		return noAnswer
	}
	for _, rr := range resp.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String()
		}
	}
	return dns.RcodeToString[resp.Rcode]
}

func dial(t *testing.T, c *netmgr.Client, address string) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return c.DialContext(ctx, "tcp", address)
}

// browses fetches a page and shows its last line.
func browses(t *testing.T, c *netmgr.Client, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := c.HTTPClient().Do(req)
	if err != nil {
		return noAnswer
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return noAnswer
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return fmt.Sprint(resp.StatusCode, " ", lines[len(lines)-1])
}

// healthy is what a client sees of a router without faults.
func healthy() answers {
	return answers{
		Address: "10.77.0.10/16", Gateway: "10.77.0.1",
		RouterPing: true, GooglePing: true,
		RouterDNS: "198.51.100.80", GoogleDNS: "198.51.100.80",
		Web: "200 <p>You reached the lab's Internet.",
	}
}

func TestClientsSee(t *testing.T) {
	nstest.Need(t)
	for _, tt := range []struct {
		name  string
		fault []lab.Fault
		want  func(*answers)
	}{
		{"everything behind a router without faults", nil, func(*answers) {}},
		{"nothing at all of a router that is silent on DHCP", []lab.Fault{"silent-dhcp"},
			func(a *answers) { *a = answers{Address: "no offer"} }},
		{"only the router when their leases name no gateway", []lab.Fault{"no-gateway"},
			func(a *answers) {
				a.Gateway, a.GooglePing, a.GoogleDNS, a.Web = "invalid IP", false, noAnswer, noAnswer
			}},
		{"only the router while the Internet is down, and it cannot resolve", []lab.Fault{"internet-down"},
			func(a *answers) {
				a.GooglePing, a.RouterDNS, a.GoogleDNS, a.Web = false, "SERVFAIL", noAnswer, noAnswer
			}},
		{"everything but the name server of a router that is silent on DNS", []lab.Fault{"silent-dns"},
			func(a *answers) { a.RouterDNS = noAnswer }},
		{"the sum of several faults", []lab.Fault{"silent-dns", "no-gateway"},
			func(a *answers) {
				a.Gateway, a.GooglePing, a.GoogleDNS, a.Web = "invalid IP", false, noAnswer, noAnswer
				a.RouterDNS = noAnswer
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := healthy()
			tt.want(&want)
			if diff := cmp.Diff(want, see(t, startLab(t, ordinary(tt.fault...)))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNameServersAnswerOverTCPToo(t *testing.T) {
	c := newClient(t, startLab(t, ordinary()))
	for _, server := range []string{"10.77.0.1", "8.8.8.8", "1.1.1.1"} {
		for _, network := range []string{"udp", "tcp"} {
			if got := asks(t, c, network, server); got != "198.51.100.80" {
				t.Errorf("%s over %s: %s", server, network, got)
			}
		}
	}
}

func TestTheWebServerHasOnePage(t *testing.T) {
	c := newClient(t, startLab(t, ordinary()))
	for url, want := range map[string]string{
		"http://example.test/":      "200 <p>You reached the lab's Internet.",
		"http://example.test/other": "404 404 page not found",
	} {
		if got := browses(t, c, url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestTheInternetSeesOnlyTheRouter(t *testing.T) {
	l := startLab(t, ordinary())
	c := newClient(t, l)
	internet, err := namespace.Open(l.Namespaces()[1])
	if err != nil {
		t.Fatal(err)
	}
	defer internet.Close()
	var listener *net.TCPListener
	err = internet.Do(func() error {
		listener, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(198, 51, 100, 80), Port: 8080})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dial(t, c, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := listener.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	seen, err := listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	from := seen.RemoteAddr().(*net.TCPAddr)
	if got := from.IP.String(); got != "203.0.113.2" {
		t.Errorf("the web server sees %s, want the router's 203.0.113.2", got)
	}
	if got := conn.LocalAddr().(*net.TCPAddr).IP.String(); got != "10.77.0.10" {
		t.Errorf("the client speaks from %s, want its lease", got)
	}
}

func TestAPoolOfThreeServesThree(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	opts := ordinary()
	opts.Pool = 3
	l := startLab(t, opts)
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range m.Clients() {
		got = append(got, c.Lease().Address.String())
	}
	slices.Sort(got)
	want := []string{"10.77.0.10/16", "10.77.0.11/16", "10.77.0.12/16"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	awaitLeases(t, l, 3)
	err := m.CreateClients(t.Context(), 1)
	var failed *netmgr.CreateError
	var noOffer *netmgr.NoOfferError
	if !errors.As(err, &failed) || failed.Failed[0].Client != "lab0-client4" || !errors.As(err, &noOffer) {
		t.Errorf("the fourth client: %v, want no offer", err)
	}
	awaitLeases(t, l, 0) // netmgr makes all or none
}

func TestALabLeavesTheMachineAsFound(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	useOnce(t, ordinary()) // the process opens what it keeps open for life
	leavesNothing(t, func() { useOnce(t, ordinary()) })
}

func TestALabPassesOverANameThatIsTaken(t *testing.T) {
	nstest.Need(t)
	for _, name := range []string{"lab0-router", "lab0-internet"} {
		t.Run(name, func(t *testing.T) {
			squatter, err := namespace.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := squatter.Delete(); err != nil {
					t.Error(err)
				}
			})
			if l := startLab(t, ordinary()); l.Parent != "lab1" {
				t.Errorf("the lab is %s, want lab1", l.Parent)
			}
		})
	}
}

func TestALabLeavesOthersTheirLinks(t *testing.T) {
	nstest.Need(t)
	other := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "lab0"}}
	if err := netlink.LinkAdd(other); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(other); err != nil {
			t.Error(err)
		}
	})
	if l := startLab(t, ordinary()); l.Parent != "lab1" {
		t.Errorf("the lab is %s, want the first that is free: lab1", l.Parent)
	}
}

func TestLabsStandSideBySide(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	a := startLab(t, ordinary())
	other := ordinary("no-gateway")
	other.Subnet = netip.MustParsePrefix("192.168.7.0/24")
	b := startLab(t, other)

	type named struct {
		Parent, Router string
		Namespaces     []string
	}
	names := func(l *lab.Lab) named { return named{l.Parent, l.Router.String(), l.Namespaces()} }
	want := []named{
		{"lab0", "10.77.0.1", []string{"lab0-router", "lab0-internet"}},
		{"lab1", "192.168.7.1", []string{"lab1-router", "lab1-internet"}},
	}
	if diff := cmp.Diff(want, []named{names(a), names(b)}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	inA, inB := newClient(t, a), newClient(t, b)
	if got := inA.Lease().Address.String(); got != "10.77.0.10/16" {
		t.Errorf("in the first lab: lease on %s", got)
	}
	if got := inB.Lease().Address.String(); got != "192.168.7.10/24" {
		t.Errorf("in the second lab: lease on %s", got)
	}
	awaitLeases(t, a, 1)
	awaitLeases(t, b, 1)

	// A number that becomes free is used again, and the other lab is unharmed.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if again := startLab(t, ordinary()); again.Parent != "lab0" {
		t.Errorf("the next lab is %s, want lab0", again.Parent)
	}
	if got := asks(t, inB, "udp", "192.168.7.1"); got != "198.51.100.80" {
		t.Errorf("the second lab answers %s once the first is gone", got)
	}
}
