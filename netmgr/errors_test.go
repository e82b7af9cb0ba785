package netmgr

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// said is a client and what is told of it.
type said struct{ client, text string }

func TestGroupedTellsOneThingOfManyClientsOnce(t *testing.T) {
	noOffer, noAck := "lease: no OFFER", "lease: no ACK"
	for _, tt := range []struct {
		name  string
		items []said
		want  string
	}{
		{"nothing to tell", nil, ""},
		{"one client", []said{{"ns1", noOffer}}, "ns1: lease: no OFFER"},
		{"two neighbours are listed", []said{{"ns4", noOffer}, {"ns5", noOffer}}, "ns4, ns5: lease: no OFFER"},
		{"three neighbours are a run", []said{{"ns4", noOffer}, {"ns5", noOffer}, {"ns6", noOffer}}, "ns4-ns6: lease: no OFFER"},
		{
			"a run goes on where the number gets longer",
			[]said{{"ns8", noOffer}, {"ns9", noOffer}, {"ns10", noOffer}, {"ns11", noOffer}},
			"ns8-ns11: lease: no OFFER",
		},
		{
			"gaps end a run",
			[]said{{"ns1", noOffer}, {"ns3", noOffer}, {"ns4", noOffer}, {"ns5", noOffer}, {"ns7", noOffer}, {"ns8", noOffer}},
			"ns1, ns3-ns5, ns7, ns8: lease: no OFFER",
		},
		{
			"another prefix ends a run",
			[]said{{"a1", noOffer}, {"a2", noOffer}, {"b3", noOffer}, {"a4", noOffer}},
			"a1, a2, b3, a4: lease: no OFFER",
		},
		{
			"several texts stand in the order of their first client",
			[]said{{"ns1", noOffer}, {"ns2", noAck}, {"ns3", noOffer}, {"ns4", noAck}, {"ns5", noAck}, {"ns6", noAck}},
			"ns1, ns3: lease: no OFFER; ns2, ns4-ns6: lease: no ACK",
		},
		{
			"names without numbers are listed",
			[]said{{"alpha", noOffer}, {"beta", noOffer}, {"gamma", noOffer}},
			"alpha, beta, gamma: lease: no OFFER",
		},
		{
			"a prefix that ends in zero does not make numbers octal",
			[]said{{"pi07", noOffer}, {"pi08", noOffer}, {"pi09", noOffer}},
			"pi07-pi09: lease: no OFFER",
		},
		{
			"texts that differ in numbers stay apart while they are few",
			[]said{{"ns1", "lost 1 of 4"}, {"ns2", "lost 2 of 4"}},
			"ns1: lost 1 of 4; ns2: lost 2 of 4",
		},
		{
			"and are told by the first when they are three",
			[]said{
				{"ns1", noAck}, {"ns2", "has 10.77.0.2"}, {"ns3", "has 10.77.0.3"}, {"ns4", "has 10.77.0.4"},
				{"ns5", "has 10.77.0.5"}, {"ns6", "has 10.77.0.6"},
			},
			"ns1: lease: no ACK; ns2-ns6, such as ns2: has 10.77.0.2",
		},
		{
			"of a great many texts the first five are told",
			[]said{{"ns1", "a"}, {"ns2", "b"}, {"ns3", "c"}, {"ns4", "d"}, {"ns5", "e"}, {"ns6", "f"}, {"ns7", "g"}, {"ns8", "g"}},
			"ns1: a; ns2: b; ns3: c; ns4: d; ns5: e; and 3 more",
		},
		{
			"and so are of a great many names",
			[]said{
				{"ns1", noAck}, {"ns3", noAck}, {"ns5", noAck}, {"ns7", noAck}, {"ns8", noAck}, {"ns9", noAck},
				{"ns11", noAck}, {"ns13", noAck}, {"ns15", noAck},
			},
			"ns1, ns3, ns5, ns7-ns9, ns11 and 2 more: lease: no ACK",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Grouped(tt.items, func(s said) (string, string) { return s.client, s.text })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func failedAt(stage Stage, err error, clients ...string) (failed []*ClientError) {
	for _, c := range clients {
		failed = append(failed, &ClientError{Client: c, Stage: stage, Err: err})
	}
	return failed
}

func TestCreateErrorSaysWhoFailedWhereAndWhy(t *testing.T) {
	noOffer := &NoOfferError{Timeout: 10 * time.Second, Sent: 4}
	useless := &NoOfferError{Timeout: 10 * time.Second, Sent: 4, Refused: errors.New("an OFFER was refused: no subnet mask (option 1)")}
	link := errors.New("add macvlan on eth0: device or resource busy")
	for _, tt := range []struct {
		name string
		err  CreateError
		want string
	}{
		{
			"two stages",
			CreateError{Asked: 10, Leased: 7, Failed: append(failedAt(StageLease, noOffer, "ns4", "ns7"), failedAt(StageLink, link, "ns9")...)},
			"3 of 10 clients failed: ns4, ns7: lease: no OFFER in 10s (4 DISCOVERs sent); " +
				"ns9: link: add macvlan on eth0: device or resource busy",
		},
		{
			"nobody was offered anything",
			CreateError{Asked: 3, Failed: failedAt(StageLease, noOffer, "ns1", "ns2", "ns3")},
			"3 of 3 clients failed: ns1-ns3: lease: no OFFER in 10s (4 DISCOVERs sent)",
		},
		{
			"some got a lease and the rest no offer",
			CreateError{Asked: 10, Failed: failedAt(StageLease, noOffer, "ns6", "ns7", "ns8", "ns9", "ns10"), Leased: 5},
			"5 of 10 clients failed: ns6-ns10: lease: no OFFER in 10s (4 DISCOVERs sent); " +
				"5 got a lease, so the router's address pool may be used up",
		},
		{
			"some got a lease and one failed otherwise",
			CreateError{Asked: 10, Leased: 8, Failed: append(failedAt(StageLease, noOffer, "ns6"), failedAt(StageLink, link, "ns7")...)},
			"2 of 10 clients failed: ns6: lease: no OFFER in 10s (4 DISCOVERs sent); " +
				"ns7: link: add macvlan on eth0: device or resource busy",
		},
		{
			"an offer that is of no use does not come from an empty pool",
			CreateError{Asked: 10, Leased: 9, Failed: failedAt(StageLease, useless, "ns6")},
			"1 of 10 clients failed: ns6: lease: no usable OFFER in 10s (4 DISCOVERs sent; an OFFER was refused: no subnet mask (option 1))",
		},
		{
			"most were given up",
			CreateError{Asked: 100, Failed: failedAt(StageLink, link, "ns1")},
			"1 of 100 clients failed: ns1: link: add macvlan on eth0: device or resource busy; 99 given up",
		},
		{
			"those given up did not get a lease",
			CreateError{Asked: 100, Failed: failedAt(StageLease, noOffer, "ns1")},
			"1 of 100 clients failed: ns1: lease: no OFFER in 10s (4 DISCOVERs sent); 99 given up",
		},
		{
			"some leased, some were given up",
			CreateError{Asked: 100, Failed: failedAt(StageLease, noOffer, "ns1"), Leased: 9},
			"1 of 100 clients failed: ns1: lease: no OFFER in 10s (4 DISCOVERs sent); 90 given up; " +
				"9 got a lease, so the router's address pool may be used up",
		},
		{
			"not all have sent the same number",
			CreateError{Asked: 3, Failed: append(failedAt(StageLease, &NoOfferError{Timeout: time.Minute, Sent: 5}, "ns1", "ns3"),
				failedAt(StageLease, &NoOfferError{Timeout: time.Minute, Sent: 6}, "ns2")...)},
			"3 of 3 clients failed: ns1, ns3, ns2: lease: no OFFER in 1m0s (5 to 6 DISCOVERs sent by each)",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReasonsAreFoundThroughACreateError(t *testing.T) {
	err := fmt.Errorf("scenario: %w", errors.Join(&CreateError{Asked: 3, Failed: append(
		failedAt(StageLease, &NoOfferError{Sent: 7}, "ns1"),
		failedAt(StageNamespace, refuse("somebody else has just made it"), "ns2")...)}, nil))
	var noOffer *NoOfferError
	if !errors.As(err, &noOffer) || noOffer.Sent != 7 {
		t.Errorf("no NoOfferError in %v", err)
	}
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Reason != "somebody else has just made it" {
		t.Errorf("no RefusedError in %v", err)
	}
	var client *ClientError
	if !errors.As(err, &client) || client.Client != "ns1" {
		t.Errorf("the first ClientError is %v, want ns1's", client)
	}
}
