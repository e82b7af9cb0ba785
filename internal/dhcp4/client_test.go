package dhcp4

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

var (
	testMAC   = net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x07}
	serverMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 1}
)

// script is a LAN with a server on it that answers by a script: what follows is
// what no sound server can be made to do. Its time is synctest's.
type script struct {
	group  *Group
	client *Client
	server func(asked *dhcpv4.DHCPv4, before int) (answers [][]byte) // before: messages of that type
	refuse func() error                                              // instead of sending
	broken func() error                                              // instead of asking by ARP, or of writing down
	taken  map[netip.Addr]net.HardwareAddr                           // addresses of other hosts

	sent    []*dhcpv4.DHCPv4
	at      []time.Time
	seen    map[dhcpv4.MessageType]int
	granted []string
	bound   []Lease
	lost    []string
	idled   int
	failed  error
	heard   chan struct{} // closed when all answers so far are
}

func (s *script) Broadcast(b []byte) error { return s.send(b, "") }

func (s *script) Unicast(server netip.Addr, b []byte) error { return s.send(b, server.String()) }

func (s *script) send(b []byte, _ string) error {
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	msg, err := dhcpv4.FromBytes(b)
	if err != nil {
		return err
	}
	s.sent, s.at = append(s.sent, msg), append(s.at, time.Now())
	before := s.seen[msg.MessageType()]
	s.seen[msg.MessageType()]++
	if s.server != nil {
		answers := s.server(msg, before)
		earlier, done := s.heard, make(chan struct{})
		s.heard = done
		go func() {
			defer close(done)
			if earlier != nil {
				<-earlier
			}
			for _, a := range answers {
				s.group.Receive([6]byte(s.client.id.MAC), a, serverMAC)
			}
		}()
	}
	return nil
}

func (s *script) Probe(addr netip.Addr) error {
	if s.broken != nil {
		return s.broken()
	}
	if mac, ok := s.taken[addr]; ok {
		go s.group.Claimed(addr, mac)
	}
	return nil
}

func (s *script) Announce(netip.Addr) error { return nil }
func (s *script) Granted(l Lease) error {
	s.granted = append(s.granted, l.Address.String())
	if s.broken != nil {
		return s.broken()
	}
	return nil
}
func (s *script) Bound(l Lease)    { s.bound = append(s.bound, l) }
func (s *script) Lost(err error)   { s.lost = append(s.lost, err.Error()) }
func (s *script) Idle()            { s.idled++ }
func (s *script) Failed(err error) { s.failed = err }

// types are the message types sent, in order.
func (s *script) types() (types []string) {
	for _, m := range s.sent {
		types = append(types, m.MessageType().String())
	}
	return types
}

func (s *script) remarks() (whats []string) {
	for _, r := range s.client.Status().Remarks {
		whats = append(whats, r.What)
	}
	return whats
}

// newScript is a client on a LAN with such a server.
func newScript(t *testing.T, opts Options, server func(asked *dhcpv4.DHCPv4, before int) [][]byte) *script {
	g := NewGroup(opts)
	t.Cleanup(g.Close)
	return join(g, testMAC, server)
}

func join(g *Group, mac net.HardwareAddr, server func(asked *dhcpv4.DHCPv4, before int) [][]byte) *script {
	s := &script{group: g, server: server, seen: map[dhcpv4.MessageType]int{}}
	s.client = g.Add(Identity{MAC: mac, HostName: "ns7", VendorClass: "lanstorm", MaxSize: 1500}, s)
	return s
}

// run has the client ask, and lets so much time pass.
func (s *script) run(timeout, d time.Duration) {
	s.group.Start(timeout, s.client)
	pass(s.group, d)
}

// pass lets time pass. What the test has read is read before, and what it reads
// next is read after, whatever the clients do meanwhile.
func pass(g *Group, d time.Duration) {
	lock := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
	}
	lock()
	time.Sleep(d)
	synctest.Wait()
	lock()
}

// reply is a sound answer to asked, changed by mods.
func reply(asked *dhcpv4.DHCPv4, mods ...dhcpv4.Modifier) []byte {
	all := append([]dhcpv4.Modifier{dhcpv4.WithReply(asked)}, soundACK()...)
	all = append(all, dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, asked.Options.Get(dhcpv4.OptionClientIdentifier))))
	if asked.MessageType() == dhcpv4.MessageTypeDiscover {
		all = append(all, dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer))
	}
	msg, err := dhcpv4.New(append(all, mods...)...)
	if err != nil {
		panic(err)
	}
	return msg.ToBytes()
}

func nak(asked *dhcpv4.DHCPv4, why string) []byte {
	msg, err := dhcpv4.New(dhcpv4.WithReply(asked),
		dhcpv4.WithMessageType(dhcpv4.MessageTypeNak),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, asked.Options.Get(dhcpv4.OptionClientIdentifier))),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 1})),
		dhcpv4.WithOption(dhcpv4.OptMessage(why)))
	if err != nil {
		panic(err)
	}
	return msg.ToBytes()
}

// from is the mark of another server.
func from(ip string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(ip)))
}

// sound answers everything as it should.
func sound(asked *dhcpv4.DHCPv4, _ int) [][]byte {
	switch asked.MessageType() {
	case dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest:
		return [][]byte{reply(asked)}
	}
	return nil
}

func isDiscover(m *dhcpv4.DHCPv4) bool { return m.MessageType() == dhcpv4.MessageTypeDiscover }

const (
	discover = "DISCOVER"
	request  = "REQUEST"
	decline  = "DECLINE"
)

// TestAClientComesThroughWhatServersDo: what a server does wrong and a host
// survives is a remark.
func TestAClientComesThroughWhatServersDo(t *testing.T) {
	for _, tt := range []struct {
		name    string
		script  func(asked *dhcpv4.DHCPv4, before int) [][]byte
		sent    []string
		remarks []string
	}{
		{"a sound server", sound, []string{discover, request}, nil},
		{
			"an answer to another transaction",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if before == 0 {
					return [][]byte{reply(asked, dhcpv4.WithTransactionID(dhcpv4.TransactionID{1, 2, 3, 4}), dhcpv4.WithYourIP(net.IP{10, 77, 0, 99}))}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, discover, request, request}, nil,
		},
		{
			"another client's question heard",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{asked.ToBytes(), reply(asked)} },
			[]string{discover, request}, nil,
		},
		{
			"bytes that are not DHCP",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{{1, 2, 3}, {}, reply(asked)} },
			[]string{discover, request}, nil,
		},
		{
			"an answer cut short",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				whole := reply(asked)
				return [][]byte{whole[:len(whole)/2], whole}
			},
			[]string{discover, request}, []string{"an answer that cannot be read"},
		},
		{
			"an option that claims more bytes than there are",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				lying := reply(asked)
				return [][]byte{append(lying[:bytes.LastIndexByte(lying, 255)], 12, 200, 'x'), reply(asked)}
			},
			[]string{discover, request}, []string{"an answer that cannot be read"},
		},
		{
			"a useless OFFER and a good one",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if isDiscover(asked) {
					return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IPv4zero)), reply(asked)}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request}, []string{"an OFFER of no use", "answers come more than once"},
		},
		{
			"an OFFER once more in place of the ACK",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before == 0 {
					return [][]byte{reply(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer))}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request, request}, []string{"answers come more than once"},
		},
		{
			"a NAK that answers no REQUEST",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if isDiscover(asked) {
					return [][]byte{nak(asked, ""), reply(asked)}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request}, nil,
		},
		{
			"two servers that answer everything",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				other := reply(asked, from("10.77.0.2"))
				if isDiscover(asked) {
					return [][]byte{reply(asked), other}
				}
				return [][]byte{other}
			},
			[]string{discover, request},
			[]string{"more than one DHCP server offers addresses", "an ACK from another server than was asked"},
		},
		{
			"an ACK for another address",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if isDiscover(asked) {
					return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 0, 99}))}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request}, []string{"an ACK for another address than was asked for"},
		},
		{
			"no echo of the client identifier",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				return [][]byte{reply(asked, dhcpv4.WithoutOption(dhcpv4.OptionClientIdentifier))}
			},
			[]string{discover, request}, []string{"answers without the client identifier (option 61)"},
		},
		{
			"every answer twenty times",
			func(asked *dhcpv4.DHCPv4, _ int) (answers [][]byte) {
				for range 20 {
					answers = append(answers, reply(asked))
				}
				return answers
			},
			[]string{discover, request}, []string{"answers come more than once"},
		},
		{
			"T1 behind T2",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				return [][]byte{reply(asked, dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(50*time.Minute)), dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(20*time.Minute)))}
			},
			[]string{discover, request}, []string{"T1 and T2 out of order (options 58, 59)"},
		},
		{
			"options in the fields for names",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				return [][]byte{overloaded(reply(asked, dhcpv4.WithoutOption(dhcpv4.OptionServerIdentifier), dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask)),
					[]byte{54, 4, 10, 77, 0, 1, 255}, []byte{1, 4, 255, 255, 0, 0, 255})}
			},
			[]string{discover, request}, nil,
		},
		{
			"two lost messages",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if before == 0 {
					return nil
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, discover, request, request}, nil,
		},
		{
			"a change of mind after the OFFER",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before == 0 {
					return [][]byte{nak(asked, "address taken")}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request, discover, request}, nil,
		},
		{
			"an OFFER, and no word for the REQUEST (RFC 2131 §3.1 step 5)",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before < 3 {
					return nil
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request, request, request, discover, request},
			[]string{"a REQUEST stays without an answer for some seconds, so the client begins again"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, Options{}, tt.script)
				s.run(time.Minute, time.Minute)
				if s.failed != nil || len(s.bound) != 1 {
					t.Fatalf("%d leases; %v", len(s.bound), s.failed)
				}
				if want := netip.MustParsePrefix("10.77.0.10/16"); s.bound[0].Address != want {
					t.Errorf("%s, want %s", s.bound[0].Address, want)
				}
				if diff := cmp.Diff(tt.sent, s.types()); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tt.remarks, s.remarks()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// overloaded puts options into the fields file and sname of a message.
func overloaded(wire, file, sname []byte) []byte {
	copy(wire[fileAt:], file)
	copy(wire[snameAt:], sname)
	return append(wire[:bytes.LastIndexByte(wire, 255)], 52, 1, 3, 255)
}

func TestAClientSaysWhyItHasNoLease(t *testing.T) {
	offersThen := func(then func(request *dhcpv4.DHCPv4) [][]byte) func(*dhcpv4.DHCPv4, int) [][]byte {
		return func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			if isDiscover(asked) {
				return [][]byte{reply(asked)}
			}
			return then(asked)
		}
	}
	for _, tt := range []struct {
		name   string
		script func(asked *dhcpv4.DHCPv4, before int) [][]byte
		want   string
	}{
		{"silence", func(*dhcpv4.DHCPv4, int) [][]byte { return nil }, "no OFFER in 20s (4 DISCOVERs sent)"},
		{
			"useless OFFERs",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				return [][]byte{reply(asked, dhcpv4.WithNetmask(net.IPMask{255, 0, 255, 0}))}
			},
			"no usable OFFER in 20s (4 DISCOVERs sent; an OFFER was refused: impossible subnet mask 255.0.255.0)",
		},
		{
			"an OFFER and then silence",
			offersThen(func(*dhcpv4.DHCPv4) [][]byte { return nil }),
			"no ACK in 20s for 10.77.0.10, which 10.77.0.1 had offered (N REQUESTs sent)",
		},
		{
			"a good OFFER and useless ACKs",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(asked, dhcpv4.WithLeaseTime(0))} }),
			"no usable ACK in 20s for 10.77.0.10, which 10.77.0.1 had offered (N REQUESTs sent; an ACK was refused: a lease time of 0 (option 51))",
		},
		{
			"NAKs for ever",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte { return [][]byte{nak(asked, "go\naway")} }),
			`refused by NAK from 10.77.0.1 ("go\naway") (N times in 20s)`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, Options{}, tt.script)
				s.run(20*time.Second, 25*time.Second)
				got := fmt.Sprint(s.failed)
				for _, what := range []string{"REQUESTs", "times"} { // which chance decides, within bounds
					var n int
					if i := strings.LastIndex(got, "("); i >= 0 {
						if _, err := fmt.Sscanf(got[i:], "(%d "+what, &n); err == nil && n > 1 && n < 12 {
							got = strings.Replace(got, fmt.Sprintf("(%d %s", n, what), "(N "+what, 1)
						} else if i := strings.Index(got, "("); true {
							if _, err := fmt.Sscanf(got[i:], "(%d "+what, &n); err == nil && n > 1 && n < 12 {
								got = strings.Replace(got, fmt.Sprintf("(%d %s", n, what), "(N "+what, 1)
							}
						}
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				sent := len(s.sent)
				pass(s.group, time.Hour)
				if len(s.sent) != sent {
					t.Error("it goes on")
				}
			})
		})
	}
}

func TestADiscoverWaitsTwiceAsLongEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, nil)
		start := time.Now()
		s.run(10*time.Minute, 5*time.Minute)
		if len(s.sent) < 8 {
			t.Fatalf("%d DISCOVERs in five minutes", len(s.sent))
		}
		for i := 1; i < len(s.at); i++ {
			wait := min(firstWait<<(i-1), mostWait)
			if got := s.at[i].Sub(s.at[i-1]); got < wait*3/4 || got > wait*5/4 {
				t.Errorf("wait %d was %s, want %s give or take a quarter", i, got, wait)
			}
		}
		for i, msg := range s.sent {
			if msg.TransactionID != s.sent[0].TransactionID {
				t.Errorf("DISCOVER %d is of another transaction", i)
			}
			if want := uint16(s.at[i].Sub(start) / time.Second); msg.NumSeconds != want {
				t.Errorf("DISCOVER %d says %d seconds, want %d", i, msg.NumSeconds, want)
			}
		}
	})
}

func TestARequestSaysWhatItsDiscoverSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if before < 2 {
				return nil
			}
			return [][]byte{reply(asked)}
		})
		s.run(time.Minute, time.Minute)
		last := s.sent[2]
		for _, r := range s.sent[3:] {
			if r.NumSeconds != last.NumSeconds || r.NumSeconds == 0 || r.TransactionID != last.TransactionID {
				t.Errorf("secs %d and xid %s, want %d and %s (RFC 2131 §3.1 step 3)", r.NumSeconds, r.TransactionID, last.NumSeconds, last.TransactionID)
			}
			if ip := r.RequestedIPAddress(); !ip.Equal(net.IP{10, 77, 0, 10}) || !r.ServerIdentifier().Equal(net.IP{10, 77, 0, 1}) || !r.ClientIPAddr.IsUnspecified() {
				t.Errorf("%s", r.Summary())
			}
		}
	})
}

func TestAFullQueueIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		left := 20
		s.refuse = func() error {
			if left--; left >= 0 {
				return &net.OpError{Op: "write", Err: unix.ENOBUFS}
			}
			return nil
		}
		s.run(time.Minute, time.Second)
		if story := s.client.Status(); len(s.bound) != 1 || story.Resent != 0 || story.Sent != 2 {
			t.Errorf("%+v", story)
		}
	})
}

func TestAClientThatCannotSendFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, nil)
		s.refuse = func() error { return unix.ENETDOWN }
		s.run(time.Minute, time.Second)
		if diff := cmp.Diff("send DISCOVER: network is down", errorText(s.failed)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAClientWhoseQueueIsAlwaysFullSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		s.refuse = func() error { return unix.ENOBUFS }
		s.run(10*time.Second, 11*time.Second)
		if diff := cmp.Diff("not one DISCOVER could be sent in 10s: a queue of this machine was full", errorText(s.failed)); diff != "" {
			t.Error(diff)
		}
	})
}

// A client that stood goes on, whatever this machine cannot do at the moment:
// there is nobody any more who would be told that it failed.
func TestAClientThatStoodNeverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !isDiscover(asked) && before == 1 {
				return [][]byte{nak(asked, "moved")}
			}
			return [][]byte{reply(asked)}
		})
		s.run(time.Minute, 20*time.Minute)
		s.broken = func() error { return unix.ENETDOWN }
		pass(s.group, 20*time.Minute)
		if len(s.lost) != 1 || len(s.bound) != 2 || s.failed != nil {
			t.Errorf("lost %q, %d leases; %v", s.lost, len(s.bound), s.failed)
		}
	})
}

// What is given back in the end is what the client has.
func TestAUselessACKOfARenewalChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			if !asked.ClientIPAddr.IsUnspecified() {
				return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 0, 99}), dhcpv4.WithLeaseTime(0))}
			}
			return [][]byte{reply(asked)}
		})
		s.run(time.Minute, 40*time.Minute)
		if diff := cmp.Diff([]string{"10.77.0.10/16"}, s.granted); diff != "" || len(s.lost) > 0 {
			t.Errorf("%s; lost %q", diff, s.lost)
		}
	})
}

// The life of a lease of an hour: T1 after 30 minutes, T2 after 52:30.
func TestALeaseIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		s.run(time.Minute, 27*time.Minute)
		if len(s.sent) != 2 {
			t.Fatalf("%q before T1", s.types())
		}
		pass(s.group, 4*time.Minute)
		renewal := s.sent[len(s.sent)-1]
		if len(s.sent) != 3 || !renewal.ClientIPAddr.Equal(net.IP{10, 77, 0, 10}) || renewal.RequestedIPAddress() != nil || renewal.ServerIdentifier() != nil {
			t.Errorf("%q; the renewal is %s", s.types(), renewal.Summary())
		}
		pass(s.group, 10*time.Hour)
		story := s.client.Status()
		if n := len(s.bound); n < 20 || n > 23 || len(s.lost) > 0 || story.Renewed != n-1 || story.Rebound != 0 {
			t.Errorf("renewed %d times in ten hours and a half; lost: %q; %+v", n-1, s.lost, story)
		}
	})
}

func TestALeaseIsReboundThenLostThenAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var since time.Time
		s := newScript(t, Options{}, nil)
		s.server = func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !since.IsZero() && time.Since(since) < 2*time.Hour && before > 0 {
				return nil // from the first lease on, for two hours
			}
			return sound(asked, before)
		}
		since = time.Now()
		s.run(time.Minute, 52*time.Minute)
		if s.client.Status().State != Renewing {
			t.Errorf("%s after 52 minutes", s.client.Status().State)
		}
		pass(s.group, 2*time.Minute)
		if s.client.Status().State != Rebinding {
			t.Errorf("%s after 54 minutes", s.client.Status().State)
		}
		pass(s.group, 4*time.Minute)
		if len(s.lost) > 0 {
			t.Errorf("lost before its end: %q", s.lost)
		}
		pass(s.group, 3*time.Minute)
		if diff := cmp.Diff([]string{"the lease has ended: nobody answered the renewal"}, s.lost); diff != "" {
			t.Error(diff)
		}
		// Half of what is left, but at least a minute (RFC 2131 §4.4.5): six or
		// seven times until T2, three or four from then on.
		if n := s.seen[dhcpv4.MessageTypeRequest] - 1; n < 8 || n > 12 {
			t.Errorf("%d REQUESTs for a renewal, %s", n, s.types())
		}
		pass(s.group, 2*time.Hour)
		if len(s.bound) < 2 {
			t.Errorf("%d leases", len(s.bound))
		}
	})
}

func TestANAKEndsALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !isDiscover(asked) && before == 1 {
				return [][]byte{nak(asked, "moved")}
			}
			return [][]byte{reply(asked)}
		})
		s.run(time.Minute, 35*time.Minute)
		if diff := cmp.Diff([]string{`10.77.0.1 refused the renewal by NAK ("moved")`}, s.lost); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{discover, request, request, discover, request}, s.types()); diff != "" || len(s.bound) != 2 {
			t.Errorf("%d leases, %s", len(s.bound), diff)
		}
	})
}

func TestLeasesThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			return [][]byte{reply(asked, dhcpv4.WithLeaseTime(0xffffffff))}
		})
		s.run(time.Minute, 1000*time.Hour)
		if len(s.sent) != 2 || len(s.bound) != 1 || !s.bound[0].End().IsZero() {
			t.Errorf("%q, until %s", s.types(), s.bound[0].End())
		}
	})
}

func TestLeasesOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			return [][]byte{reply(asked, dhcpv4.WithLeaseTime(1))}
		})
		s.run(time.Minute, time.Minute)
		if n := len(s.sent); n < 60 || n > 150 || len(s.lost) > 0 {
			t.Errorf("%d messages in a minute, lost %q", n, s.lost)
		}
	})
}

// Another host has the first address that the server gives.
func TestAnAddressInUseIsDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		printer := net.HardwareAddr{0, 0x1b, 0xa9, 1, 2, 3}
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			switch {
			case asked.MessageType() == dhcpv4.MessageTypeDecline:
				return nil
			case before == 0:
				return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 0, 5}))}
			}
			return [][]byte{reply(asked)}
		})
		taken := netip.MustParseAddr("10.77.0.5")
		s.taken = map[netip.Addr]net.HardwareAddr{taken: printer}
		s.run(time.Minute, time.Minute)
		if diff := cmp.Diff([]string{discover, request, decline, discover, request}, s.types()); diff != "" {
			t.Fatal(diff)
		}
		d := s.sent[2]
		if !d.RequestedIPAddress().Equal(net.IP{10, 77, 0, 5}) || !d.ServerIdentifier().Equal(net.IP{10, 77, 0, 1}) || !d.ClientIPAddr.IsUnspecified() {
			t.Errorf("%s", d.Summary())
		}
		if wait := s.at[3].Sub(s.at[2]); wait < declineWait {
			t.Errorf("began again after %s (RFC 2131 §3.1 step 5)", wait)
		}
		if len(s.bound) != 1 || s.bound[0].Address.Addr() == taken {
			t.Errorf("bound to %v", s.bound)
		}
		story := s.client.Status()
		if story.Declined[taken].Holder != printer.String() {
			t.Errorf("%+v", story.Declined)
		}
		if story.Offer < declineWait || story.Leased.Sub(story.Asked) < story.Offer || story.Ack < 0 {
			t.Errorf("the times are not those of the lease that is kept: %+v", story)
		}
	})
}

func TestAnAddressIsUsedUncheckedIfSoWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{Unchecked: true}, sound)
		s.taken = map[netip.Addr]net.HardwareAddr{netip.MustParseAddr("10.77.0.10"): serverMAC}
		start := time.Now()
		s.run(time.Minute, time.Second)
		if len(s.bound) != 1 || s.bound[0].Acquired.Sub(start) > 0 {
			t.Errorf("%+v", s.bound)
		}
	})
}

func TestASiblingsAddressIsDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript(t, Options{}, sound)
		other := net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x08}
		b := join(a.group, other, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if before == 0 {
				return sound(asked, before)
			}
			return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 0, 11}))}
		})
		a.run(time.Minute, time.Second)
		b.run(time.Minute, time.Minute)
		if len(b.bound) != 1 || b.bound[0].Address.String() != "10.77.0.11/16" || b.client.Status().Declined[netip.MustParseAddr("10.77.0.10")].Holder != testMAC.String() {
			t.Errorf("%+v; %+v", b.bound, b.client.Status())
		}
		if len(a.lost) > 0 {
			t.Errorf("the first lost it: %q", a.lost)
		}
	})
}

// A claim is answered once; a rival that insists has the address (RFC 5227 §2.4).
func TestAnAddressIsDefendedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		s.run(time.Minute, time.Second)
		addr := netip.MustParseAddr("10.77.0.10")
		s.group.Claimed(addr, testMAC) // its own
		s.group.Claimed(addr, serverMAC)
		if len(s.lost) > 0 {
			t.Fatal(s.lost)
		}
		pass(s.group, time.Second)
		s.group.Claimed(addr, serverMAC)
		if diff := cmp.Diff([]string{"10.77.0.10 is that of 02:4c:53:00:00:01"}, s.lost); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAServerThatDoesNotAcknowledgeIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			second := reply(asked, from("10.77.0.2"), dhcpv4.WithYourIP(net.IP{10, 77, 0, 20}))
			switch {
			case isDiscover(asked):
				return [][]byte{reply(asked), second}
			case asked.ServerIdentifier().Equal(net.IP{10, 77, 0, 2}):
				return [][]byte{second}
			}
			return nil
		})
		s.run(time.Minute, 30*time.Second)
		if len(s.bound) != 1 || s.bound[0].Server != netip.MustParseAddr("10.77.0.2") {
			t.Errorf("%+v, %q", s.bound, s.types())
		}
	})
}

func TestAClientRebootsWithItsOldAddress(t *testing.T) {
	old := Lease{Address: netip.MustParsePrefix("10.77.0.10/16"), Server: netip.MustParseAddr("10.77.0.1")}
	for _, tt := range []struct {
		name   string
		script func(asked *dhcpv4.DHCPv4, before int) [][]byte
		sent   []string
	}{
		{"known", sound, []string{request}},
		{
			"refused", func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before == 0 {
					return [][]byte{nak(asked, "")}
				}
				return sound(asked, before)
			}, []string{request, discover, request},
		},
		{
			"forgotten", func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before < 3 {
					return nil
				}
				return sound(asked, before)
			}, []string{request, request, request, discover, request},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, Options{}, tt.script)
				s.group.Reboot(map[*Client]Lease{s.client: old})
				pass(s.group, time.Minute)
				if diff := cmp.Diff(tt.sent, s.types()); diff != "" || len(s.bound) != 1 {
					t.Errorf("%d leases, %s", len(s.bound), diff)
				}
				first := s.sent[0]
				if !first.RequestedIPAddress().Equal(net.IP{10, 77, 0, 10}) || first.ServerIdentifier() != nil || !first.ClientIPAddr.IsUnspecified() {
					t.Errorf("%s (RFC 2131 §4.3.2)", first.Summary())
				}
			})
		})
	}
}

func TestNoMoreAskThanMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(Options{InFlight: 3})
		t.Cleanup(g.Close)
		asking := 0
		var all []*script
		var clients []*Client
		for i := range 20 {
			mac := net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x01, byte(i)}
			s := join(g, mac, nil)
			s.server = func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				asking = max(asking, g.asking)
				return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 1, byte(i)}))}
			}
			all, clients = append(all, s), append(clients, s.client)
		}
		g.Start(time.Minute, clients...)
		pass(g, 10*time.Second)
		for _, s := range all {
			if len(s.bound) != 1 {
				t.Errorf("%s: %d leases", s.client.id.MAC, len(s.bound))
			}
		}
		if peak := g.Peak(); asking != 3 || peak != 3 {
			t.Errorf("%d were asking at one time (%d), want 3", asking, peak)
		}
	})
}

func TestThoseWhoBeganTogetherFailTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript(t, Options{InFlight: 1}, nil)
		b := join(a.group, net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x08}, nil)
		a.group.Start(10*time.Second, a.client, b.client)
		pass(a.group, 10*time.Second)
		if got, want := errorText(a.failed), "no OFFER in 10s (3 DISCOVERs sent)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := errorText(b.failed), "its turn to ask did not come in 10s (at most so many at a time, by the scenario or by dhcp.in_flight)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A server that never stops must not cost memory.
func TestAFloodIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, nil)
		s.run(time.Hour, time.Second)
		for i := range 100_000 {
			other := reply(s.sent[0], from(fmt.Sprintf("10.77.%d.%d", i>>8&255, i&255)), dhcpv4.WithYourIP(net.IPv4zero))
			s.group.Receive([6]byte(testMAC), other, serverMAC)
		}
		story := s.client.Status()
		if len(story.Remarks) > 20 || len(story.Servers) > 20 {
			t.Errorf("%d remarks, %d servers", len(story.Remarks), len(story.Servers))
		}
	})
}

// A client that is given up in the middle of a REQUEST may yet be granted what it
// asked for: whoever gives it up must know, to give that back.
func TestWhatIsGrantedLateIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers func(*script)
		granted []string
		after   time.Duration
	}{
		{"an ACK", func(s *script) { s.group.Receive([6]byte(testMAC), reply(s.sent[1]), serverMAC) }, []string{"10.77.0.10/16"}, 0},
		{"nothing", func(*script) {}, nil, lastWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
					if isDiscover(asked) {
						return sound(asked, before)
					}
					return nil
				})
				s.run(time.Minute, 100*time.Millisecond)
				start := time.Now()
				go tt.answers(s)
				s.group.Leave(t.Context(), s.client)
				if took := time.Since(start); took != tt.after {
					t.Errorf("left after %s, want %s", took, tt.after)
				}
				if diff := cmp.Diff(tt.granted, s.granted); diff != "" || len(s.bound) > 0 || len(s.sent) != 2 {
					t.Errorf("bound to %v, sent %q, granted %s", s.bound, s.types(), diff)
				}
			})
		})
	}
}
