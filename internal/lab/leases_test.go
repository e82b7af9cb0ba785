package lab

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestLeasesOfDhcpdAreCounted(t *testing.T) {
	const head = "# The format of this file is documented in the dhcpd.leases(5) manual page.\nauthoring-byte-order little-endian;\n\n"
	entry := func(address, ends, state string) string {
		return "lease " + address + " {\n  starts 2 2026/11/24 09:00:00;\n  ends " + ends + ";\n  binding state " + state +
			";\n  next binding state free;\n  hardware ethernet 02:00:00:00:00:01;\n}\n"
	}
	const later, earlier = "2 2026/11/24 10:00:00", "2 2026/11/24 09:20:00"
	held := entry("10.77.0.10", later, "active")
	for _, tt := range []struct {
		name, file string
		want       int
	}{
		{"of an empty file", "", 0},
		{"of a new file", head, 0},
		{"of two clients", head + held + entry("10.77.0.11", later, "active"), 2},
		{"at the beginning of the file", held, 1},
		{"renewed", head + held + held, 1},
		{"given back", head + held + entry("10.77.0.10", earlier, "free"), 0},
		{"given back and given away again", head + held + entry("10.77.0.10", earlier, "free") + held, 1},
		{"expired", head + entry("10.77.0.10", earlier, "active"), 0},
		{"that will never expire", head + entry("10.77.0.10", "never", "active"), 1},
		{"declined", head + entry("10.77.0.10", later, "abandoned"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
			if got := countDhcpdLeases(tt.file, now); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestLeasesOfUdhcpdAreCounted(t *testing.T) {
	head := string(make([]byte, 8))
	lease := func(seconds uint32, mac string) string {
		b := binary.BigEndian.AppendUint32(nil, seconds)
		b = append(b, 10, 77, 0, 10)
		return string(append(append(b, mac...), make([]byte, 36-8-6)...))
	}
	const mac, nobody = "\x02\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00"
	for _, tt := range []struct {
		name, file string
		leaseTime  time.Duration
		want       int
	}{
		{"of an empty file", "", time.Hour, 0},
		{"of a new file", head, time.Hour, 0},
		{"of two clients", head + lease(3600, mac) + lease(1800, mac), time.Hour, 2},
		{"given back", head + lease(0, mac), time.Hour, 0},
		{"expired", head + lease(0xffffffff, mac), time.Hour, 0},
		{"that are only offers", head + lease(60, mac), time.Hour, 0},
		{"that may be offers", head + lease(60, mac), time.Minute, 1},
		{"declined", head + lease(3600, nobody), time.Hour, 0},
		{"and half a one", head + lease(3600, mac) + lease(3600, mac)[:20], time.Hour, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := countUdhcpdLeases(tt.file, tt.leaseTime); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
