package dhcp6

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/iana"
)

// Config is what a server says beside addresses.
type Config struct {
	DNS    []netip.Addr // option 23
	Search []string     // option 24
}

// Lease is what a server gave a client, judged fit for use.
type Lease struct {
	Address netip.Addr

	// Lifetimes, and when to renew (T1) and to rebind (T2), from Acquired on. 0xffffffff s
	// is for ever (RFC 9915 §7.7).
	Preferred, Valid time.Duration
	Renew, Rebind    time.Duration

	ServerID []byte     // the DUID of who gave it (option 2)
	Server   netip.Addr // from which the REPLY came
	Config   Config
	Acquired time.Time
}

const forever = math.MaxUint32 * time.Second

// End is when the address must not be used any more; zero: never.
func (l Lease) End() time.Time {
	if l.Valid >= forever {
		return time.Time{}
	}
	return l.Acquired.Add(l.Valid)
}

func (l Lease) ended() bool {
	end := l.End()
	return !end.IsZero() && !time.Now().Before(end)
}

// same reports whether both are about one address of one server.
func (l Lease) same(other Lease) bool {
	return l.Address == other.Address && bytes.Equal(l.ServerID, other.ServerID)
}

// statusError is a server's refusal (RFC 9915 §21.13).
type statusError struct {
	server  netip.Addr
	code    iana.StatusCode
	message string
}

func (e *statusError) Error() string {
	text := map[iana.StatusCode]string{
		iana.StatusNoAddrsAvail: "has no addresses (NoAddrsAvail)",
		iana.StatusNoBinding:    "does not know the lease (NoBinding)",
		iana.StatusNotOnLink:    "says that the address is not of this link (NotOnLink)",
	}[e.code]
	text = fmt.Sprintf("server %s %s", e.server, cmp.Or(text, fmt.Sprintf("refused (status %d, %s)", e.code, e.code)))
	if e.message != "" {
		text += fmt.Sprintf(": %q", e.message)
	}
	return text
}

// failure is what a server refuses, in the message or in the IA; nil: nothing.
func (a *answer) failure() error {
	status := a.Options.Status()
	if a.ia != nil && (status == nil || status.StatusCode == iana.StatusSuccess) {
		status = a.ia.Options.Status()
	}
	if status == nil || status.StatusCode == iana.StatusSuccess {
		return nil
	}
	return &statusError{a.from, status.StatusCode, status.StatusMessage}
}

// judge reads the lease in an answer. It never trusts it: what could only harm the
// client, or what RFC 9915 has it discard, is an error.
func (c *Client) judge(a *answer) (l Lease, err error) {
	if err := a.failure(); err != nil {
		var s *statusError
		switch errors.As(err, &s); {
		case s.code == iana.StatusUseMulticast:
			c.remarks.Add("the status UseMulticast, for a message that was sent by multicast", "9915 §21.13", "from %s", a.from)
		case s.code == iana.StatusNoAddrsAvail && a.ia == nil:
			c.remarks.Add("NoAddrsAvail for the whole message, and not in the IA", "", "from %s", a.from)
		}
		return l, err
	}
	if a.ia == nil {
		c.remarks.Add("an answer without the IA that was asked for (option 3)", "9915 §18.3", "%s from %s", a.MessageType, a.from)
		return l, fmt.Errorf("server %s gives no address (no IA_NA)", a.from)
	}
	t1, t2 := a.ia.T1, a.ia.T2
	if t1 > t2 && t2 > 0 {
		c.remarks.Add("T1 is later than T2", "9915 §21.4", "T1 %s, T2 %s from %s", t1, t2, a.from)
		return l, fmt.Errorf("server %s gives an address with T1 %s later than T2 %s", a.from, t1, t2)
	}
	err = fmt.Errorf("server %s gives no address (an empty IA_NA)", a.from)
	for _, o := range a.ia.Options.Addresses() {
		addr, _ := netip.AddrFromSlice(o.IPv6Addr)
		pref, valid := o.PreferredLifetime, o.ValidLifetime
		switch bad := judgeAddress(addr); {
		case bad != nil:
			err = fmt.Errorf("server %s gives an address that is none: %w", a.from, bad)
			c.remarks.Add("an address that no host can have", "", "%v", err)
		case pref > valid:
			err = fmt.Errorf("server %s gives %s a preferred lifetime of %s and a valid one of %s", a.from, addr, pref, valid)
			c.remarks.Add("a preferred lifetime that is longer than the valid one", "9915 §21.6", "%v", err)
		case valid == 0:
			if c.using && addr == c.lease.Address {
				err = errWithdrawn
			}
		case !l.Address.IsValid() || addr == c.lease.Address: // rather what it has than another
			l = Lease{Address: addr, Preferred: pref, Valid: valid}
		}
	}
	if !l.Address.IsValid() {
		return l, err
	}
	l.ServerID, l.Server, l.Config, l.Acquired = a.server, a.from, a.config(), time.Now()
	l.setTimes(t1, t2)
	return l, nil
}

// setTimes takes what the server leaves to the client, T1 or T2 of 0, from the preferred
// lifetime, or from the valid one of an address that is not preferred any more (RFC 9915 §21.4).
func (l *Lease) setTimes(t1, t2 time.Duration) {
	base := cmp.Or(l.Preferred, l.Valid)
	half, most := base/2, base/5*4
	if base == forever {
		half, most = forever, forever
	}
	l.Rebind = cmp.Or(t2, max(most, t1))
	l.Renew = cmp.Or(t1, min(half, l.Rebind))
}

// judgeAddress refuses what cannot be a host's address beyond its link.
func judgeAddress(a netip.Addr) error {
	if !a.Is6() || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return fmt.Errorf("%s is no host's address", a)
	}
	return nil
}
