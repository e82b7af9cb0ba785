package lab

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// recorder keeps what a handler writes; it can do nothing else.
type recorder struct {
	dns.ResponseWriter
	wrote *dns.Msg
}

func (r *recorder) WriteMsg(m *dns.Msg) error { r.wrote = m; return nil }

func theZones(t *testing.T) zone {
	t.Helper()
	z, err := parseZone(zones)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestZones(t *testing.T) {
	const (
		address = "example.test. 300 IN A 198.51.100.80"
		alias   = "www.example.test. 300 IN CNAME example.test."
	)
	for _, tt := range []struct {
		name   string
		asked  string
		qtype  uint16
		rcode  int
		answer []string
	}{
		{"an address", "example.test.", dns.TypeA, dns.RcodeSuccess, []string{address}},
		{"an IPv6 address", "example.test.", dns.TypeAAAA, dns.RcodeSuccess, []string{"example.test. 300 IN AAAA 2001:db8:80::80"}},
		{"an address, asked for in capitals", "EXAMPLE.Test.", dns.TypeA, dns.RcodeSuccess, []string{address}},
		{"the name server's address", "ns.example.test.", dns.TypeA, dns.RcodeSuccess, []string{"ns.example.test. 300 IN A 8.8.8.8"}},
		{"an alias is followed to the address", "www.example.test.", dns.TypeA, dns.RcodeSuccess, []string{alias, address}},
		{"an alias itself", "www.example.test.", dns.TypeCNAME, dns.RcodeSuccess, []string{alias}},
		{"an alias of a name that has no such record", "www.example.test.", dns.TypeMX, dns.RcodeSuccess, []string{alias}},
		{"the name of an address", "80.100.51.198.in-addr.arpa.", dns.TypePTR, dns.RcodeSuccess,
			[]string{"80.100.51.198.in-addr.arpa. 300 IN PTR example.test."}},
		{"the name of the name server's address", "8.8.8.8.in-addr.arpa.", dns.TypePTR, dns.RcodeSuccess,
			[]string{"8.8.8.8.in-addr.arpa. 300 IN PTR ns.example.test."}},
		{"the name server of a zone", "example.test.", dns.TypeNS, dns.RcodeSuccess,
			[]string{"example.test. 300 IN NS ns.example.test."}},
		{"a name without such a record", "example.test.", dns.TypeMX, dns.RcodeSuccess, nil},
		{"no such name", "nowhere.example.test.", dns.TypeA, dns.RcodeNameError, nil},
		{"no such zone", "example.com.", dns.TypeA, dns.RcodeNameError, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := new(dns.Msg).SetQuestion(tt.asked, tt.qtype)
			var r recorder
			theZones(t).ServeDNS(&r, q)
			if r.wrote.Id != q.Id || !r.wrote.Response || !r.wrote.Authoritative || r.wrote.Rcode != tt.rcode {
				t.Errorf("header %+v, want an authoritative %s to %d", r.wrote.MsgHdr, dns.RcodeToString[tt.rcode], q.Id)
			}
			if diff := cmp.Diff(q.Question, r.wrote.Question); diff != "" {
				t.Errorf("question (-asked +repeated):\n%s", diff)
			}
			var got []string
			for _, rr := range r.wrote.Answer {
				got = append(got, strings.Join(strings.Fields(rr.String()), " "))
			}
			if diff := cmp.Diff(tt.answer, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZonesRefuseWhatIsNotOneQuestion(t *testing.T) {
	q := new(dns.Msg).SetQuestion("example.test.", dns.TypeA)
	for _, questions := range [][]dns.Question{nil, {q.Question[0], q.Question[0]}} {
		q.Question = questions
		var r recorder
		theZones(t).ServeDNS(&r, q)
		if r.wrote.Rcode != dns.RcodeFormatError || len(r.wrote.Answer) != 0 {
			t.Errorf("%d questions: %s", len(questions), r.wrote)
		}
	}
}

func TestParseZoneSaysWhatIsWrong(t *testing.T) {
	if z, err := parseZone("example.test. 300 A not-an-address"); err == nil {
		t.Errorf("parsed as %v", z)
	}
}

func TestASilentForwarderSaysNothing(t *testing.T) {
	var r recorder
	var silent atomic.Bool
	silent.Store(true)
	forwarder{silent: &silent}.ServeDNS(&r, new(dns.Msg).SetQuestion("example.test.", dns.TypeA))
	if r.wrote != nil {
		t.Errorf("said %s", r.wrote)
	}
}
