package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lanstorm/lanstorm/internal/record"
)

// browser starts Chromium, without any way to a network.
func browser(t *testing.T) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.WSURLReadTimeout(5*time.Minute),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))...)
	t.Cleanup(cancel)
	ctx, _ := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits for its end, and removes its files
			t.Error(err)
		}
	})
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// view is a report in a tab, and what the tab complained of.
type view struct {
	*testing.T
	tab        context.Context
	mu         sync.Mutex
	complaints []string
}

func open(t *testing.T, browser context.Context, run *record.Run, width int64, scheme string) *view {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, made(t, HTML, run), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	v := &view{T: t, tab: ctx}
	complain := func(format string, args ...any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.complaints = append(v.complaints, fmt.Sprintf(format, args...))
	}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if e.Request.URL != "file://"+file {
				complain("a request for %s", e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			complain("an exception: %v", e.ExceptionDetails)
		case *runtime.EventConsoleAPICalled:
			complain("the console: %s %s", e.Type, e.Args[0].Value)
		case *log.EventEntryAdded:
			complain("the log: %s %s", e.Entry.Level, e.Entry.Text)
		}
	})
	v.run(network.Enable(), log.Enable(), runtime.Enable(), chromedp.EmulateViewport(width, 900),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Navigate("file://"+file))
	return v
}

func (v *view) run(actions ...chromedp.Action) {
	v.Helper()
	if err := chromedp.Run(v.tab, actions...); err != nil {
		v.Fatal(err)
	}
}

// ask is what a JavaScript expression says.
func ask[T any](v *view, expression string) (said T) {
	v.Helper()
	v.run(chromedp.Evaluate(expression, &said))
	return said
}

// do runs a statement.
func (v *view) do(statement string) {
	v.Helper()
	v.run(chromedp.Evaluate(statement, nil))
}

// await waits until an expression is true.
func (v *view) await(expression string) {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.tab, 2*time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Poll(expression, nil)); err != nil {
		v.Fatalf("%s: %v", expression, err)
	}
}

// unfold opens everything and waits until all plots and tables are drawn.
func (v *view) unfold() {
	v.Helper()
	v.do(`document.querySelectorAll('details').forEach(d => { d.open = true; })`)
	v.await(`(() => {
		const one = [...document.querySelectorAll('.timeline, .table')].find(e => !e.querySelector('canvas, tbody'));
		one?.scrollIntoView();
		return !one;
	})()`)
}

func (v *view) isQuiet() {
	v.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.complaints {
		v.Error(c)
	}
}

// colours is how many different colours the palest canvas has.
const colours = `Math.min(...[...document.querySelectorAll('canvas')].map(c =>
	new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size))`

func TestInABrowser(t *testing.T) {
	browser := browser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"looks": looks, "tables": tables, "timelines": timelines, "links": links, "time to open": timeToOpen,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// looks is whether pages fit, plots have pixels, and nothing is complained of.
func looks(t *testing.T, browser context.Context) {
	for name, run := range runs {
		r := run(t)
		for _, width := range []int64{375, 1400} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s, %d pixels, %s", name, width, scheme), func(t *testing.T) {
					v := open(t, browser, r, width, scheme)
					v.unfold()
					if size := ask[int64](v, `document.documentElement.scrollWidth`); size > width {
						t.Errorf("scrolls sideways: %d pixels wide, %s", size, ask[string](v, `[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('.wide') && !e.closest('.timeline')).map(e => e.outerHTML.slice(0, 90)).slice(0, 5).join('\n')`))
					}
					if ask[int](v, `document.querySelectorAll('canvas').length`) > 0 {
						if n := ask[int](v, colours); n < 3 {
							t.Errorf("a plot has %d colours", n)
						}
					}
					if ask[bool](v, `'hit' in window || document.querySelector('img') !== null`) {
						t.Error("a text became markup")
					}
					v.isQuiet()
				})
			}
		}
	}
}

// tables sort and filter, by keyboard alone.
func tables(t *testing.T, browser context.Context) {
	v := open(t, browser, goodRun(t), 1400, "light")
	v.unfold()
	const table = `document.querySelector('.table[data-name=clients]')`
	cell := func(row, column int) string {
		return ask[string](v, fmt.Sprintf(`%s.querySelectorAll('tbody tr')[%d].cells[%d].textContent`, table, row, column))
	}
	rows := func() int { return ask[int](v, table+`.querySelectorAll('tbody tr').length`) }
	is := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	head := func(n int) string { return fmt.Sprintf(`%s.querySelectorAll('th button')[%d]`, table, n) }
	press := func(element, key string) { // by keyboard alone
		t.Helper()
		v.do(element + `.focus()`)
		v.run(chromedp.KeyEvent(key))
	}
	is("the number of rows shown", rows(), 100)
	press(head(0), kb.Enter)
	is("the client after ns1", cell(1, 0), "ns2") // and not ns10
	press(head(0), kb.Enter)
	is("the last client", cell(0, 0), "ns1000")
	press(head(9), " ") // total
	least := ask[float64](v, fmt.Sprintf(`Math.min(...JSON.parse(%s.querySelector('script').textContent).rows.map(r => r[9]))`, table))
	is("the shortest total", cell(0, 9), fmt.Sprint(least))
	is("what is told of the order", ask[string](v, head(9)+`.parentElement.ariaSort`), "ascending")
	press(head(11), " ") // remarks: those without come last
	press(head(11), " ")
	is("the first remark", strings.HasPrefix(cell(0, 11), "T1 is behind T2"), true)

	v.do(table + `.querySelector('input').focus()`)
	v.run(chromedp.KeyEvent("NS77 t1"))
	is("the number of rows that match", rows(), 1)
	is("the row that matches", cell(0, 0), "ns777")
	is("what is told", ask[string](v, table+`.querySelector('output').textContent`), "1 of 1000 rows")
	v.do(table + `.querySelector('input').select()`)
	v.run(chromedp.KeyEvent(kb.Backspace))
	press(table+`.querySelector('.tools button')`, kb.Enter)
	is("the number of all rows", rows(), 1000)
	v.isQuiet()
}

// timelines follow the choice of an activity, the keyboard, the scheme of colours,
// and can be printed.
func timelines(t *testing.T, browser context.Context) {
	v := open(t, browser, badRun(t), 1400, "light")
	v.unfold()
	pixels := func() string { return ask[string](v, `document.querySelector('.uplot canvas').toDataURL()`) }
	heat := func() string { return ask[string](v, `document.querySelector('canvas.heat').toDataURL()`) }
	told := func() string { return ask[string](v, `document.querySelector('.timeline figure output').textContent`) }

	before, heatBefore := pixels(), heat()
	v.do(`[...document.querySelectorAll('.timeline')].at(-1).querySelectorAll('button')[2].click()`)
	if heat() == heatBefore {
		t.Error("the heat map does not follow the choice of an activity")
	}
	if pressed := ask[int](v, `document.querySelectorAll('.timeline button[aria-pressed=true]').length`); pressed != ask[int](v, `document.querySelectorAll('.timeline').length`) {
		t.Errorf("%d buttons are pressed", pressed)
	}

	v.do(`document.querySelector('canvas.heat').focus()`)
	v.run(chromedp.KeyEvent(kb.ArrowDown))
	if got := told(); !strings.HasPrefix(got, "ns2, 4 s (14:00:0") {
		t.Errorf("the heat map tells %q", got)
	}

	v.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	v.await(`getComputedStyle(document.documentElement).backgroundColor !== 'rgb(255, 255, 255)'`)
	if pixels() == before {
		t.Error("charts keep their colours in the dark")
	}

	var pdf []byte
	v.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = page.PrintToPDF().WithPrintBackground(false).Do(ctx)
		return err
	}))
	if len(pdf) < 50_000 {
		t.Errorf("%d bytes were printed", len(pdf))
	}
	v.isQuiet()
}

// links open the scenario they lead to.
func links(t *testing.T, browser context.Context) {
	v := open(t, browser, badRun(t), 375, "light")
	if ask[bool](v, `document.querySelector('#s1').open`) {
		t.Error("a scenario that passed is open")
	}
	v.do(`document.querySelector('a[href="#s1"]').click()`)
	v.await(`document.querySelector('#s1').open`)
	v.await(`document.querySelector('#fold').textContent === 'Close all scenarios'`)
	v.do(`document.querySelector('#fold').click()`)
	v.await(`document.querySelectorAll('.scenario[open]').length === 0`)
	v.do(`document.querySelector('#fold').click()`)
	v.await(`document.querySelectorAll('.scenario[open]').length === 3`)
	v.isQuiet()
}

// timeToOpen tells how long it takes, which is
// judged by people: a test machine may be busy.
func timeToOpen(t *testing.T, browser context.Context) {
	v := open(t, browser, goodRun(t), 1400, "light")
	loaded := ask[float64](v, `performance.getEntriesByType('navigation')[0].loadEventEnd`)
	v.do(`document.querySelector('.timeline').scrollIntoView()`)
	v.await(`document.querySelectorAll('.timeline canvas').length >= 5`)
	t.Logf("a minute of 1000 pinging clients: loaded in %.0f ms, all charts and the heat map drawn after %.0f ms, waits of this test included", loaded, ask[float64](v, `performance.now()`))
}
