package wire

import (
	"testing"
)

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
