package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// nfQueue is a netlink(7) socket on which the kernel asks what is to become of
// the packets that netfilter's queue number 0 holds (nfnetlink_queue.c). When
// it is closed those that are held are dropped.
type nfQueue struct{ *netlink.Conn }

// queueRoom is how many packets are held at most. More are dropped, as by a
// router whose buffers are full.
const queueRoom = 1 << 16

// What is needed of linux/netfilter/nfnetlink_queue.h and linux/netfilter.h.
const (
	msgPacket  = 3<<8 + iota // NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET: what the kernel asks
	msgVerdict               // NFQNL_MSG_VERDICT: what it is told
	msgConfig                // NFQNL_MSG_CONFIG

	attrPacketHeader  = 1 // NFQA_PACKET_HDR: id, protocol, hook
	attrVerdictHeader = 2 // NFQA_VERDICT_HDR: verdict, id
	attrCommand       = 1 // NFQA_CFG_CMD: command, padding, family
	attrParams        = 2 // NFQA_CFG_PARAMS: bytes of the packet to copy, mode
	attrMaxLength     = 3 // NFQA_CFG_QUEUE_MAXLEN

	commandBind = 1 // NFQNL_CFG_CMD_BIND
	copyMeta    = 1 // NFQNL_COPY_META: the packet itself is not wanted

	verdictDrop   = 0 // NF_DROP
	verdictAccept = 1 // NF_ACCEPT
)

// openQueue makes this process the one that is asked.
func openQueue(ns *namespace.NS) (q nfQueue, err error) {
	err = ns.Do(func() error {
		q.Conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return q, err
	}
	if err := q.bind(); err != nil {
		q.Close()
		return q, fmt.Errorf("packet queue (the kernel's nfnetlink_queue): %w", err)
	}
	return q, nil
}

func (q nfQueue) bind() error {
	if err := q.SetReadBuffer(8 << 20); err != nil {
		return err
	}
	for _, attrs := range [][]netlink.Attribute{
		{{Type: attrCommand, Data: []byte{commandBind, 0, 0, unix.AF_INET}}},
		{{Type: attrParams, Data: []byte{0, 0, 0, 0, copyMeta}}, {Type: attrMaxLength, Data: binary.BigEndian.AppendUint32(nil, queueRoom)}},
	} {
		if _, err := q.Execute(nfMessage(msgConfig, netlink.Acknowledge, attrs...)); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a packet and returns the number that it has in the queue.
func (q nfQueue) next() (id uint32, err error) {
	for {
		messages, err := q.Receive()
		if errno := unix.Errno(0); errors.As(err, &errno) && errno != unix.EBADF {
			continue // packets came faster than they were read, or one was gone before it was judged
		}
		if err != nil {
			return 0, err
		}
		for _, m := range messages { // it is one
			if id, ok := packetID(m); ok {
				return id, nil
			}
		}
	}
}

// judge decides the fate of a packet.
func (q nfQueue) judge(id, verdict uint32) {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, verdict), id)
	// It fails when the packet is gone already, with the link that it came by.
	_, _ = q.Send(nfMessage(msgVerdict, 0, netlink.Attribute{Type: attrVerdictHeader, Data: header}))
}

// stop makes next return, now and for ever.
func (q nfQueue) stop() { _ = q.SetReadDeadline(time.Unix(1, 0)) }

// nfgenmsgLen is the header before the attributes (linux/netfilter/nfnetlink.h). Ours is
// zero: any family, version 0, queue number 0.
const nfgenmsgLen = 4

// nfMessage is a request to netfilter.
func nfMessage(kind netlink.HeaderType, flags netlink.HeaderFlags, attrs ...netlink.Attribute) netlink.Message {
	data, _ := netlink.MarshalAttributes(attrs) // fails for what is longer than 64 KiB
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request | flags}, Data: append(make([]byte, nfgenmsgLen), data...)}
}

// packetID finds the number of the packet that m asks about, if it asks.
func packetID(m netlink.Message) (id uint32, ok bool) {
	if m.Header.Type != msgPacket || len(m.Data) < nfgenmsgLen {
		return 0, false
	}
	attrs, _ := netlink.UnmarshalAttributes(m.Data[nfgenmsgLen:])
	for _, a := range attrs {
		if a.Type == attrPacketHeader && len(a.Data) >= 4 {
			return binary.BigEndian.Uint32(a.Data), true
		}
	}
	return 0, false
}
