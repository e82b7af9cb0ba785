package dhcp6

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/sys/unix"
)

const (
	isSolicit = dhcpv6.MessageTypeSolicit
	isRequest = dhcpv6.MessageTypeRequest
	isRenew   = dhcpv6.MessageTypeRenew
	isRebind  = dhcpv6.MessageTypeRebind
	isConfirm = dhcpv6.MessageTypeConfirm
	isRelease = dhcpv6.MessageTypeRelease
	isInform  = dhcpv6.MessageTypeInformationRequest
)

func TestAClientGetsALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, sound)
		s.group.Start(true, s.client)
		s.group.Start(true, s.client)
		pass(s.group, 3*time.Second)
		if diff := cmp.Diff([]string{solicit, request}, s.types()); diff != "" {
			t.Fatal(diff)
		}
		want := Lease{
			Address: leased, Preferred: time.Hour, Valid: 2 * time.Hour, Renew: 30 * time.Minute, Rebind: 48 * time.Minute,
			ServerID: routerDUID.ToBytes(), Server: router, Config: Config{DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, Search: []string{"lan"}},
			Acquired: s.at[1],
		}
		if diff := cmp.Diff([]Lease{want}, s.bound, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Error(diff)
		}
		if wait := s.waits()[0]; wait <= time.Second || wait > 1100*time.Millisecond {
			t.Errorf("it took an offer after %s", wait)
		}
		asked := s.sent[0]
		if got := hex.EncodeToString(asked.Options.ClientID().ToBytes()); got != "0003000102aabbcc0007" {
			t.Errorf("DUID %s", got)
		}
		if got := asked.Options.OneIANA(); got.IaId != [4]byte{0xbb, 0xcc, 0, 7} || asked.Options.GetOne(dhcpv6.OptionRapidCommit) == nil {
			t.Errorf("it asked for %s", got)
		}
		story := s.client.Status()
		if story.State != Bound || story.Missing != nil || story.Sent != 2 || !story.Answered.Equal(s.at[1]) {
			t.Errorf("%+v", story)
		}
		if diff := cmp.Diff([]string(nil), s.remarks()); diff != "" {
			t.Error(diff)
		}
	})
}

// What servers do to one who asks, and what becomes of it in ten seconds.
func TestAClientComesThroughWhatServersDo(t *testing.T) {
	offer := func(mods ...mod) server { return says(isSolicit, mods...) }
	two := func(a, b []mod) server {
		return func(asked *dhcpv6.Message, before int) [][]byte {
			if asked.MessageType != isSolicit {
				return sound(asked, before)
			}
			return [][]byte{reply(asked, a...), reply(asked, b...)}
		}
	}
	const noAddrs = "server fe80::1 has no addresses (NoAddrsAvail)"
	for _, tt := range []struct {
		name    string
		server  server
		sent    []string // the first that it sends
		missing string   // in the end: its beginning
		remarks []string
	}{
		{"rapid commit", offer(rapid), []string{solicit}, "", nil},
		{"two rapid commits", two([]mod{rapid}, []mod{rapid, from(2)}), []string{solicit}, "", []string{"more than one DHCPv6 server gives addresses by rapid commit"}},
		{"an offer of the highest preference", offer(preferred), []string{solicit, request}, "", nil},
		{"two servers", two(nil, []mod{from(2)}), []string{solicit, request}, "", []string{"more than one DHCPv6 server offers addresses"}},
		{"a SOLICIT that is lost", losing(isSolicit, 1), []string{solicit, solicit, request}, "", nil},
		{"a REQUEST that is lost", losing(isRequest, 1), []string{solicit, request, request}, "", nil},
		{"a REPLY that is no rapid commit", offer(func(m *dhcpv6.Message) { m.MessageType = dhcpv6.MessageTypeReply }),
			[]string{solicit, solicit}, "no answer to 4 SOLICITs in ", []string{"a REPLY to a SOLICIT that is no rapid commit (option 14)"}},
		{"no addresses", offer(ia(0, 0, status(iana.StatusNoAddrsAvail))), []string{solicit, solicit}, noAddrs + " (4 SOLICITs sent since)", nil},
		{"no addresses, as of old", offer(without(dhcpv6.OptionIANA), with(status(iana.StatusNoAddrsAvail))), []string{solicit, solicit},
			noAddrs, []string{"NoAddrsAvail for the whole message, and not in the IA"}},
		{"an address that is gone when it is asked for", says(isRequest, ia(0, 0, status(iana.StatusNoAddrsAvail))), []string{solicit, request, solicit, request}, noAddrs, nil},
		{"an address of another link", says(isRequest, with(status(iana.StatusNotOnLink))), []string{solicit, request, solicit, request},
			"server fe80::1 says that the address is not of this link (NotOnLink)", nil},
		{"a server that fails", says(isRequest, with(status(iana.StatusUnspecFail))), []string{solicit, request, request, request}, "server fe80::1 refused (status 1, UnspecFail)", nil},
		{"a server that wants no multicast", says(isRequest, with(status(iana.StatusUseMulticast))), []string{solicit, request, request},
			"server fe80::1 refused (status 5, UseMulticast)", []string{"the status UseMulticast, for a message that was sent by multicast"}},
		{"no IA", offer(without(dhcpv6.OptionIANA)), []string{solicit, solicit}, "server fe80::1 gives no address (no IA_NA)", []string{"an answer without the IA that was asked for (option 3)"}},
		{"an empty IA", offer(ia(0, 0)), []string{solicit, solicit}, "server fe80::1 gives no address (an empty IA_NA)", nil},
		{"the IA of another client", offer(with(&dhcpv6.OptIANA{IaId: [4]byte{1}})), []string{solicit, solicit}, "server fe80::1 gives no address (no IA_NA)",
			[]string{"a lease for another IAID than the client's", "an answer without the IA that was asked for (option 3)"}},
		{"T1 later than T2", offer(ia(2*time.Hour, time.Hour, iaAddress(leased, time.Hour, time.Hour))), []string{solicit, solicit},
			"server fe80::1 gives an address with T1 2h0m0s later than T2 1h0m0s", []string{"T1 is later than T2"}},
		{"a preferred lifetime that is too long", offer(address(leased, time.Hour, time.Minute)), []string{solicit, solicit},
			"server fe80::1 gives 2001:db8::7 a preferred lifetime of 1h0m0s and a valid one of 1m0s", []string{"a preferred lifetime that is longer than the valid one"}},
		{"a link-local address", offer(address(router, time.Hour, time.Hour)), []string{solicit, solicit},
			"server fe80::1 gives an address that is none: fe80::1 is no host's address", []string{"an address that no host can have"}},
		{"no server identifier", offer(without(dhcpv6.OptionServerID)), []string{solicit, solicit},
			"an answer from fe80::1 cannot be used: it does not say who it is", []string{"an answer without the server identifier (option 2)"}},
		{"another client's identifier", offer(with(dhcpv6.OptClientID(&routerDUID))), []string{solicit, solicit},
			"an answer from fe80::1 cannot be used: it is for the client 00030001020000000001", []string{"an answer without the client's identifier (option 1)"}},
		{"an option beyond the message", func(asked *dhcpv6.Message, _ int) [][]byte {
			return [][]byte{append(reply(asked), 0, 99, 0xff, 0xff, 1)}
		},
			[]string{solicit, solicit}, "an answer from fe80::1 cannot be used: ", []string{"an answer that cannot be read"}},
		{"more than fits in a frame", offer(raw(999, make([]byte, 1500)...)), []string{solicit, solicit},
			"an answer from fe80::1 cannot be used: ", []string{"an answer that is too long"}},
		{"a search list that makes no sense", offer(raw(dhcpv6.OptionDomainSearchList, 60, 'a')), []string{solicit, request}, "", []string{"an option that cannot be read (option 24)"}},
		{"the SOLICIT, come back", func(asked *dhcpv6.Message, _ int) [][]byte { return [][]byte{asked.ToBytes()} }, []string{solicit, solicit}, "no answer to ", nil},
		{"an answer to another question", func(asked *dhcpv6.Message, _ int) [][]byte {
			return [][]byte{reply(asked, func(m *dhcpv6.Message) { m.TransactionID[0]++ })}
		}, []string{solicit, solicit}, "no answer to ", nil},
		{"nothing", silent, []string{solicit, solicit, solicit, solicit}, "no answer to 4 SOLICITs in ", nil},
		{"nothing, after an offer", losing(isRequest, 99), []string{solicit, request, request, request}, "no answer to 4 REQUESTs for 2001:db8::7, which fe80::1 had offered, in ", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, tt.server)
				s.group.Start(true, s.client)
				pass(s.group, 10*time.Second)
				types := s.types()
				if tt.missing == "" && len(types) != len(tt.sent) {
					t.Errorf("%q", types)
				}
				if diff := cmp.Diff(tt.sent, types[:min(len(types), len(tt.sent))]); diff != "" {
					t.Error(diff)
				}
				if got := s.missing(); !strings.HasPrefix(got, tt.missing) || (got == "") != (tt.missing == "") {
					t.Errorf("%q", got)
				}
				if (len(s.bound) == 1) != (tt.missing == "") {
					t.Errorf("%d leases", len(s.bound))
				}
				if diff := cmp.Diff(tt.remarks, s.remarks()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheBestOfferIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		better := func(m *dhcpv6.Message) { m.AddOption(dhcpv6.OptPreference(7)) }
		s := newScript(t, func(asked *dhcpv6.Message, before int) [][]byte {
			return [][]byte{reply(asked), reply(asked, from(2), better), reply(asked, from(3))}
		})
		s.group.Start(true, s.client)
		pass(s.group, 3*time.Second)
		if got := s.sent[1].Options.ServerID().ToBytes(); got[len(got)-1] != 2 {
			t.Errorf("it asked %x", got)
		}
	})
}

// RFC 9915 §15 with the figures of §7.6.
func TestMessagesAreSentAgain(t *testing.T) {
	for _, tt := range []struct {
		name        string
		plan        plan
		first, most time.Duration
	}{
		{"SOLICIT", solicitPlan, time.Second, time.Hour},
		{"REQUEST", requestPlan, time.Second, 30 * time.Second},
		{"RENEW and REBIND", extendPlan, 10 * time.Second, 600 * time.Second},
		{"CONFIRM", confirmPlan, time.Second, 4 * time.Second},
		{"RELEASE and DECLINE", lastPlan, time.Second, 1 << 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near := func(d, want, spread time.Duration) bool { return d >= want-spread && d <= want+spread }
			for range 100 {
				wait := tt.plan.next(0, false)
				if !near(wait, tt.first, tt.first/10) {
					t.Fatalf("the first wait is %s", wait)
				}
				if first := tt.plan.next(0, true); first <= tt.first || !near(first, tt.first, tt.first/10+1) {
					t.Fatalf("the first wait of a SOLICIT is %s", first)
				}
				for range 16 {
					last := wait
					wait = tt.plan.next(last, false)
					if !(near(wait, 2*last, last/10) && wait <= tt.most) && !(near(wait, tt.most, tt.most/10) && 21*last > 10*tt.most) {
						t.Fatalf("%s after %s", wait, last)
					}
				}
			}
		})
	}
}

func TestClientsBeginAtDifferentTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, silent)
		began := time.Now()
		s.group.Start(true, s.client)
		if len(s.sent) != 0 {
			t.Error("sent at once")
		}
		pass(s.group, time.Second)
		if len(s.sent) != 1 || s.at[0].Sub(began) >= time.Second {
			t.Errorf("%d sent", len(s.sent))
		}
		pass(s.group, 30*time.Second)
		if got := s.sent[2].Options.ElapsedTime(); got.Round(10*time.Millisecond) != s.at[2].Sub(s.at[0]).Round(10*time.Millisecond) {
			t.Errorf("elapsed time %s", got)
		}
	})
}

func TestARequestIsGivenUpAfterTenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, losing(isRequest, 99))
		s.group.Start(true, s.client)
		pass(s.group, 5*time.Minute)
		want := slices.Concat([]string{solicit}, slices.Repeat([]string{request}, 10), []string{solicit, request})
		if diff := cmp.Diff(want, s.types()[:len(want)]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLeasesLiveOn(t *testing.T) {
	other := netip.MustParseAddr("2001:db8::8")
	for _, tt := range []struct {
		name   string
		server server
		d      time.Duration
		sent   []string
		state  State
		lost   []string
		bound  int // leases and renewals
	}{
		{"nothing is sent before T1", sound, 28 * time.Minute, nil, Bound, nil, 1},
		{"renewed at T1", sound, 30 * time.Minute, []string{renew}, Bound, nil, 2},
		{"renewed again, when one was lost", losing(isRenew, 1), 30 * time.Minute, []string{renew, renew}, Bound, nil, 2},
		{"rebound at T2", func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType == isRenew {
				return nil
			}
			return sound(asked, n)
		}, 48 * time.Minute, nil, Bound, nil, 2}, // how often it is asked to renew is a matter of chance
		{"lost at the end", silent, 119*time.Minute + 30*time.Second, nil, Soliciting, []string{ErrEnded.Error()}, 1},
		{"unknown to the server", says(isRenew, ia(0, 0, status(iana.StatusNoBinding))), 30 * time.Minute, []string{renew, request}, Bound, nil, 2},
		{"unknown, and the REQUEST unheard", func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType != isRenew {
				return nil
			}
			return [][]byte{reply(asked, ia(0, 0, status(iana.StatusNoBinding)))}
		}, 36 * time.Minute, nil, Soliciting, []string{"no answer to 10 REQUESTs for 2001:db8::7, which fe80::1 had offered, in "}, 1},
		{"of another link now", says(isRenew, with(status(iana.StatusNotOnLink))), 30 * time.Minute, []string{renew, solicit, request}, Bound,
			[]string{"server fe80::1 says that the address is not of this link (NotOnLink)"}, 2},
		{"not this time", says(isRenew, with(status(iana.StatusUnspecFail))), 29*time.Minute + 15*time.Second, []string{renew, renew}, Renewing, nil, 1},
		{"taken back", says(isRenew, ia(0, 0, iaAddress(leased, 0, 0))), 30 * time.Minute, []string{renew, solicit, request}, Bound, []string{errWithdrawn.Error()}, 2},
		{"another address instead", says(isRenew, ia(0, 0, iaAddress(leased, 0, 0), iaAddress(other, time.Hour, time.Hour))), 30 * time.Minute,
			[]string{renew}, Bound, []string{"the server gave 2001:db8::8 in its place"}, 2},
		{"another address beside it", says(isRenew, ia(0, 0, iaAddress(other, time.Hour, time.Hour), iaAddress(leased, time.Hour, time.Hour))), 30 * time.Minute,
			[]string{renew}, Bound, nil, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.server)
				pass(s.group, tt.d)
				if diff := cmp.Diff(tt.sent, s.types()); tt.sent != nil && diff != "" {
					t.Error(diff)
				}
				if got := s.client.Status().State; got != tt.state || len(s.bound) != tt.bound {
					t.Errorf("%s, %d leases", got, len(s.bound))
				}
				if !slices.EqualFunc(s.lost, tt.lost, strings.HasPrefix) {
					t.Errorf("lost %q", s.lost)
				}
			})
		})
	}
}

func TestT1AndT2(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct {
		name                     string
		preferred, valid, t1, t2 time.Duration
		renew, rebind            time.Duration
	}{
		{"as the server says", 10 * minute, 20 * minute, 3 * minute, 4 * minute, 3 * minute, 4 * minute},
		{"left to the client", 10 * minute, 20 * minute, 0, 0, 5 * minute, 8 * minute},
		{"T1 left to the client", 10 * minute, 20 * minute, 0, 4 * minute, 4 * minute, 4 * minute},
		{"T2 left to the client", 10 * minute, 20 * minute, 9 * minute, 0, 9 * minute, 9 * minute},
		{"not preferred any more", 0, 20 * minute, 0, 0, 10 * minute, 16 * minute},
		{"for ever", forever, forever, 0, 0, forever, forever},
		{"for ever, but to be renewed", forever, forever, minute, 2 * minute, minute, 2 * minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := Lease{Preferred: tt.preferred, Valid: tt.valid}
			if l.setTimes(tt.t1, tt.t2); l.Renew != tt.renew || l.Rebind != tt.rebind {
				t.Errorf("T1 %s, T2 %s", l.Renew, l.Rebind)
			}
		})
	}
}

func TestAnEndlessLeaseIsNotAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, says(isRequest, address(leased, forever, forever)))
		s.group.Start(true, s.client)
		pass(s.group, 1000*time.Hour)
		if len(s.sent) != 2 || s.client.Status().State != Bound {
			t.Errorf("%q", s.types())
		}
	})
}

func TestAnAddressThatAnotherHostHasIsDeclined(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server server
		sent   []string
	}{
		{"and another asked for", sound, []string{declineIt, solicit, request}},
		{"by a server that is deaf", func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType == dhcpv6.MessageTypeDecline {
				return nil
			}
			return sound(asked, n)
		}, []string{declineIt, declineIt, declineIt, declineIt, solicit, request}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.server)
				s.group.Conflict(s.client)
				s.group.Conflict(s.client)
				if got := s.missing(); got != "another host has 2001:db8::7" {
					t.Error(got)
				}
				pass(s.group, 5*time.Second)
				if got := s.missing(); got != "another host has 2001:db8::7" {
					t.Error(got)
				}
				pass(s.group, 35*time.Second)
				if diff := cmp.Diff(tt.sent, s.types()); diff != "" {
					t.Error(diff)
				}
				if waits := s.waits(); waits[len(waits)-2] < 10*time.Second {
					t.Errorf("asked again after %s", waits)
				}
				story := s.client.Status()
				if diff := cmp.Diff([]string{"another host has 2001:db8::7"}, s.lost); diff != "" || story.State != Bound {
					t.Errorf("%+v, %s", story, diff)
				}
				if got := s.sent[0].Options.OneIANA().Options.OneAddress(); !got.IPv6Addr.Equal(leased.AsSlice()) || s.sent[0].Options.ServerID() == nil {
					t.Errorf("declined %s", got)
				}
			})
		})
	}
}

func TestAClientWhoseLinkWasDownConfirms(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server server
		sent   []string
		lost   []string
	}{
		{"and is told that all is well", sound, []string{confirm}, nil},
		{"and goes on when nobody knows", silent, []string{confirm, confirm, confirm, confirm}, nil},
		{"and gives up what is not of this link", says(isConfirm, with(status(iana.StatusNotOnLink))), []string{confirm, solicit, request},
			[]string{"server fe80::1 says that the address is not of this link (NotOnLink)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.server)
				s.group.LinkIsUp()
				pass(s.group, 15*time.Second)
				if diff := cmp.Diff(tt.sent, s.types()[:min(len(s.sent), len(tt.sent))]); diff != "" || len(s.sent) > 5 {
					t.Errorf("%d sent, %s", len(s.sent), diff)
				}
				if diff := cmp.Diff(tt.lost, s.lost); diff != "" || s.client.Status().State != Bound {
					t.Errorf("%s, %s", s.client.Status().State, diff)
				}
				s.forget(sound) // and renews when it is time
				pass(s.group, 31*time.Minute)
				if diff := cmp.Diff([]string{renew}, s.types()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAClientWithoutALeaseBeginsAgainWhenItsLinkIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, silent)
		s.group.Start(true, s.client)
		pass(s.group, time.Hour)
		s.forget(sound)
		s.group.LinkIsUp()
		pass(s.group, 3*time.Second)
		if len(s.bound) != 1 {
			t.Errorf("%d leases, %q", len(s.bound), s.types())
		}
	})
}

func TestOptionsAloneAreAskedFor(t *testing.T) {
	const day = 24 * time.Hour
	refresh := func(s uint32) server { return says(isInform, raw(dhcpv6.OptionInformationRefreshTime, seconds(s)...)) }
	for _, tt := range []struct {
		name   string
		server server
		d      time.Duration
		sent   int
		known  int
	}{
		{"once a day", sound, 3*day + time.Hour, 4, 4},
		{"as often as the server says", refresh(3600), 3*time.Hour + time.Minute, 4, 4},
		{"not as often as the server says", refresh(1), 35 * time.Minute, 4, 4},
		{"once for ever", refresh(0xffffffff), 300 * day, 1, 1},
		{"again when one was lost", losing(isInform, 2), 10 * time.Second, 3, 1},
		{"in vain", silent, 10 * time.Second, 4, 0},
		{"of a server that fails", says(isInform, with(status(iana.StatusUnspecFail))), 10 * time.Second, 4, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, tt.server)
				s.group.Start(false, s.client)
				pass(s.group, tt.d)
				if s.seen[isInform] != tt.sent || len(s.sent) != tt.sent || len(s.informed) != tt.known {
					t.Errorf("sent %q, %d answers", s.types(), len(s.informed))
				}
				if (s.missing() == "") != (tt.known > 0) {
					t.Errorf("%q", s.missing())
				}
				if tt.known == 0 {
					return
				}
				want := Config{DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, Search: []string{"lan"}}
				if diff := cmp.Diff(want, s.informed[0], cmpopts.EquateComparable(netip.Addr{})); diff != "" {
					t.Error(diff)
				}
				s.group.LinkIsUp()
				pass(s.group, 2*time.Second)
				if s.seen[isInform] != tt.sent+1 {
					t.Error("nothing was asked when the link was back")
				}
			})
		})
	}
}

func TestAStatelessClientGoesOverToAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, sound)
		s.group.Start(false, s.client)
		pass(s.group, 2*time.Second)
		s.group.Start(true, s.client)
		s.group.Start(false, s.client)
		pass(s.group, 3*time.Second)
		if diff := cmp.Diff([]string{inform, solicit, request}, s.types()); diff != "" || len(s.bound) != 1 {
			t.Error(diff)
		}
	})
}

func TestLeasesAreReleased(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server server
		sent   int
		kept   bool
	}{
		{"at once", sound, 1, false},
		{"though some are lost", losing(isRelease, 3), 4, false},
		{"of a server that does not know them", says(isRelease, ia(0, 0, status(iana.StatusNoBinding))), 1, false},
		{"in vain", silent, 4, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.server)
				kept := s.group.Release(t.Context(), s.client)
				pass(s.group, time.Hour)
				if diff := cmp.Diff(slices.Repeat([]string{release}, tt.sent), s.types()); diff != "" || (len(kept) == 1) != tt.kept {
					t.Errorf("kept %d, %s", len(kept), diff)
				}
				if story := s.client.Status(); story.State != Stopped || s.missing() != "it does not ask for an address" || len(s.lost) > 0 {
					t.Errorf("%+v", story)
				}
				s.forget(sound)
				if kept := s.group.Release(t.Context(), s.client); len(kept) != 0 || len(s.sent) > 1 || len(s.sent) == 1 != tt.kept {
					t.Errorf("the second time: kept %d, sent %q", len(kept), s.types())
				}
			})
		})
	}
}

func TestAReleaseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, silent)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if kept := s.group.Release(ctx, s.client); len(kept) != 1 || s.client.Status().State != Stopped {
			t.Errorf("%d kept", len(kept))
		}
		pass(s.group, time.Hour)
		if len(s.sent) != 2 {
			t.Errorf("%q", s.types())
		}
	})
}

func TestAReleaseEndsWithItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, silent)
		time.AfterFunc(time.Second/2, s.group.Close)
		if kept := s.group.Release(t.Context(), s.client); len(kept) != 1 || len(s.sent) != 1 {
			t.Errorf("kept %d, sent %q", len(kept), s.types())
		}
	})
}

func TestALeaseOfAnotherProcessIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, sound)
		s.group.Resume(s.client, Lease{Address: leased, ServerID: routerDUID.ToBytes()})
		kept := s.group.Release(t.Context(), s.client)
		if len(kept) > 0 || len(s.sent) != 1 || !bytes.Equal(s.sent[0].Options.ServerID().ToBytes(), routerDUID.ToBytes()) {
			t.Errorf("kept %d, sent %q", len(kept), s.types())
		}
	})
}

// A router that was rebooted may have forgotten who it was.
func TestOnlyWhoHasALeaseNowIsToldOfItsRelease(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server server
		after  time.Duration
		now    byte
	}{
		{"after another has extended it", func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType == isRenew {
				return nil
			}
			return [][]byte{reply(asked, from(2))}
		}, 49 * time.Minute, 2},
		{"after it was lost", func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType == isRenew || asked.MessageType == isRebind {
				return nil
			}
			return [][]byte{reply(asked, from(3))}
		}, 121 * time.Minute, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := living(t, tt.server)
				pass(s.group, tt.after)
				s.forget(tt.server)
				kept := s.group.Release(t.Context(), s.client)
				if len(kept) > 0 || len(s.sent) != 1 {
					t.Fatalf("kept %d, sent %q", len(kept), s.types())
				}
				if id := s.sent[0].Options.ServerID().ToBytes(); id[len(id)-1] != tt.now {
					t.Errorf("told %x", id)
				}
			})
		})
	}
}

// What was asked for may be granted to one who is already leaving.
func TestLateGrantsAreReleased(t *testing.T) {
	late := func(kind dhcpv6.MessageType, s **script, mods ...mod) server {
		return func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType != kind {
				return sound(asked, n)
			}
			time.AfterFunc(500*time.Millisecond, func() { (*s).group.Receive([6]byte(testMAC), reply(asked, mods...), router) })
			return nil
		}
	}
	for _, tt := range []struct {
		name string
		kind dhcpv6.MessageType
		mods []mod
		sent []string
	}{
		{"after a REQUEST", isRequest, nil, []string{solicit, request, release}},
		{"by rapid commit", isSolicit, []mod{rapid}, []string{solicit, release}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *script
				s = newScript(t, late(tt.kind, &s, tt.mods...))
				s.group.Start(true, s.client)
				for s.seen[tt.kind] == 0 {
					pass(s.group, 10*time.Millisecond)
				}
				kept := s.group.Release(t.Context(), s.client)
				if diff := cmp.Diff(tt.sent, s.types()); diff != "" || len(kept) > 0 {
					t.Errorf("kept %d, %s", len(kept), diff)
				}
			})
		})
	}
}

// Both servers have an address for it, and want it back.
func TestAllThatWasGrantedIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(asked *dhcpv6.Message, n int) [][]byte {
			if asked.MessageType != isSolicit {
				return sound(asked, n)
			}
			return [][]byte{reply(asked, rapid), reply(asked, rapid, from(2)), reply(asked, rapid, from(2))}
		})
		s.group.Start(true, s.client)
		pass(s.group, 2*time.Second)
		if len(s.bound) != 1 || len(s.granted) != 3 {
			t.Errorf("%d leases, %d granted", len(s.bound), len(s.granted))
		}
		if kept := s.group.Release(t.Context(), s.client); len(kept) > 0 || s.seen[isRelease] != 2 {
			t.Errorf("kept %d, sent %q", len(kept), s.types())
		}
	})
}

func TestALeaseThatCannotBeWrittenDownIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, sound)
		s.broken = errors.New("disk full")
		s.group.Start(true, s.client)
		pass(s.group, 5*time.Second)
		if len(s.bound) > 0 || s.missing() != "disk full" {
			t.Errorf("%d leases, %q", len(s.bound), s.missing())
		}
		s.broken = nil
		pass(s.group, 10*time.Second)
		if len(s.bound) != 1 {
			t.Errorf("%q", s.types())
		}
	})
}

func TestAFullQueueIsNoLoss(t *testing.T) {
	for _, full := range []error{unix.ENOBUFS, unix.EAGAIN} {
		t.Run(full.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, sound)
				s.refuse = func() error { return full }
				s.group.Start(true, s.client)
				pass(s.group, 2*time.Second)
				if got := s.missing(); got != "send SOLICIT: "+full.Error() {
					t.Error(got)
				}
				s.refuse = nil
				pass(s.group, 1200*time.Millisecond)
				if story := s.client.Status(); len(s.bound) != 1 || story.Sent != 2 {
					t.Errorf("%d leases, %+v", len(s.bound), story)
				}
			})
		})
	}
}

// Another error is as any loss.
func TestClientsGoOnAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, sound)
		s.refuse = func() error { return unix.ENETDOWN }
		s.group.Start(true, s.client)
		pass(s.group, 10*time.Second)
		if got := s.missing(); got != "send SOLICIT: network is down" {
			t.Error(got)
		}
		s.refuse = nil
		pass(s.group, 20*time.Second)
		if len(s.bound) != 1 {
			t.Errorf("%d leases", len(s.bound))
		}
	})
}

// What its router, its link and its kernel still say does not make it ask again.
func TestAClientThatHasReleasedIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := living(t, sound)
		s.group.Release(t.Context(), s.client)
		s.group.LinkIsUp()
		s.group.Conflict(s.client)
		s.group.Start(true, s.client)
		pass(s.group, 48*time.Hour)
		if diff := cmp.Diff([]string{release}, s.types()); diff != "" || s.client.Status().State != Stopped {
			t.Error(diff)
		}
	})
}

func TestAThousandClientsBindAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup()
		defer g.Close()
		var all []*script
		var clients []*Client
		most, unanswered := 0, 0
		for i := range 1000 {
			mac := net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)}
			s := join(g, mac, sound)
			s.server = func(asked *dhcpv6.Message, n int) [][]byte {
				if asked.MessageType == isRelease {
					unanswered++
					most = max(most, unanswered)
					time.AfterFunc(time.Millisecond, func() {
						g.mu.Lock()
						unanswered--
						g.mu.Unlock()
						g.Receive([6]byte(mac), reply(asked), router)
					})
					return nil
				}
				return [][]byte{reply(asked)}
			}
			all, clients = append(all, s), append(clients, s.client)
		}
		g.Start(true, clients...)
		pass(g, 3*time.Second)
		for i, s := range all {
			if len(s.bound) != 1 {
				t.Fatalf("client %d: %s", i, s.missing())
			}
		}
		if kept := g.Release(t.Context(), clients...); len(kept) > 0 || most != mostUnanswered {
			t.Errorf("%d kept, at most %d unanswered", len(kept), most)
		}
	})
}

// A dead server costs each client its four tries, and no client those of others.
func TestManyReleaseInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup()
		defer g.Close()
		var clients []*Client
		for i := range 320 {
			s := join(g, net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)}, silent)
			g.Resume(s.client, Lease{Address: leased, ServerID: routerDUID.ToBytes()})
			clients = append(clients, s.client)
		}
		began := time.Now()
		kept := g.Release(t.Context(), clients...)
		if took := time.Since(began); len(kept) != 320 || took > 30*time.Second {
			t.Errorf("%d kept, after %s", len(kept), took)
		}
	})
}
