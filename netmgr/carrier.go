package netmgr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// carrierWatch tells when a link that was down works again, by what rtnetlink(7)
// says of it.
type carrierWatch struct {
	socket *nl.NetlinkSocket
	done   sync.WaitGroup
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
	_, ups := carrier(now[0])
	w := &carrierWatch{socket: socket}
	w.done.Go(func() { w.run(index, ups, back) })
	return w, nil
}

// run compares how often the carrier came: the kernel tells of changes once a
// second at most, so a short loss may never be seen (link_watch.c).
func (w *carrierWatch) run(index int, ups uint32, back func()) {
	for {
		messages, _, err := w.socket.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue // the next message makes up for those that were lost
		}
		if err != nil { // closed
			return
		}
		for _, m := range messages {
			if m.Header.Type != unix.RTM_NEWLINK {
				continue
			}
			if link, now := carrier(m.Data); link == index && now != ups {
				ups = now
				back()
			}
		}
	}
}

// carrier reads of which link a message is, and how often that link has got its
// carrier.
func carrier(message []byte) (index int, ups uint32) {
	if len(message) < unix.SizeofIfInfomsg {
		return 0, 0
	}
	attrs, err := nl.ParseRouteAttr(message[unix.SizeofIfInfomsg:])
	if err != nil {
		return 0, 0
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_CARRIER_UP_COUNT && len(a.Value) >= 4 {
			ups = binary.NativeEndian.Uint32(a.Value)
		}
	}
	return int(nl.DeserializeIfInfomsg(message).Index), ups
}

func (w *carrierWatch) Close() {
	w.socket.Close()
	w.done.Wait()
}
