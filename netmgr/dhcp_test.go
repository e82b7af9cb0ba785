package netmgr

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

var testMAC = net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x07}

// script is a LAN with a server on it that answers by a script: what follows is
// what no sound server can be made to do. Its time is synctest's.
type script struct {
	server  func(asked *dhcpv4.DHCPv4) (answers [][]byte)
	refuse  func() error // instead of sending
	answers chan []byte

	sent []*dhcpv4.DHCPv4
	at   []time.Time
}

func (s *script) send(b []byte) error {
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
	for _, a := range s.server(msg) {
		s.answers <- a
	}
	return nil
}

// types are the message types sent, in order.
func (s *script) types() (types []string) {
	for _, m := range s.sent {
		types = append(types, m.MessageType().String())
	}
	return types
}

// reply is a sound answer to asked, changed by mods.
func reply(asked *dhcpv4.DHCPv4, mods ...dhcpv4.Modifier) []byte {
	all := append([]dhcpv4.Modifier{dhcpv4.WithReply(asked)}, soundACK()...)
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
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 1})),
		dhcpv4.WithOption(dhcpv4.OptMessage(why)))
	if err != nil {
		panic(err)
	}
	return msg.ToBytes()
}

// newExchange is an exchange of ten seconds with a server that answers by the
// script, which is also told how many messages of that type came before.
func newExchange(answer func(asked *dhcpv4.DHCPv4, before int) [][]byte) (*exchange, *script) {
	s := &script{answers: make(chan []byte, 100)}
	seen := map[dhcpv4.MessageType]int{}
	s.server = func(asked *dhcpv4.DHCPv4) [][]byte {
		before := seen[asked.MessageType()]
		seen[asked.MessageType()]++
		return answer(asked, before)
	}
	return &exchange{send: s.send, answers: s.answers, mac: testMAC, timeout: 10 * time.Second}, s
}

const (
	discover = "DISCOVER"
	request  = "REQUEST"
)

func TestExchangeComesThroughWhatServersDo(t *testing.T) {
	isDiscover := func(m *dhcpv4.DHCPv4) bool { return m.MessageType() == dhcpv4.MessageTypeDiscover }
	for _, tt := range []struct {
		name   string
		script func(asked *dhcpv4.DHCPv4, before int) [][]byte
		sent   []string
	}{
		{
			"a sound server",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{reply(asked)} },
			[]string{discover, request},
		},
		{
			"an answer to another transaction",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if before == 0 {
					stray := reply(asked, dhcpv4.WithTransactionID(dhcpv4.TransactionID{1, 2, 3, 4}), dhcpv4.WithYourIP(net.IP{10, 77, 0, 99}))
					return [][]byte{stray}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, discover, request, request},
		},
		{
			"another client's question heard",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{asked.ToBytes(), reply(asked)} },
			[]string{discover, request},
		},
		{
			"an answer that calls itself a question",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				odd := func(m *dhcpv4.DHCPv4) { m.OpCode, m.YourIPAddr = dhcpv4.OpcodeBootRequest, net.IP{10, 77, 0, 99} }
				return [][]byte{reply(asked, odd), reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"bytes that are not DHCP",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{{1, 2, 3}, {}, reply(asked)} },
			[]string{discover, request},
		},
		{
			"an answer cut short",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				whole := reply(asked)
				return [][]byte{whole[:len(whole)/2], whole}
			},
			[]string{discover, request},
		},
		{
			"a useless OFFER and a good one",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if isDiscover(asked) {
					return [][]byte{reply(asked, dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask)), reply(asked)}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"an OFFER once more in place of the ACK",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before == 0 {
					return [][]byte{reply(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer))}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request, request},
		},
		{
			"a NAK that answers no REQUEST",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if isDiscover(asked) {
					return [][]byte{nak(asked, ""), reply(asked)}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"two servers that answer everything",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				other := reply(asked, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 2})), dhcpv4.WithYourIP(net.IP{10, 77, 9, 9}))
				if isDiscover(asked) {
					return [][]byte{reply(asked), other}
				}
				return [][]byte{other, reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"a host name of 255 bytes, and 10,000 bytes in all",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				long := reply(asked, dhcpv4.WithOption(dhcpv4.OptHostName(strings.Repeat("x", 255))))
				return [][]byte{append(long, make([]byte, 10_000-len(long))...)}
			},
			[]string{discover, request},
		},
		{
			"an option that claims more bytes than there are",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				lying := reply(asked)
				lying = append(lying[:bytes.LastIndexByte(lying, 255)], 12, 200, 'x')
				return [][]byte{lying, reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"two lost messages",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if before == 0 {
					return nil
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, discover, request, request},
		},
		{
			"a change of mind after the OFFER",
			func(asked *dhcpv4.DHCPv4, before int) [][]byte {
				if !isDiscover(asked) && before == 0 {
					return [][]byte{nak(asked, "address taken")}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request, discover, request},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, conn := newExchange(tt.script)
				got, err := x.run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				want := soundLease(func(l *Lease) { l.Acquired = time.Now() })
				if diff := cmp.Diff(want, got, compareLeases); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tt.sent, conn.types()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestExchangeSaysWhyThereIsNoLease(t *testing.T) {
	silent := func(*dhcpv4.DHCPv4, int) [][]byte { return nil }
	offersThen := func(then func(request *dhcpv4.DHCPv4) [][]byte) func(*dhcpv4.DHCPv4, int) [][]byte {
		return func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
			if asked.MessageType() == dhcpv4.MessageTypeDiscover {
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
		{"silence", silent, "no OFFER in 10s (4 DISCOVERs sent)"},
		{
			"bytes that are not DHCP",
			func(*dhcpv4.DHCPv4, int) [][]byte { return [][]byte{bytes.Repeat([]byte{2}, 300)} },
			"no usable OFFER in 10s (4 DISCOVERs sent; an answer is not DHCP: malformed DHCP packet: got magic cookie [2 2 2 2], want [99 130 83 99])",
		},
		{
			"useless OFFERs",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				return [][]byte{reply(asked, dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask))}
			},
			"no usable OFFER in 10s (4 DISCOVERs sent; an OFFER was refused: no subnet mask (option 1))",
		},
		{
			"an OFFER and then silence",
			offersThen(func(*dhcpv4.DHCPv4) [][]byte { return nil }),
			"no ACK in 10s for 10.77.0.10, which 10.77.0.1 had offered (4 REQUESTs sent)",
		},
		{
			"a useless OFFER, a good one and then silence",
			func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
				if asked.MessageType() == dhcpv4.MessageTypeDiscover {
					return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IPv4zero)), reply(asked)}
				}
				return nil
			},
			"no ACK in 10s for 10.77.0.10, which 10.77.0.1 had offered (4 REQUESTs sent)",
		},
		{
			"a good OFFER and useless ACKs",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte { return [][]byte{reply(asked, dhcpv4.WithYourIP(net.IPv4zero))} }),
			"no usable ACK in 10s for the offered 10.77.0.10 (4 REQUESTs sent; an ACK was refused: 0.0.0.0 is no host's address)",
		},
		{
			"an ACK of another server alone",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte {
				return [][]byte{reply(asked, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 2})))}
			}),
			"no usable ACK in 10s for the offered 10.77.0.10 (4 REQUESTs sent; an ACK was refused: it is from 10.77.0.2, and 10.77.0.1 was asked)",
		},
		{
			"NAKs for ever",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte { return [][]byte{nak(asked, "go\naway")} }),
			`refused by NAK from 10.77.0.1 ("go\naway")`,
		},
		{
			"NAKs for ever without a message",
			offersThen(func(asked *dhcpv4.DHCPv4) [][]byte { return [][]byte{nak(asked, "")} }),
			"refused by NAK from 10.77.0.1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, _ := newExchange(tt.script)
				start := time.Now()
				lease, err := x.run(t.Context())
				if err == nil {
					t.Fatalf("a lease: %+v", lease)
				}
				if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(start); took > x.timeout {
					t.Errorf("gave up after %s, want at most %s", took, x.timeout)
				}
			})
		})
	}
}

func TestExchangeWaitsTwiceAsLongEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, conn := newExchange(func(*dhcpv4.DHCPv4, int) [][]byte { return nil })
		x.timeout = time.Minute
		start := time.Now()
		if _, err := x.run(t.Context()); err == nil {
			t.Fatal("a lease out of silence")
		}
		if len(conn.sent) < 5 {
			t.Fatalf("%d DISCOVERs in a minute", len(conn.sent))
		}
		wait := firstWait
		for i := 1; i < len(conn.at); i++ {
			if got := conn.at[i].Sub(conn.at[i-1]); got < wait*3/4 || got > wait*5/4 {
				t.Errorf("wait %d was %s, want %s give or take a quarter", i, got, wait)
			}
			wait *= 2
		}
		for i, msg := range conn.sent {
			if msg.TransactionID != conn.sent[0].TransactionID {
				t.Errorf("DISCOVER %d is of another transaction", i)
			}
			if want := uint16(conn.at[i].Sub(start) / time.Second); msg.NumSeconds != want {
				t.Errorf("DISCOVER %d says %d seconds, want %d", i, msg.NumSeconds, want)
			}
		}
	})
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	hurry := errors.New("somebody pressed ^C")
	for _, tt := range []struct {
		name string
		stop func(asked *dhcpv4.DHCPv4, end func()) [][]byte
		sent []string
	}{
		{
			"while it waits for an OFFER",
			func(_ *dhcpv4.DHCPv4, end func()) [][]byte { end(); return nil },
			[]string{discover},
		},
		{
			"although an OFFER has come",
			func(asked *dhcpv4.DHCPv4, end func()) [][]byte { end(); return [][]byte{reply(asked)} },
			[]string{discover},
		},
		{
			"while it waits for an ACK",
			func(asked *dhcpv4.DHCPv4, end func()) [][]byte {
				if asked.MessageType() == dhcpv4.MessageTypeRequest {
					end()
					return nil
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request},
		},
		{
			"while it waits after a NAK",
			func(asked *dhcpv4.DHCPv4, end func()) [][]byte {
				if asked.MessageType() == dhcpv4.MessageTypeRequest {
					time.AfterFunc(firstWait/2, end)
					return [][]byte{nak(asked, "")}
				}
				return [][]byte{reply(asked)}
			},
			[]string{discover, request},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				x, conn := newExchange(func(asked *dhcpv4.DHCPv4, _ int) [][]byte {
					return tt.stop(asked, func() { cancel(hurry) })
				})
				if _, err := x.run(ctx); !errors.Is(err, hurry) {
					t.Errorf("%v, want %v", err, hurry)
				}
				if diff := cmp.Diff(tt.sent, conn.types()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestExchangeTriesAgainWhenAQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, conn := newExchange(func(asked *dhcpv4.DHCPv4, _ int) [][]byte { return [][]byte{reply(asked)} })
		left := 20
		conn.refuse = func() error {
			if left--; left >= 0 {
				return &net.OpError{Op: "write", Err: os.NewSyscallError("sendto", unix.ENOBUFS)}
			}
			return nil
		}
		if _, err := x.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{discover, request}, conn.types()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestExchangeEndsWhenItCannotSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, conn := newExchange(nil)
		conn.refuse = func() error { return unix.ENETDOWN }
		_, err := x.run(t.Context())
		if diff := cmp.Diff("send DISCOVER: network is down", errorText(err)); diff != "" {
			t.Error(diff)
		}
	})
}
