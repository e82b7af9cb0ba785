package dhcp4

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// living is a client that has had its lease of an hour for a minute. From then on
// its server answers as it says.
func living(t *testing.T, server func(asked *dhcpv4.DHCPv4, before int) [][]byte) *script {
	s := newScript(t, Options{}, sound)
	s.run(time.Minute, time.Minute)
	if len(s.bound) != 1 {
		t.Fatalf("%d leases", len(s.bound))
	}
	s.server, s.sent, s.at, s.seen = server, nil, nil, map[dhcpv4.MessageType]int{}
	return s
}

func silent(*dhcpv4.DHCPv4, int) [][]byte { return nil }

func TestClientsAskForMoreWhenTold(t *testing.T) {
	late := func(asked *dhcpv4.DHCPv4, before int) [][]byte {
		if before < 2 {
			return nil
		}
		return sound(asked, before)
	}
	refuses := func(asked *dhcpv4.DHCPv4, before int) [][]byte {
		if isDiscover(asked) {
			return nil
		}
		return [][]byte{nak(asked, "go away")}
	}
	for _, tt := range []struct {
		name      string
		broadcast bool
		script    func(asked *dhcpv4.DHCPv4, before int) [][]byte
		state     State
		requests  int
		lost      []string
	}{
		{"of their server", false, sound, Bound, 1, nil},
		{"of any server", true, sound, Bound, 1, nil},
		{"again soon, when a message was lost", false, late, Bound, 3, nil},
		{"again soon, when a broadcast was lost", true, late, Bound, 3, nil},
		{"three times of one that is silent", false, silent, Renewing, 3, nil},
		{"three times of all that are silent", true, silent, Rebinding, 3, nil},
		{"and give up what is refused", false, refuses, Selecting, 1, []string{`10.77.0.1 refused the renewal by NAK ("go away")`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.script)
				s.group.Extend(tt.broadcast, s.client)
				pass(s.group, 20*time.Second)
				story := s.client.Status()
				renewed, rebound := 0, 0
				if tt.state == Bound {
					renewed, rebound = 1, 0
					if tt.broadcast {
						renewed, rebound = 0, 1
					}
				}
				if story.State != tt.state || story.Renewed != renewed || story.Rebound != rebound || s.seen[dhcpv4.MessageTypeRequest] != tt.requests {
					t.Errorf("%s, renewed %d times, rebound %d times, %d REQUESTs", story.State, story.Renewed, story.Rebound, s.seen[dhcpv4.MessageTypeRequest])
				}
				if diff := cmp.Diff(tt.lost, s.lost); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A lease without an end has none that an unanswered broadcast could lead to.
func TestAnEndlessLeaseIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			return [][]byte{reply(asked, dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(forever)))}
		})
		s.run(time.Minute, time.Minute)
		s.server = silent
		s.group.Extend(true, s.client)
		pass(s.group, 48*time.Hour)
		if len(s.lost) > 0 || !s.client.Status().State.holds() {
			t.Errorf("%s, %q", s.client.Status().State, s.lost)
		}
	})
}

func TestWhatIsSaidToARebootIsKept(t *testing.T) {
	old := netip.MustParsePrefix("10.77.0.10/16")
	first := func(answer func(*dhcpv4.DHCPv4) []byte) func(*dhcpv4.DHCPv4, int) [][]byte {
		return func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !isDiscover(asked) && before == 0 {
				return [][]byte{answer(asked)}
			}
			return sound(asked, before)
		}
	}
	server, other := netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.99")
	for _, tt := range []struct {
		name   string
		script func(asked *dhcpv4.DHCPv4, before int) [][]byte
		want   Reply
	}{
		{"an ACK", sound, Reply{Type: dhcpv4.MessageTypeAck, Server: server, Address: old.Addr(), Asked: old.Addr(), Sent: 1}},
		{
			"an ACK for another address",
			first(func(asked *dhcpv4.DHCPv4) []byte { return reply(asked, dhcpv4.WithYourIP(net.IP{10, 77, 0, 99})) }),
			Reply{Type: dhcpv4.MessageTypeAck, Server: server, Address: other, Asked: old.Addr(), Sent: 1},
		},
		{
			"a NAK", first(func(asked *dhcpv4.DHCPv4) []byte { return nak(asked, "not yours") }),
			Reply{Type: dhcpv4.MessageTypeNak, Server: server, Address: netip.IPv4Unspecified(), Asked: old.Addr(), Sent: 1},
		},
		{"nothing", func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !isDiscover(asked) && before < 3 {
				return nil
			}
			return sound(asked, before)
		}, Reply{Asked: old.Addr(), Sent: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.script)
				s.group.Reboot(map[*Client]Lease{s.client: {Address: old}})
				if s.idled != 1 {
					t.Errorf("its host was told %d times to use no address", s.idled)
				}
				pass(s.group, time.Minute)
				story := s.client.Status()
				if story.Reboot == nil {
					t.Fatal("nothing is known of the answer")
				}
				if diff := cmp.Diff(tt.want, *story.Reboot, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
					t.Error(diff)
				}
				if len(s.bound) != 2 || len(s.lost) > 0 {
					t.Errorf("%d leases, lost %q", len(s.bound), s.lost)
				}
			})
		})
	}
}

func TestAClientThatPausesIsSilentUntilItIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, sound)
		s.group.Pause(s.client)
		pass(s.group, 48*time.Hour)
		story := s.client.Status()
		if len(s.sent) > 0 || !story.Idle || story.Missing == nil || story.Missing.Error() != "it does not ask for an address" {
			t.Errorf("%q; %+v", s.types(), story)
		}
		s.run(time.Minute, time.Minute)
		story = s.client.Status()
		if len(s.bound) != 2 || story.Idle || story.Missing != nil || story.Sent != 2 {
			t.Errorf("%d leases, %+v", len(s.bound), story)
		}
	})
}

func TestClientsDeclineWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, sound) // it does not listen, and gives the same address again
		s.group.Decline(s.client)
		pass(s.group, 15*time.Second)
		s.group.Decline(s.client)
		pass(s.group, 15*time.Second)
		if diff := cmp.Diff([]string{decline, discover, request, decline, discover, request}, s.types()); diff != "" {
			t.Error(diff)
		}
		story := s.client.Status()
		if d := story.Declined[netip.MustParseAddr("10.77.0.10")]; d.Times != 2 || d.Holder != "another host" {
			t.Errorf("%+v", story.Declined)
		}
		if diff := cmp.Diff([]string(nil), s.remarks()); diff != "" {
			t.Errorf("the server is blamed: %s", diff)
		}
	})
}

func TestAClientWhoseLinkWasDownAsksAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script func(asked *dhcpv4.DHCPv4, before int) [][]byte
		sent   []string
		state  State
		lost   []string
	}{
		{"and is told that all is well", sound, []string{request}, Bound, nil},
		{"and goes on when nobody knows", silent, []string{request, request, request}, Bound, nil},
		{"and gives up what is refused", func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if !isDiscover(asked) && before == 0 {
				return [][]byte{nak(asked, "")}
			}
			return sound(asked, before)
		}, []string{request, discover, request}, Bound, []string{"10.77.0.1 refused 10.77.0.10 by NAK"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.script)
				s.group.Reconnected()
				pass(s.group, time.Minute)
				if diff := cmp.Diff(tt.sent, s.types()); diff != "" {
					t.Error(diff)
				}
				if asked := s.sent[0]; !asked.RequestedIPAddress().Equal(net.IP{10, 77, 0, 10}) || asked.ServerIdentifier() != nil || !asked.ClientIPAddr.IsUnspecified() {
					t.Errorf("it asked as none that verifies: %s", asked.Summary())
				}
				if diff := cmp.Diff(tt.lost, s.lost); diff != "" || s.client.Status().State != tt.state {
					t.Errorf("%s, %s", s.client.Status().State, diff)
				}
			})
		})
	}
}

// One that still looks for a server does not wait for half a minute.
func TestAClientWithoutALeaseBeginsAgainWhenItsLinkIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, silent)
		s.run(time.Hour, 20*time.Second)
		s.server = sound
		s.group.Reconnected()
		pass(s.group, time.Second)
		if len(s.bound) != 1 {
			t.Errorf("%d leases, %q", len(s.bound), s.types())
		}
	})
}

// Nor does one that was about to use an address: its router may have forgotten it.
func TestAClientThatChecksItsAddressAsksAgainWhenItsLinkIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		s.run(time.Hour, 150*time.Millisecond)
		if got := s.client.Status().State; got != Checking {
			t.Fatal(got)
		}
		s.group.Reconnected()
		pass(s.group, time.Second)
		if diff := cmp.Diff([]string{discover, request, request}, s.types()); diff != "" || len(s.bound) != 1 {
			t.Errorf("%d leases, %s", len(s.bound), diff)
		}
		if asked := s.sent[2]; !asked.RequestedIPAddress().Equal(net.IP{10, 77, 0, 10}) || asked.ServerIdentifier() != nil {
			t.Errorf("it asked as none that reboots: %s", asked.Summary())
		}
	})
}

func TestServersAreKnownByAddressAndMAC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, func(asked *dhcpv4.DHCPv4, before int) [][]byte {
			if isDiscover(asked) {
				return [][]byte{reply(asked), reply(asked, from("10.77.0.2"), dhcpv4.WithRouter(net.IP{10, 79, 0, 1}))}
			}
			return sound(asked, before)
		})
		s.run(time.Minute, time.Second)
		want := []Server{
			{netip.MustParseAddr("10.77.0.1"), serverMAC.String(), netip.MustParsePrefix("10.77.0.10/16"), netip.MustParseAddr("10.77.0.1"), 1},
			{netip.MustParseAddr("10.77.0.2"), serverMAC.String(), netip.MustParsePrefix("10.77.0.10/16"), netip.MustParseAddr("10.79.0.1"), 1},
		}
		if diff := cmp.Diff(want, s.client.Status().Servers, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhoOnlyAsksTakesNothing(t *testing.T) {
	const router = "10.77.0.1 (MAC 02:4c:53:00:00:01)"
	for _, tt := range []struct {
		name    string
		answers func(asked *dhcpv4.DHCPv4) [][]byte
		want    []string // the server, and what it offers
		asks    int
	}{
		{"a usual offer", func(q *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(q)} }, []string{router + " 10.77.0.10/16"}, 1},
		{"a server that repeats itself", func(q *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(q), reply(q)} }, []string{router + " 10.77.0.10/16"}, 1},
		{"two servers", func(q *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(q), reply(q, from("10.77.0.9"))} },
			[]string{router + " 10.77.0.10/16", "10.77.0.9 (MAC 02:4c:53:00:00:01) 10.77.0.10/16"}, 1},
		{"a server that does not say who it is", func(q *dhcpv4.DHCPv4) [][]byte {
			return [][]byte{reply(q, dhcpv4.WithoutOption(dhcpv4.OptionServerIdentifier))}
		},
			[]string{"one that does not say who it is (MAC 02:4c:53:00:00:01) invalid Prefix"}, 1},
		{"an offer without a subnet", func(q *dhcpv4.DHCPv4) [][]byte {
			return [][]byte{reply(q, dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask))}
		},
			[]string{router + " 10.77.0.10/8"}, 1},
		{"a mask that has gaps", func(q *dhcpv4.DHCPv4) [][]byte {
			return [][]byte{reply(q, dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0)))}
		},
			[]string{router + " invalid Prefix"}, 1},
		{"an offer of no address", func(q *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(q, dhcpv4.WithYourIP(net.IPv4zero))} },
			[]string{router + " invalid Prefix"}, 1},
		{"an ACK", func(q *dhcpv4.DHCPv4) [][]byte {
			return [][]byte{reply(q, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck))}
		}, nil, 3},
		{"an answer to another question", func(q *dhcpv4.DHCPv4) [][]byte {
			return [][]byte{reply(q, dhcpv4.WithTransactionID(dhcpv4.TransactionID{9}))}
		}, nil, 3},
		{"the DISCOVER, come back", func(q *dhcpv4.DHCPv4) [][]byte { return [][]byte{q.ToBytes()} }, nil, 3},
		{"what is not DHCP", func(*dhcpv4.DHCPv4) [][]byte { return [][]byte{[]byte("hello"), nil} }, nil, 3},
		{"nothing", func(*dhcpv4.DHCPv4) [][]byte { return nil }, nil, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, Options{OnlyAsks: true}, func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return tt.answers(asked) })
				s.run(0, 8*time.Second)
				var got []string
				for _, server := range s.client.Status().Servers {
					if server.Offers > 0 {
						got = append(got, fmt.Sprint(server, " ", server.Address))
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || len(s.sent) != tt.asks || s.seen[dhcpv4.MessageTypeDiscover] != tt.asks || len(s.granted) > 0 {
					t.Errorf("sent %q, granted %q; servers: %s", s.types(), s.granted, diff)
				}
			})
		})
	}
}

func TestAnswersToAnInformAreJudged(t *testing.T) {
	id := Identity{MAC: testMAC, MaxSize: 1500}
	plain := []dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4zero), dhcpv4.WithoutOption(dhcpv4.OptionIPAddressLeaseTime)}
	for _, tt := range []struct {
		name string
		mods []dhcpv4.Modifier
		want string
	}{
		{"options alone", plain, ""},
		{"a lease time", []dhcpv4.Modifier{dhcpv4.WithYourIP(net.IPv4zero)}, "the ACK has a lease time (option 51)"},
		{"an address", append(plain[:1:1], plain[2]), "the ACK gives the address 10.77.0.10 (yiaddr)"},
		{"a NAK", append(plain[1:3:3], dhcpv4.WithMessageType(dhcpv4.MessageTypeNak)), "was answered by NAK"},
		{"no options", append(plain, dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask), dhcpv4.WithoutOption(dhcpv4.OptionRouter), dhcpv4.WithoutOption(dhcpv4.OptionDomainNameServer)),
			"the ACK has none of the options asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg, answer := id.Inform(netip.MustParseAddr("10.77.0.10"))
			a := answer(reply(mustParse(t, msg), tt.mods...))
			if a == nil {
				t.Fatal("not taken for an answer")
			}
			got := ""
			if err := a.Check(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if other, _ := id.Inform(netip.MustParseAddr("10.77.0.10")); answer(reply(mustParse(t, other))) != nil || answer(msg) != nil || answer([]byte{1}) != nil {
				t.Error("takes what is no answer")
			}
		})
	}
}

// Its last REQUEST may still be under way then.
func TestALeaseEndsWhileItsClientVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, silent)
		pass(s.group, 59*time.Minute-2*time.Second) // of an hour
		s.group.Reconnected()
		pass(s.group, 3*time.Second)
		if diff := cmp.Diff([]string{ErrEnded.Error()}, s.lost); diff != "" {
			t.Error(diff)
		}
	})
}

// What this machine could not do is no reason to give up, when nobody waits.
func TestClientsOnTheirOwnGoOnAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, Options{}, sound)
		s.refuse = func() error { return unix.ENETDOWN }
		s.run(0, 10*time.Second)
		s.refuse = nil
		pass(s.group, time.Minute)
		if s.failed != nil || len(s.bound) != 1 {
			t.Errorf("%v, %d leases", s.failed, len(s.bound))
		}
	})
}

// A client that is never served would hold a place for ever.
func TestClientsOnTheirOwnHoldNoPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(Options{InFlight: 1})
		defer g.Close()
		never := join(g, net.HardwareAddr{2, 0, 0, 0, 0, 1}, silent)
		second := join(g, net.HardwareAddr{2, 0, 0, 0, 0, 2}, sound)
		g.Start(0, never.client, second.client)
		pass(g, time.Second)
		if len(second.bound) != 1 {
			t.Errorf("%d leases", len(second.bound))
		}
	})
}
