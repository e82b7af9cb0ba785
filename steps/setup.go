package steps

import (
	"context"
	"errors"
	"fmt"

	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) setup() []sentence {
	const creates = "makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each"
	return []sentence{
		{`the router IP address is configured`, "targets.router in godog.yml is auto or a host's address", w.routerIsConfigured},
		{`the base network interface is available on the system`, "the interface exists, is wired, up and has carrier", w.interfaceIsAvailable},
		{`I initialize the Network Manager`, "checks that clients can be made here", w.interfaceIsAvailable},
		{`I create <n> virtual clients using macvlan`, creates, w.createClients},
		{`I provision <n> virtual clients using macvlan`, creates, w.createClients},
		{`I create <n> clients connected to the router`, creates, w.createClients},
		{`I launch <n> clients using the selected topology`, creates + " (clients.topology: wired)", w.createClients},
	}
}

func (w *world) routerIsConfigured() error {
	router := w.config().Targets.Router
	if !router.IsValid() {
		return nil // auto: each client's own gateway
	}
	if router.IsUnspecified() || router.IsLoopback() || router.IsMulticast() {
		return fmt.Errorf("targets.router is %s, which is no router's address", router)
	}
	return nil
}

func (w *world) interfaceIsAvailable() error {
	_, err := w.manager()
	return err
}

func (w *world) createClients(ctx context.Context, n int) error {
	m, err := w.manager()
	if err != nil {
		return err
	}
	wanted := n + len(m.Clients())
	err = m.CreateClients(ctx, n)
	var failed *netmgr.CreateError
	if hint := w.poolHint(wanted); hint != "" && errors.As(err, &failed) {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	if err == nil {
		fmt.Fprintln(w.suite.Notes, m.Creation())
	}
	return err
}
