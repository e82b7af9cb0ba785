package netmgr_test

import (
	"net"
	"strings"
	"testing"

	"github.com/lanstorm/lanstorm/netmgr"
)

func TestAGatewayThatChangesItsMACIsTold(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 2)
	m.PingAll(t.Context(), netmgr.Gateway, quick(1))
	if changes := m.GatewayChanges(); len(changes) > 0 {
		t.Errorf("%q", changes)
	}
	e := newEnemy(t, l)
	thief := net.HardwareAddr{2, 0xbe, 0xef, 0, 0, 1}
	e.send(claim(thief, l.Router))
	var told []string
	await(t, "it is told", func() bool {
		told = append(told, m.GatewayChanges()...)
		return len(told) > 0
	})
	if want := "the gateway 10.77.0.1 is now at MAC 02:be:ef:00:00:01, and was at 02:4c:53:00:00:01"; strings.Join(told, "; ") != want {
		t.Errorf("%q, want %q", told, want)
	}
}
