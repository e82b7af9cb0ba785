package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) setup() []sentence {
	const (
		creates = "makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each"
		bounded = "the same, but no more than that many ask for an address at one time"
		paced   = "the same, each client asking for its address when its time has come"
	)
	return []sentence{
		{`the router IP address is configured`, "targets.router in godog.yml is auto or a host's address", w.routerIsConfigured},
		{`the base network interface is available on the system`, "the interface exists, is wired, up and has carrier", w.interfaceIsAvailable},
		{`I initialize the Network Manager`, "checks that clients can be made here", w.interfaceIsAvailable},
		{`I create <n> virtual client(s) using macvlan`, creates, w.createClients},
		{`I provision <n> virtual client(s) using macvlan`, creates, w.createClients},
		{`I create <n> client(s) connected to the router`, creates, w.createClients},
		{`I launch <n> client(s) using the selected topology`, creates + " (clients.topology: wired)", w.createClients},
		{`I create <n> virtual client(s) using macvlan, at most <n> at a time`, bounded, w.createClientsBounded},
		{`I create <n> client(s) connected to the router, at most <n> at a time`, bounded, w.createClientsBounded},
		{`I create <n> virtual client(s) using macvlan at <n> per second`, paced, w.createClientsAt},
		{`I create <n> virtual client(s) using macvlan over <time>`, paced, w.createClientsOver},
		{`I create <n> client(s) connected to the router at <n> per second`, paced, w.createClientsAt},
		{`I create <n> client(s) connected to the router over <time>`, paced, w.createClientsOver},
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
	return w.createClientsAs(ctx, n, netmgr.Arrival{})
}

func (w *world) createClientsBounded(ctx context.Context, n, atATime int) error {
	if atATime < 1 {
		return refuse("at most %d at a time: ask for at least 1", atATime)
	}
	return w.createClientsAs(ctx, n, netmgr.Arrival{InFlight: atATime})
}

func (w *world) createClientsAt(ctx context.Context, n, perSecond int) error {
	if perSecond < 1 || perSecond > 1_000_000 {
		return refuse("%d clients per second: ask for 1 to 1000000", perSecond)
	}
	return w.createClientsAs(ctx, n, netmgr.Arrival{Gap: time.Second / time.Duration(perSecond)})
}

func (w *world) createClientsOver(ctx context.Context, n int, d time.Duration) error {
	if err := positive(d); err != nil {
		return err
	}
	return w.createClientsAs(ctx, n, netmgr.Arrival{Gap: d / time.Duration(max(n, 1))})
}

func (w *world) createClientsAs(ctx context.Context, n int, arrival netmgr.Arrival) error {
	m, err := w.manager()
	if err != nil {
		return err
	}
	wanted := n + len(m.Clients())
	w.suite.chronicle.tell(func() string {
		stand, of := m.Progress()
		return fmt.Sprintf("%d of %d clients", stand, of)
	})
	report := w.watched(m, arrival.Gap == 0, func() { err = m.CreateClientsAs(ctx, n, arrival) })
	var failed *netmgr.CreateError
	if hint := w.poolHint(wanted); hint != "" && errors.As(err, &failed) {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	if err != nil {
		return err
	}
	c := w.suite.chronicle
	c.activity(creationActivity(m, report))
	for _, r := range netmgr.RemarkLines(m.Remarks(), len(m.Clients())) {
		c.message("remark", "%s", r)
	}
	c.router(m)
	return nil
}
