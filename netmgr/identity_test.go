package netmgr

import (
	"bytes"
	"net"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestEveryClientHasItsOwnLocalUnicastMAC(t *testing.T) {
	owner := map[string]int{}
	for i := 0; i <= MostClients; i++ { // 0 is who only asks for offers
		mac := clientMAC("one machine", i)
		const multicast, local = 1, 2
		if len(mac) != 6 || mac[0]&multicast != 0 || mac[0]&local == 0 {
			t.Fatalf("client %d: %s is not a locally administered unicast address", i, mac)
		}
		if other, taken := owner[string(mac)]; taken {
			t.Fatalf("clients %d and %d share %s", other, i, mac)
		}
		owner[string(mac)] = i
	}
}

// A router under test keeps leases by MAC address, from one release of
// lanstorm to the next.
func TestMACsStayAsTheyAre(t *testing.T) {
	got := clientMAC("4c616e73746f726d4c616e73746f726d\n", 258)
	if want := (net.HardwareAddr{0x02, 0x2a, 0x4e, 0xa9, 0x01, 0x02}); !bytes.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTwoMachinesDoNotShareMACs(t *testing.T) {
	a, b := clientMAC("a", 1), clientMAC("b", 1)
	if bytes.Equal(a[:4], b[:4]) {
		t.Errorf("both machines start with %s", a[:4])
	}
}

func TestMachineIDFallsBackToTheHostName(t *testing.T) {
	nstest.Need(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const file = "/etc/machine-id"
	before, missing := os.ReadFile(file)
	t.Cleanup(func() {
		if missing != nil {
			os.Remove(file)
			return
		}
		os.WriteFile(file, before, 0o444)
	})
	for _, tt := range []struct{ name, content, want string }{
		{"an id", "4c616e73746f726d4c616e73746f726d\n", "4c616e73746f726d4c616e73746f726d\n"},
		{"an image not booted yet", "", host},
		{"nothing but a line end", "\n", host},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tt.content), 0o444); err != nil {
				t.Fatal(err)
			}
			got, err := machineID()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
