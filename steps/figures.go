package steps

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/netmgr"
)

// attach puts figures in full into the results: the formats cucumber and events
// carry them, as a JSON file of this name on the step.
func attach(ctx context.Context, name string, figures any) (context.Context, error) {
	body, err := json.Marshal(figures)
	if err != nil {
		return ctx, err
	}
	return godog.Attach(ctx, godog.Attachment{Body: body, FileName: name, MediaType: "application/json"}), nil
}

type seconds float64

func inSeconds(d time.Duration) seconds { return seconds(d.Seconds()) }

type creationJSON struct {
	Clients         int          `json:"clients"`
	Took            seconds      `json:"took_seconds"`
	LeasesPerSecond float64      `json:"leases_per_second"`
	Storm           seconds      `json:"first_messages_within_seconds"`
	Peak            int          `json:"asking_at_one_time"`
	Bound           int          `json:"asking_at_one_time_at_most,omitempty"`
	Sent            int          `json:"messages_sent"`
	Resent          int          `json:"messages_resent"`
	AskedRate       float64      `json:"asked_clients_per_second,omitempty"`
	AchievedRate    float64      `json:"achieved_clients_per_second,omitempty"`
	Tester          string       `json:"tester"`
	Remarks         []string     `json:"remarks,omitempty"`
	Phases          []phaseJSON  `json:"phases"`
	Each            []clientJSON `json:"each"`
}

type phaseJSON struct {
	Name string  `json:"name"`
	P50  seconds `json:"p50_seconds"`
	P95  seconds `json:"p95_seconds"`
	P99  seconds `json:"p99_seconds"`
	Max  seconds `json:"max_seconds"`
}

type clientJSON struct {
	Name      string  `json:"name"`
	MAC       string  `json:"mac"`
	Address   string  `json:"address"`
	Namespace seconds `json:"namespace_seconds"`
	Link      seconds `json:"link_seconds"`
	Offer     seconds `json:"offer_seconds"`
	Ack       seconds `json:"ack_seconds"`
	Check     seconds `json:"check_seconds"`
	Resent    int     `json:"messages_resent"`
	Configure seconds `json:"configure_seconds"`
	Total     seconds `json:"total_seconds"`
}

type returnJSON struct {
	Name   string  `json:"name"`
	MAC    string  `json:"mac"`
	Before string  `json:"address_before"`
	Now    string  `json:"address"`
	Server string  `json:"server"`
	After  seconds `json:"after_seconds"`
}

func returnFigures(returns []netmgr.Return) (each []returnJSON) {
	for _, r := range returns {
		before := ""
		if r.Before.IsValid() {
			before = r.Before.String()
		}
		each = append(each, returnJSON{r.Client.Name, r.Client.MAC.String(), before, r.Now.String(), r.Server.String(), inSeconds(r.After)})
	}
	return each
}

// creationFigures is all that is known of the newest creation. Clients of
// earlier ones are in it, too.
func creationFigures(m *netmgr.NetworkManager, report health.Report) creationJSON {
	c := m.Creation()
	figures := creationJSON{
		Clients: c.Clients, Took: inSeconds(c.Took), LeasesPerSecond: c.LeasesPerSecond(),
		Storm: inSeconds(c.Storm), Peak: c.Peak, Bound: c.Bound, Sent: c.Sent, Resent: c.Resent,
		AskedRate: c.AskedRate, AchievedRate: c.AchievedRate, Tester: report.Verbose(),
	}
	figures.Remarks = netmgr.RemarkLines(m.Remarks(), len(m.Clients()))
	for _, p := range c.Phases {
		figures.Phases = append(figures.Phases, phaseJSON{p.Name, inSeconds(p.P50), inSeconds(p.P95), inSeconds(p.P99), inSeconds(p.Max)})
	}
	for _, client := range m.Clients() {
		t := client.Timings
		figures.Each = append(figures.Each, clientJSON{
			Name: client.Name, MAC: client.MAC.String(), Address: client.Lease().Address.String(),
			Namespace: inSeconds(t.Namespace), Link: inSeconds(t.Link), Offer: inSeconds(t.Offer), Ack: inSeconds(t.Ack), Check: inSeconds(t.Check),
			Resent: t.Resent, Configure: inSeconds(t.Configure), Total: inSeconds(t.Total()),
		})
	}
	return figures
}
