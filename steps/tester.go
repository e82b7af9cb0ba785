package steps

import (
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/netmgr"
)

// watched runs do while the tester watches itself.
func (w *world) watched(m *netmgr.NetworkManager, flatout bool, do func()) health.Report {
	stop := w.watch(m, flatout)
	do()
	return stop()
}

// watch has the tester watch itself until stop, and keeps what it saw: a scenario
// must not fail for want of a router when it was the tester that was at its limit.
// flatout says that what happens goes as fast as the processors allow.
func (w *world) watch(m *netmgr.NetworkManager, flatout bool) (stop func() health.Report) {
	before, start := m.Strain(), time.Now()
	watch := health.Start(health.Options{Parent: w.suite.parent, Flatout: flatout})
	return func() health.Report {
		after := m.Strain()
		w.outagesSince(m, start)
		for _, change := range m.GatewayChanges() {
			w.suite.chronicle.message("remark", "%s", change)
		}
		report := watch.Stop(health.Counters(after.Since(before)))
		for _, l := range report.Limits {
			if !slices.ContainsFunc(w.limits, func(known health.Limit) bool { return known.Name == l.Name }) {
				w.limits = append(w.limits, l)
			}
		}
		return report
	}
}
