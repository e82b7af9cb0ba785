package netmgr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Outage is a time in which the parent link could carry nothing.
type Outage struct {
	From time.Time
	To   time.Time // zero: it lasts
	Gone bool      // the link itself is not there any more
	Down bool      // it was set down on this machine
}

// carrierWatch notes the outages of a link, by what rtnetlink(7) says of it.
type carrierWatch struct {
	socket *nl.NetlinkSocket
	done   sync.WaitGroup
	index  int
	back   func()

	mu      sync.Mutex
	ups     uint32 // how often the link has got its carrier
	outages []Outage
}

// watchCarrier calls back each time that the link has its carrier again. The
// caller closes the watch.
func watchCarrier(index int, back func()) (*carrierWatch, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return nil, fmt.Errorf("watch the carrier: %w", err)
	}
	ask := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index = int32(index)
	ask.AddData(info)
	now, err := ask.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err == nil && len(now) == 0 {
		err = unix.ENODEV
	}
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("watch the carrier: %w", err)
	}
	w := &carrierWatch{socket: socket, index: index, back: back, ups: readLink(now[0]).ups}
	w.done.Go(w.run)
	return w, nil
}

func (w *carrierWatch) run() {
	for {
		messages, _, err := w.socket.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue // the next message makes up for those that were lost
		}
		if err != nil { // closed
			return
		}
		for _, m := range messages {
			if l := readLink(m.Data); l.index == w.index && w.note(m.Header.Type == unix.RTM_DELLINK, l) {
				w.back()
			}
		}
	}
}

// note keeps what is news, and reports whether the carrier is back. It counts how
// often the carrier came: the kernel tells of changes once a second at most, so a
// short loss may never be seen (link_watch.c).
func (w *carrierWatch) note(gone bool, l linkState) (back bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	var last *Outage
	if n := len(w.outages); n > 0 && w.outages[n-1].To.IsZero() {
		last = &w.outages[n-1]
	}
	back = l.ups != w.ups
	w.ups = l.ups
	switch {
	case last == nil && (gone || !l.running || back):
		w.outages = append(w.outages, Outage{From: now, Gone: gone, Down: !gone && !l.up})
		last = &w.outages[len(w.outages)-1]
	case last != nil && gone:
		last.Gone = true
	case last != nil && !l.up:
		last.Down = true
	}
	if last != nil && l.running && !gone {
		last.To = now
	}
	return back && l.running && !gone
}

// Outages are those of the parent link that lasted at a time or began after it.
func (m *NetworkManager) Outages(since time.Time) (some []Outage) {
	all := m.outages
	if m.carrier != nil {
		m.carrier.mu.Lock()
		defer m.carrier.mu.Unlock()
		all = append(slices.Clone(all), m.carrier.outages...)
	}
	for _, o := range all {
		if o.To.IsZero() || o.To.After(since) {
			some = append(some, o)
		}
	}
	return some
}

// parentGone reports whether the parent link is not there any more.
func (m *NetworkManager) parentGone() bool {
	return slices.ContainsFunc(m.Outages(time.Now()), func(o Outage) bool { return o.Gone })
}

// linkState is what a message says of a link.
type linkState struct {
	index   int
	up      bool
	running bool   // it is up and has its carrier
	ups     uint32 // how often it has got its carrier
}

func readLink(message []byte) (l linkState) {
	if len(message) < unix.SizeofIfInfomsg {
		return l
	}
	info := nl.DeserializeIfInfomsg(message)
	l.index = int(info.Index)
	l.up, l.running = info.Flags&unix.IFF_UP != 0, info.Flags&unix.IFF_RUNNING != 0
	attrs, err := nl.ParseRouteAttr(message[unix.SizeofIfInfomsg:])
	if err != nil {
		return linkState{}
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_CARRIER_UP_COUNT && len(a.Value) >= 4 {
			l.ups = binary.NativeEndian.Uint32(a.Value)
		}
	}
	return l
}

func (w *carrierWatch) Close() {
	w.socket.Close()
	w.done.Wait()
}
