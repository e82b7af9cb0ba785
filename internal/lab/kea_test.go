package lab

import (
	"strings"
	"testing"
	"time"
)

func TestLeasesInForceAreCounted(t *testing.T) {
	const head = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
	row := func(address, lifetime, expire, state string) string {
		return address + ",02:00:00:00:00:01,01:02:00:00:00:00:01," + lifetime + "," + expire + ",1,0,0,," + state + ",\n"
	}
	held := row("10.77.0.10", "3600", "5000", "0")
	for _, tt := range []struct {
		name, csv string
		want      int
	}{
		{"of an empty file", "", 0},
		{"of a new file", head, 0},
		{"of two clients", head + held + row("10.77.0.11", "3600", "5000", "0"), 2},
		{"renewed", head + held + row("10.77.0.10", "3600", "6000", "0"), 1},
		{"given back", head + held + row("10.77.0.10", "0", "5000", "0"), 0},
		{"given back and given away again", head + held + row("10.77.0.10", "0", "5000", "0") + held, 1},
		{"expired", head + row("10.77.0.10", "3600", "999", "0"), 0},
		{"that will never expire", head + row("10.77.0.10", "4294967295", "4294968295", "0"), 1},
		{"declined", head + row("10.77.0.10", "86400", "9000", "1"), 0},
		{"and one that is being written", head + held + strings.TrimSuffix(row("10.77.0.11", "3600", "5000", "0"), ",\n"), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := countKeaLeases(tt.csv, kea4Columns, time.Unix(1000, 0)); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
