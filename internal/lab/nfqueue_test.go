package lab

import (
	"testing"

	"github.com/mdlayher/netlink"
)

func TestPacketIDs(t *testing.T) {
	header := netlink.Attribute{Type: attrPacketHeader, Data: []byte{0, 0, 0x12, 0x34, 8, 0, 0}}
	mark := netlink.Attribute{Type: 3, Data: []byte{1, 2, 3, 4}}
	truncated := nfMessage(msgPacket, 0, header)
	truncated.Data = truncated.Data[:nfgenmsgLen+6]
	for _, tt := range []struct {
		name string
		m    netlink.Message
		id   uint32
		ok   bool
	}{
		{"a packet", nfMessage(msgPacket, 0, header), 0x1234, true},
		{"a packet with something before its number", nfMessage(msgPacket, 0, mark, header), 0x1234, true},
		{"another message", nfMessage(msgConfig, 0, header), 0, false},
		{"a packet without a number", nfMessage(msgPacket, 0, mark), 0, false},
		{"an attribute that is cut off", truncated, 0, false},
		{"a number of too few bytes", nfMessage(msgPacket, 0, netlink.Attribute{Type: attrPacketHeader, Data: []byte{1}}), 0, false},
		{"nothing", netlink.Message{}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if id, ok := packetID(tt.m); id != tt.id || ok != tt.ok {
				t.Errorf("got %#x, %v, want %#x, %v", id, ok, tt.id, tt.ok)
			}
		})
	}
}
