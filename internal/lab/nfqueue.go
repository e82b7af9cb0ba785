package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// nfQueue is a netlink(7) socket on which the kernel asks what is to become of
// the packets that netfilter's queue number 0 holds (nfnetlink_queue.c). When
// it is closed those that are held are dropped.
type nfQueue struct {
	*socket.Conn
	buf []byte
}

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
func openQueue(ns *namespace.NS) (q *nfQueue, err error) {
	q = &nfQueue{buf: make([]byte, 1<<16)}
	err = ns.Do(func() error {
		q.Conn, err = socket.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER, "netlink", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := q.bind(); err != nil {
		q.Close()
		return nil, fmt.Errorf("packet queue (the kernel's nfnetlink_queue): %w", err)
	}
	return q, nil
}

func (q *nfQueue) bind() error {
	if err := q.SetReadBuffer(8 << 20); err != nil {
		return err
	}
	room := binary.BigEndian.AppendUint32(nil, queueRoom)
	for _, m := range [][]byte{
		nfMessage(msgConfig, unix.NLM_F_ACK, nfAttr{attrCommand, []byte{commandBind, 0, 0, unix.AF_INET}}),
		nfMessage(msgConfig, unix.NLM_F_ACK, nfAttr{attrParams, []byte{0, 0, 0, 0, copyMeta}}, nfAttr{attrMaxLength, room}),
	} {
		if err := q.order(m); err != nil {
			return err
		}
	}
	return nil
}

// order sends m and waits until the kernel has done so.
func (q *nfQueue) order(m []byte) error {
	if _, err := q.Write(m); err != nil {
		return err
	}
	n, err := q.Read(q.buf)
	switch {
	case err != nil:
		return err
	case n < headerLen || binary.NativeEndian.Uint16(q.buf[4:]) != unix.NLMSG_ERROR:
		return errors.New("the answer is not an acknowledgement")
	}
	if code := int32(binary.NativeEndian.Uint32(q.buf[16:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// next waits for a packet and returns the number that it has in the queue.
func (q *nfQueue) next() (id uint32, err error) {
	for {
		n, err := q.Read(q.buf)
		if errors.Is(err, unix.ENOBUFS) {
			continue // packets came faster than they were read: some are lost
		}
		if err != nil {
			return 0, err
		}
		if id, ok := packetID(q.buf[:n]); ok {
			return id, nil
		}
	}
}

// judge decides the fate of a packet.
func (q *nfQueue) judge(id, verdict uint32) {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, verdict), id)
	// It fails when the packet is gone already, with the link that it came by.
	_, _ = q.Write(nfMessage(msgVerdict, 0, nfAttr{attrVerdictHeader, header}))
}

// stop makes next return, now and for ever.
func (q *nfQueue) stop() { _ = q.SetReadDeadline(time.Unix(1, 0)) }

type nfAttr struct {
	kind  uint16
	value []byte
}

// headerLen is nlmsghdr (netlink(7)) and nfgenmsg (linux/netfilter/nfnetlink.h).
const headerLen = 16 + 4

// nfMessage is a request to netfilter. The rest of its nfgenmsg is zero: any
// family, version 0, queue number 0.
func nfMessage(kind, flags uint16, attrs ...nfAttr) []byte {
	m := make([]byte, headerLen, 64)
	binary.NativeEndian.PutUint16(m[4:], kind)
	binary.NativeEndian.PutUint16(m[6:], unix.NLM_F_REQUEST|flags)
	for _, a := range attrs {
		m = binary.NativeEndian.AppendUint16(m, uint16(4+len(a.value)))
		m = binary.NativeEndian.AppendUint16(m, a.kind)
		m = append(m, a.value...)
		m = append(m, make([]byte, -len(a.value)&3)...) // to a multiple of four bytes
	}
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	return m
}

// packetID finds the number of the packet that m asks about, if it asks.
func packetID(m []byte) (id uint32, ok bool) {
	if len(m) < headerLen || binary.NativeEndian.Uint16(m[4:]) != msgPacket {
		return 0, false
	}
	for attrs := m[headerLen:]; len(attrs) >= 4; {
		size := int(binary.NativeEndian.Uint16(attrs))
		if size < 4 || size > len(attrs) {
			return 0, false
		}
		if binary.NativeEndian.Uint16(attrs[2:]) == attrPacketHeader && size >= 8 {
			return binary.BigEndian.Uint32(attrs[4:]), true
		}
		attrs = attrs[min((size+3)&^3, len(attrs)):]
	}
	return 0, false
}
