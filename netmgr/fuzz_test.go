package netmgr

import (
	"testing"
)

func FuzzParseICMPError(f *testing.F) {
	f.Add(unreachablePacket(f, 1, 0, pinged(f, googleDNS, 0)))
	f.Add(unreachablePacket(f, 13, 8, pinged(f, googleDNS, 8)))
	f.Add(unreachablePacket(f, 0, 0, nil))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, packet []byte) {
		from, what, ok := parseICMPError(packet, googleDNS)
		if ok && (!from.Is4() || what == "") {
			t.Errorf("%q from %s", what, from)
		}
	})
}

func FuzzDHCPAnswer(f *testing.F) {
	whole := make([]byte, 400)
	copy(whole, testMAC)
	whole[14], whole[14+24] = 0x45, 1
	copy(whole[14+28+28:], testMAC)
	f.Add(whole)
	f.Add(whole[:40])
	f.Fuzz(func(t *testing.T, frame []byte) {
		a, ok := dhcpAnswer(frame)
		arpClaim(frame)
		if ok && (len(a.msg) < 34 || [6]byte(a.msg[28:]) != a.client) {
			t.Errorf("%x for %x", a.msg, a.client)
		}
		if ok {
			a.wrong(false)
		}
	})
}
