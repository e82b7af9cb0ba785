package steps

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/workload"
	"github.com/lanstorm/lanstorm/netmgr"
)

// traffic is the sentences about downloads and uploads, and about what any work
// has moved.
func (w *world) traffic() []sentence {
	const (
		gets   = "each gets all of download.url, over download.connections, within download.timeout"
		sends  = "each sends so much to upload.url"
		done   = "each got all of it, with the right length (download.verify)"
		begins = "goes on beside the next sentences until it is told to stop, or the scenario ends"
		stops  = "no client does so any more; those that failed meanwhile are told"
	)
	return []sentence{
		{`the download target URL is configured`, "download.url is set, or this is the lab", w.downloadIsConfigured},
		{`a <size> ZIP file URL is configured as the download source`, "the same; in the lab, where download.url is not set, clients get a file of that size", w.downloadOf},
		{`the host machine can reach the download server`, "this machine, or the lab's router, gets an answer from download.url", w.hostReachesServer},
		{`<clients> start(s) downloading the <size> ZIP file simultaneously`, gets, w.downloadSized},
		{`<clients> start(s) downloading the configured file simultaneously`, gets, w.once(w.download)},
		{`each client should complete the download`, done, w.downloaded},
		{`each client should complete the download within <time>`, done, w.downloadedWithin},
		{`<clients> start(s) uploading <size> simultaneously`, sends, w.startUpload},
		{`each client should complete the upload`, "the server took all of it", w.uploaded},
		{`<clients> keep(s) downloading`, gets + ", again and again; " + begins, w.keepUp(w.download)},
		{`<clients> keep(s) uploading`, "each sends 20 MB to upload.url, again and again; " + begins, w.keepUp(w.upload(20e6))},
		{`the downloads stop`, stops, w.stops("download")},
		{`the uploads stop`, stops, w.stops("upload")},
		{`the total throughput should be at least <x> Mbit/s`, "of all clients together, in what they did last, without the first 2 seconds", w.throughputAtLeast},
		{`no client should get less than <x>% of the fair share`, "of what each would have had, in what they did last, if all had got the same", w.shareAtLeast},
	}
}

// busy is the same kind of work that some clients do.
type busy struct {
	kind    string // of workload.Work
	what    string // such as "download http://…"
	clients []*netmgr.Client
	work    func(i int) workload.Work // of each of them

	running *workload.Running
	watched func() health.Report
	outcome workload.Outcome
}

// assign gives the clients their work, and returns while they do it.
func (w *world) assign(ctx context.Context, s workload.Schedule, all ...*busy) {
	for _, b := range all {
		jobs := make([]workload.Job, len(b.clients))
		for i, c := range b.clients {
			jobs[i] = workload.Job{Client: Worker(w.m, c, w.suite.roots), Work: b.work(i)}
		}
		b.watched = w.watch(w.m, false)
		b.running = workload.Start(ctx, jobs, s)
	}
}

// over ends work, and puts down what became of it.
func (w *world) over(end func(*workload.Running) workload.Outcome, all ...*busy) {
	for i, b := range all {
		b.outcome = end(b.running)
		report, tester := b.watched(), ""
		if i == len(all)-1 { // once is enough
			tester = "; " + report.String()
		}
		w.suite.chronicle.activity(workActivity(b, report, tester))
	}
	w.worked = all
}

// do has clients do their work, and waits for them.
func (w *world) do(ctx context.Context, s workload.Schedule, all ...*busy) error {
	w.assign(ctx, s, all...)
	if s.For > 0 {
		w.suite.chronicle.left(s.For)
	} else {
		w.suite.chronicle.tell(all[0].progress)
	}
	w.over((*workload.Running).Wait, all...)
	return context.Cause(ctx)
}

// keep has clients go on with their work until it is stopped.
func (w *world) keep(all ...*busy) {
	w.assign(w.suite.patience, workload.Schedule{For: maxMeasure}, all...)
	w.kept = append(w.kept, all...)
}

// stops ends the work of a kind that is kept up, or all of it.
func (w *world) stops(kind string) func() error {
	return func() error {
		if !slices.ContainsFunc(w.kept, func(b *busy) bool { return kind == "" || b.kind == kind }) {
			return refuse("no client keeps doing so: say so first, as in %q", `10 of the clients keep downloading`)
		}
		return w.stop(kind)
	}
}

func (w *world) stop(kind string) error {
	var done, kept []*busy
	for _, b := range w.kept {
		if kind == "" || b.kind == kind {
			done = append(done, b)
		} else {
			kept = append(kept, b)
		}
	}
	if w.kept = kept; done == nil {
		return nil
	}
	w.over((*workload.Running).Stop, done...)
	return verdictOn(done)
}

// verdictOn is the first that is bad: one line is enough, and all is in the record.
func verdictOn(all []*busy) error {
	for _, b := range all {
		if err := b.verdict(); err != nil {
			return err
		}
	}
	return nil
}

// members are the clients that <clients> names, with an address to work from.
func (w *world) members(who string) ([]*netmgr.Client, error) {
	m, err := w.standing()
	if err != nil {
		return nil, err
	}
	clients := m.Clients()
	if strings.HasPrefix(who, "all ") || strings.HasPrefix(who, "each ") || strings.HasPrefix(who, "every ") {
		return clients, nil
	}
	free := w.free()
	taken := len(clients) - len(free)
	if who == "the other clients" {
		if taken == 0 || len(free) == 0 {
			return nil, refuse("there are no others: %d of %d clients are busy", taken, len(clients))
		}
		return free, nil
	}
	var n int
	if _, err := fmt.Sscan(strings.Trim(strings.Fields(who)[0], `"`), &n); err != nil || n < 1 || n > len(free) {
		return nil, refuse("%s: there are %d, of which %d are busy", who, len(clients), taken)
	}
	return free[:n], nil
}

// free are the clients that keep doing nothing.
func (w *world) free() []*netmgr.Client {
	return slices.DeleteFunc(w.m.Clients(), func(c *netmgr.Client) bool {
		return slices.ContainsFunc(w.kept, func(b *busy) bool { return slices.Contains(b.clients, c) })
	})
}

// Worker is a client as workloads know it.
func Worker(m *netmgr.NetworkManager, c *netmgr.Client, roots *x509.CertPool) workload.Client {
	return workload.Client{
		Name: c.Name, MAC: c.MAC.String(), Gateway: c.Lease().Gateway, Roots: roots,
		Dial: c.DialContext, Resolve: c.Resolver().LookupNetIP, Start: c.StartCommand, KillPrograms: c.KillPrograms, Received: c.Received,
		Ping: func(ctx context.Context, to netip.Addr, p workload.Ping) (lost int, reason string) {
			r := m.PingAll(ctx, netmgr.Host(to), netmgr.Ping{Count: p.Count, Interval: p.Interval, Timeout: p.Timeout}, c)[0]
			return r.Asked - r.Received, r.Reason
		},
	}
}

func (w *world) downloadIsConfigured() error {
	_, err := w.downloadURL()
	return err
}

func (w *world) downloadOf(n size) error {
	if n <= 0 {
		return refuse("a file of %d bytes: ask for more", n)
	}
	w.fileSize = n
	return w.downloadIsConfigured()
}

// downloadURL is what clients get.
func (w *world) downloadURL() (string, error) {
	n := cmp.Or(w.fileSize, 20e6)
	file := fmt.Sprintf("/%dMB.zip", n/1e6)
	if n%1e6 != 0 {
		file = fmt.Sprintf("/%dKB.zip", max(1, n/1e3))
	}
	return w.urlOr(cmp.Or(w.source, w.config().Download.URL), "download.url", file)
}

func (w *world) uploadURL() (string, error) {
	return w.urlOr(w.config().Upload.URL, "upload.url", "/upload")
}

// urlOr is the URL or, in the lab, that of a page of its download server.
func (w *world) urlOr(url, key, page string) (string, error) {
	if url == "" && w.suite.roots == nil {
		return "", refuse("%s is not set in godog.yml", key)
	}
	return cmp.Or(url, "http://download.example.test"+page), nil
}

func (w *world) hostReachesServer(ctx context.Context) error {
	url, err := w.downloadURL()
	if err != nil {
		return err
	}
	client, from := http.DefaultClient, "this machine"
	if w.suite.lab != nil {
		client, from = w.suite.lab.HTTPClient(), "the lab's router"
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	req.Close = true // what it keeps open would be left behind
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s cannot reach the server: %w", from, err)
	}
	return resp.Body.Close()
}

func (w *world) downloadSized(ctx context.Context, who string, n size) error {
	if err := w.downloadOf(n); err != nil {
		return err
	}
	return w.once(w.download)(ctx, who)
}

// once has the clients that <clients> names do something.
func (w *world) once(what func() (*busy, error)) func(context.Context, string) error {
	return func(ctx context.Context, who string) error {
		b, err := what()
		if err != nil {
			return err
		}
		return w.doOnce(ctx, who, b)
	}
}

// doOnce has the clients that <clients> names do it.
func (w *world) doOnce(ctx context.Context, who string, b *busy) (err error) {
	if b.clients, err = w.members(who); err != nil {
		return err
	}
	return w.do(ctx, workload.Schedule{}, b)
}

// keepUp has them do it again and again.
func (w *world) keepUp(what func() (*busy, error)) func(string) error {
	return func(who string) error {
		b, err := what()
		if err != nil {
			return err
		}
		if b.clients, err = w.members(who); err != nil {
			return err
		}
		w.keep(b)
		return nil
	}
}

func (w *world) download() (*busy, error) {
	work, err := w.downloading()
	return &busy{kind: "download", what: "download " + work.URL, work: same(work)}, err
}

func (w *world) downloading() (workload.Download, error) {
	url, err := w.downloadURL()
	c := w.config().Download
	return workload.Download{URL: url, Connections: c.Connections, Hash: c.Verify == "hash", Timeout: c.Timeout}, err
}

// same is the same work for each.
func same(work workload.Work) func(int) workload.Work {
	return func(int) workload.Work { return work }
}

func (w *world) startUpload(ctx context.Context, who string, n size) error {
	return w.once(w.upload(n))(ctx, who)
}

func (w *world) upload(n size) func() (*busy, error) {
	return func() (*busy, error) {
		work, err := w.uploading(n)
		return &busy{kind: "upload", what: "upload to " + work.URL, work: same(work)}, err
	}
}

func (w *world) uploading(n size) (workload.Upload, error) {
	if n <= 0 {
		return workload.Upload{}, refuse("%d bytes: ask for more", n)
	}
	url, err := w.uploadURL()
	return workload.Upload{URL: url, Bytes: int64(n), Connections: w.config().Download.Connections, Timeout: w.config().Download.Timeout}, err
}

func (w *world) downloaded() error { return w.completed("download", 0) }
func (w *world) uploaded() error   { return w.completed("upload", 0) }

func (w *world) downloadedWithin(d time.Duration) error {
	if err := positive(d); err != nil {
		return err
	}
	return w.completed("download", d)
}

// completed judges the newest work, which must be of that kind, by whether each
// client did it, and within a time, if one is given.
func (w *world) completed(kind string, within time.Duration) error {
	b, err := w.newest(kind)
	if err != nil {
		return err
	}
	if err := b.verdict(); err != nil || within == 0 {
		return err
	}
	var late []netmgr.Problem
	for _, r := range b.outcome.Clients {
		if r.Took > within {
			late = append(late, workProblem(r, fmt.Sprintf("took %.1f s", r.Took.Seconds())))
		}
	}
	return verdict(w.m, fmt.Sprintf("did not complete the %s within %s", kind, within), late)
}

// newest is the newest work, which must be of that kind.
func (w *world) newest(kind string) (*busy, error) {
	i := slices.IndexFunc(w.worked, func(b *busy) bool { return b.kind == kind })
	if i < 0 {
		return nil, refuse("there was no %s yet", kind)
	}
	return w.worked[i], nil
}

func workProblem(r workload.Result, text string) netmgr.Problem {
	return netmgr.Problem{Client: r.Client, MAC: r.MAC, Err: errors.New(text)}
}

// verdict wants everything that clients began, and that nobody stopped, to have
// come to a good end.
func (b *busy) verdict() error {
	var bad []netmgr.Problem
	hashes := map[string]int{}
	for _, r := range b.outcome.Clients {
		hashes[r.Hash]++
	}
	for _, r := range b.outcome.Clients {
		switch {
		case r.Reason != "" && r.Operations > 0:
			bad = append(bad, workProblem(r, fmt.Sprintf("%s (%d of %d times)", r.Reason, r.Failed(), r.Failed()+r.Operations)))
		case r.Reason != "":
			bad = append(bad, workProblem(r, r.Reason))
		case r.Unfinished != "":
			bad = append(bad, workProblem(r, r.Unfinished))
		case r.Hash != "" && 2*hashes[r.Hash] < len(b.outcome.Clients):
			bad = append(bad, workProblem(r, "got other bytes than most: SHA-256 "+r.Hash[:12]+"…"))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	what := cmp.Or(map[string]string{
		"video": "did not play the video well", "ping": "lost pings", "look-up": "could not resolve a name", "connection": "could not connect to the router",
		"page": "could not " + b.what,
	}[b.kind], "did not complete the "+b.kind)
	return &clientsError{fmt.Sprintf("%d of %d clients %s: %s", len(bad), len(b.outcome.Clients), what, grouped(bad)), bad}
}

// moved is the newest work, all kinds together.
func (w *world) moved() (all workload.Outcome, what string, err error) {
	if w.worked == nil {
		return all, "", refuse(`no client has moved anything yet: say "all clients start downloading the 20MB ZIP file simultaneously" first`)
	}
	for i, b := range w.worked {
		if i == 0 {
			all.Start = b.outcome.Start
		}
		all.Clients, what = append(all.Clients, b.outcome.Clients...), what+", "+b.what
	}
	return all, strings.TrimPrefix(what, ", "), nil
}

func (w *world) throughputAtLeast(mbits float64) error {
	o, what, err := w.moved()
	if err != nil {
		return err
	}
	if found := o.Throughput(); found < mbits*1e6 {
		return fmt.Errorf("the total throughput is %s, not %s (%s)", rate(found), rate(mbits*1e6), what)
	}
	return nil
}

func (w *world) shareAtLeast(percent float64) error {
	if percent < 0 || percent > 100 {
		return refuse("%g%% of the fair share: ask for 0 to 100", percent)
	}
	o, _, err := w.moved()
	if err != nil {
		return err
	}
	var less []netmgr.Problem
	for i, share := range o.Shares() {
		if 100*share < percent {
			less = append(less, workProblem(o.Clients[i], fmt.Sprintf("%.0f%% (%s)", 100*share, rate(o.Clients[i].Goodput()))))
		}
	}
	return verdict(w.m, fmt.Sprintf("got less than %g%% of the fair share", percent), less)
}
