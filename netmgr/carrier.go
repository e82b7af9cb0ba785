package netmgr

import (
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

// watchCarrier calls back each time that the link works again. The caller closes
// the watch.
func watchCarrier(index int, back func()) (*carrierWatch, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return nil, fmt.Errorf("watch the carrier: %w", err)
	}
	w := &carrierWatch{socket: socket}
	w.done.Go(func() { w.run(index, back) })
	return w, nil
}

func (w *carrierWatch) run(index int, back func()) {
	running := true
	for {
		messages, _, err := w.socket.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue // so much happens that some of it is not told
		}
		if err != nil { // closed
			return
		}
		for _, m := range messages {
			if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
				continue
			}
			info := nl.DeserializeIfInfomsg(m.Data)
			if int(info.Index) != index {
				continue
			}
			was := running
			running = info.Flags&unix.IFF_RUNNING != 0
			if running && !was {
				back()
			}
		}
	}
}

func (w *carrierWatch) Close() {
	w.socket.Close()
	w.done.Wait()
}
