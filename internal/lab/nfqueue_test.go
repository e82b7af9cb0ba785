package lab

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPacketIDs(t *testing.T) {
	header := nfAttr{attrPacketHeader, []byte{0, 0, 0x12, 0x34, 8, 0, 0}} // padded to 8 bytes
	mark := nfAttr{3, []byte{1, 2, 3, 4}}
	truncated := nfMessage(msgPacket, 0, header)
	short := nfMessage(msgPacket, 0, header)
	binary.NativeEndian.PutUint16(short[headerLen:], 3)
	for _, tt := range []struct {
		name string
		m    []byte
		id   uint32
		ok   bool
	}{
		{"a packet", nfMessage(msgPacket, 0, header), 0x1234, true},
		{"a packet with something before its number", nfMessage(msgPacket, 0, mark, header), 0x1234, true},
		{"another message", nfMessage(msgConfig, 0, header), 0, false},
		{"a packet without a number", nfMessage(msgPacket, 0, mark), 0, false},
		{"an attribute that is cut off", truncated[:headerLen+6], 0, false},
		{"an attribute smaller than its own header", short, 0, false},
		{"a number of too few bytes", nfMessage(msgPacket, 0, nfAttr{attrPacketHeader, []byte{1}}), 0, false},
		{"half a header", truncated[:10], 0, false},
		{"nothing", nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if id, ok := packetID(tt.m); id != tt.id || ok != tt.ok {
				t.Errorf("got %#x, %v, want %#x, %v", id, ok, tt.id, tt.ok)
			}
		})
	}
}

func TestNetfilterMessage(t *testing.T) {
	m := nfMessage(msgVerdict, unix.NLM_F_ACK, nfAttr{attrVerdictHeader, []byte{1, 2, 3, 4, 5}}, nfAttr{7, nil})
	if len(m) != headerLen+12+4 || int(binary.NativeEndian.Uint32(m)) != len(m) {
		t.Errorf("%d bytes that call themselves %d, want %d", len(m), binary.NativeEndian.Uint32(m), headerLen+12+4)
	}
	if kind, flags := binary.NativeEndian.Uint16(m[4:]), binary.NativeEndian.Uint16(m[6:]); kind != 0x301 || flags != unix.NLM_F_REQUEST|unix.NLM_F_ACK {
		t.Errorf("type %#x, flags %#x", kind, flags)
	}
}
