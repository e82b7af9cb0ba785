package netmgr

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// RefusedError says why something was not even tried: the request, or the
// state of this machine, must change first. It is never the router's fault.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// Stage is a step on a client's way into the LAN.
type Stage string

// The stages, in order.
const (
	StageNamespace Stage = "namespace"
	StageLink      Stage = "link"
	StageLease     Stage = "lease"
	StageAddress   Stage = "IPv6 address" // of clients that have no lease
	StageConfigure Stage = "configure"
)

// ClientError says at which stage a client failed, and why.
type ClientError struct {
	Client string
	MAC    string
	Stage  Stage
	Err    error
}

func (c *Client) failedAt(stage Stage, err error) *ClientError {
	return &ClientError{c.Name, c.MAC.String(), stage, err}
}

func (e *ClientError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Client, e.Stage, e.Err) }
func (e *ClientError) Unwrap() error { return e.Err }

// CreateError names every client that could not be made. By the time it is
// returned none of the others stands any more either.
type CreateError struct {
	Asked  int            // how many clients were to be made
	Failed []*ClientError // in order of their number
	Leased int            // how many had their lease by then; the rest was given up
}

func (e *CreateError) Error() string {
	least, most := math.MaxInt, 0 // DISCOVERs, of those who are told of together
	for _, f := range e.Failed {
		if none, ok := f.Err.(*NoOfferError); ok && none.Refused == nil {
			least, most = min(least, none.Sent), max(most, none.Sent)
		}
	}
	reasons := Grouped(e.Failed, func(f *ClientError) (string, string) {
		none, ok := f.Err.(*NoOfferError)
		if ok && none.Refused == nil && least < most {
			return f.Client, fmt.Sprintf("%s: no OFFER in %s (%d to %d DISCOVERs sent by each)", f.Stage, none.Timeout, least, most)
		}
		return f.Client, fmt.Sprintf("%s: %v", f.Stage, f.Err)
	})
	text := fmt.Sprintf("%d of %d clients failed: %s", len(e.Failed), e.Asked, reasons)
	if rest := e.Asked - len(e.Failed) - e.Leased; rest > 0 {
		text += fmt.Sprintf("; %d given up", rest)
	}
	if e.Leased > 0 && e.starved() {
		text += fmt.Sprintf("; %d got a lease, so the router's address pool may be used up", e.Leased)
	}
	return text
}

// Unwrap gives errors.Is and errors.As the reason of every client.
func (e *CreateError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		errs[i] = f
	}
	return errs
}

// starved reports whether no failed client was offered anything.
func (e *CreateError) starved() bool {
	for _, f := range e.Failed {
		if none, ok := f.Err.(*NoOfferError); !ok || none.Refused != nil {
			return false
		}
	}
	return true
}

// Grouped tells one thing about many clients in one line: those with the same
// text stand together, in the order of their first: "ns1, ns4-ns9: no OFFER;
// ns2: no ACK". split returns an item's client and text. Three texts and more that
// differ in their numbers only are told by the first.
func Grouped[T any](items []T, split func(T) (client, text string)) string {
	groups := group(items, split)
	var texts []string
	more := 0
	for i, g := range groups {
		switch {
		case i >= mostTold:
			more += len(g.clients)
		case g.varies:
			texts = append(texts, fmt.Sprintf("%s, such as %s: %s", ranges(g.clients), g.clients[0], g.text))
		default:
			texts = append(texts, ranges(g.clients)+": "+g.text)
		}
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// mostTold is how many texts, and how many names, are read to the end.
const mostTold = 5

var number = regexp.MustCompile(`\d+([.:]\d+)*`)

// alike are clients with the same text, or nearly: that of the first then.
type alike struct {
	text    string
	varies  bool
	clients []string
}

// group puts together what is the same, or nearly.
func group[T any](items []T, split func(T) (client, text string)) (groups []*alike) {
	nearly := func(text string) string { return number.ReplaceAllString(text, "#") }
	variants := map[string]map[string]bool{}
	for _, item := range items {
		_, text := split(item)
		if variants[nearly(text)] == nil {
			variants[nearly(text)] = map[string]bool{}
		}
		variants[nearly(text)][text] = true
	}
	known := map[string]*alike{}
	for _, item := range items {
		client, text := split(item)
		key := text
		if len(variants[nearly(text)]) > 2 {
			key = nearly(text)
		}
		g := known[key]
		if g == nil {
			g = &alike{text: text}
			known[key] = g
			groups = append(groups, g)
		}
		g.varies = g.varies || g.text != text
		g.clients = append(g.clients, client)
	}
	return groups
}

// ranges shortens runs of three and more, ns1, ns3-ns7, and tells the first few.
func ranges(names []string) string {
	var out []string
	for i := 0; i < len(names); {
		if len(out) == mostTold {
			return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(names)-i)
		}
		last := i
		for last+1 < len(names) && follows(names[last], names[last+1]) {
			last++
		}
		if last-i < 2 {
			last = i
			out = append(out, names[i])
		} else {
			out = append(out, names[i]+"-"+names[last])
		}
		i = last + 1
	}
	return strings.Join(out, ", ")
}

// follows reports whether b carries the number after a's: ns9, ns10.
func follows(a, b string) bool {
	prefix, n := splitNumber(a)
	prefixB, m := splitNumber(b)
	return prefix == prefixB && m == n+1
}

func splitNumber(name string) (prefix string, n int) {
	prefix = strings.TrimRight(name, "0123456789")
	n, _ = strconv.Atoi(name[len(prefix):]) // a name without a number counts as 0
	return prefix, n
}
