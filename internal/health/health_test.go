package health

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// files is a machine as its proc and sys show it.
type files map[string]string

const (
	eth0     = "sys/class/net/eth0/"
	counts   = eth0 + "statistics/"
	firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
	arp      = "proc/net/stat/arp_cache"
)

// quiet is a Raspberry Pi with two processors. It has counted things before.
func quiet() files {
	return files{
		"proc/stat":                            stat(1000, 0, 5000),
		"proc/net/softnet_stat":                softnetStat(17, 2) + softnetStat(4, 0),
		arp:                                    neighbourStat(0x10, 3),
		"proc/net/stat/ndisc_cache":            neighbourStat(0, 0),
		"proc/sys/net/core/netdev_max_backlog": "1000\n",
		"proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024\n",
		counts + "rx_dropped":                        "70\n",
		counts + "tx_dropped":                        "7\n",
		counts + "rx_missed_errors":                  "5\n",
		counts + "rx_fifo_errors":                    "0\n",
		counts + "rx_over_errors":                    "0\n",
		eth0 + "carrier_changes":                     "2\n",
		firmware:                                     "0\n",
	}
}

// stat is /proc/stat with so many hundredths of a second of both processors.
func stat(busy, steal, idle int) string {
	return "cpu  " + strconv.Itoa(busy) + " 0 0 " + strconv.Itoa(idle) + " 0 0 0 " + strconv.Itoa(steal) + " 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nbtime 1\n"
}

func softnetStat(dropped, squeezed int) string {
	return "00000100 " + hex(dropped) + " " + hex(squeezed) + " 0 0 0 0 0 0 0 0 0\n"
}

func hex(n int) string { return fmt.Sprintf("%08x", n) }

// neighbourStat has two processors.
func neighbourStat(fulls0, fulls1 int) string {
	return "entries  allocs   table_fulls\n00000002 00000003 " + hex(fulls0) + "\n00000002 00000003 " + hex(fulls1) + "\n"
}

func TestJudgement(t *testing.T) {
	busy := func(seconds ...int) (readings []files) { // hundredths that both processors were busy, second by second
		var b, i int
		for _, s := range seconds {
			b, i = b+s, i+200-s
			readings = append(readings, files{"proc/stat": stat(1000+b, 0, 5000+i)})
		}
		return readings
	}
	for _, tt := range []struct {
		name     string
		opts     Options
		readings []files // changes to quiet, a second apart; nothing but what is said changes
		late     []time.Duration
		counted  []Counters
		limits   []string // names
		want     string
	}{
		{name: "nothing happened", readings: busy(126), want: "tester: clean (CPU 63%)"},
		{name: "drops of long ago and of a moment ago",
			readings: []files{{"proc/net/softnet_stat": softnetStat(1217, 2) + softnetStat(4, 9)}},
			limits:   []string{Softnet},
			want:     "tester: at its limit: 1200 packets dropped before a processor came to them, as softnet_stat says (net.core.netdev_max_backlog is 1000) -> sudo sysctl -w net.core.netdev_max_backlog=2048"},
		{name: "a setting that is not shown in this namespace",
			readings: []files{{"proc/net/softnet_stat": softnetStat(18, 2) + softnetStat(4, 0), "proc/sys/net/core/netdev_max_backlog": ""}},
			limits:   []string{Softnet},
			want:     "tester: at its limit: 1 packet dropped before a processor came to them, as softnet_stat says (net.core.netdev_max_backlog is too low) -> raise net.core.netdev_max_backlog on the host"},

		{name: "a burst of frames that the clients' queue did not take",
			readings: []files{{counts + "rx_dropped": "1970\n"}},
			limits:   []string{ParentDrops},
			want:     "tester: at its limit: 1900 packets dropped on arrival at eth0, faster than the clients could be given them (rx_dropped) -> " + fewerNow},
		{name: "frames that nobody here understands, some a second",
			readings: []files{{counts + "rx_dropped": "80\n"}, {counts + "rx_dropped": "90\n"}, {counts + "rx_dropped": "99\n"}},
			want:     "tester: clean (CPU 0%)"},
		{name: "frames that the hardware had no room for, and others that it did not send",
			readings: []files{{counts + "rx_missed_errors": "6\n", counts + "tx_dropped": "9\n"}},
			limits:   []string{ParentDrops},
			want:     "tester: at its limit: eth0 lost packets (rx_missed_errors 1, tx_dropped 2) -> " + fewerNow},
		{name: "frames sent while the router restarted",
			readings: []files{{eth0 + "carrier_changes": "4\n", counts + "tx_dropped": "9\n"}},
			want:     "tester: clean (CPU 0%)"},

		{name: "the table of neighbours overflowed",
			readings: []files{{arp: neighbourStat(0x11, 4)}},
			limits:   []string{Neighbours},
			want:     "tester: at its limit: 2 packets not sent, because the table of neighbours was full (net.ipv4.neigh.default.gc_thresh3 is 1024) -> sudo sysctl -w net.ipv4.neigh.default.gc_thresh3=4096"},
		{name: "that of IPv6, too",
			readings: []files{{"proc/net/stat/ndisc_cache": neighbourStat(1, 0)}},
			limits:   []string{Neighbours},
			want:     "tester: at its limit: 1 packet not sent, because the table of neighbours was full (net.ipv6.neigh.default.gc_thresh3 is too low) -> raise net.ipv6.neigh.default.gc_thresh3 on the host"},

		{name: "full processors for two seconds", readings: busy(100, 198, 196, 100), limits: []string{CPU},
			want: "tester: at its limit: CPU 98% busy for 2s (lanstorm 0%, other programs and the kernel 98%, stolen 0%) -> " + fewer},
		{name: "nearly full processors", readings: busy(188, 189), want: "tester: clean (CPU 94%)"},
		{name: "full processors, but not for long", readings: busy(100), want: "tester: clean (CPU 50%)"},
		{name: "full processors, as they should be", opts: Options{Flatout: true}, readings: busy(200, 200, 200), want: "tester: clean (CPU 100%, flat out)"},
		{name: "other virtual machines", readings: []files{{"proc/stat": stat(1100, 12, 5088)}}, limits: []string{Steal},
			want: "tester: at its limit: other virtual machines took 6% of the processors for a second -> use a machine of its own, or a host with less to do"},
		{name: "other virtual machines, hardly", readings: []files{{"proc/stat": stat(1100, 10, 5090)}}, want: "tester: clean (CPU 55%)"},

		{name: "short waits", late: slices.Repeat([]time.Duration{2 * time.Millisecond}, 1000), want: "tester: clean (CPU 0%)"},
		{name: "one wait that would spoil a latency, of a thousand", late: append(slices.Repeat([]time.Duration{0}, 1000), 50*time.Millisecond), want: "tester: clean (CPU 0%)"},
		{name: "too many waits that would", late: append(slices.Repeat([]time.Duration{0}, 950), slices.Repeat([]time.Duration{25 * time.Millisecond}, 50)...), limits: []string{RunQueue},
			want: "tester: at its limit: lanstorm itself had to wait for a processor, for 25ms or more in 1 of 100 cases and 25ms at most (20ms would do no harm) -> " + fewer},
		{name: "as many when only success counts", opts: Options{Flatout: true}, late: append(slices.Repeat([]time.Duration{0}, 950), slices.Repeat([]time.Duration{25 * time.Millisecond}, 50)...),
			want: "tester: clean (CPU 0%)"},
		{name: "a standstill in a minute", opts: Options{Flatout: true}, late: append(slices.Repeat([]time.Duration{0}, 6000), 600*time.Millisecond), limits: []string{RunQueue},
			want: "tester: at its limit: lanstorm itself stood still for 600ms, waiting for a processor -> " + fewer},
		{name: "a standstill in a second counts for all that was due meanwhile", opts: Options{Flatout: true}, late: append(slices.Repeat([]time.Duration{0}, 50), 400*time.Millisecond), limits: []string{RunQueue},
			want: "tester: at its limit: lanstorm itself had to wait for a processor, for 390ms or more in 1 of 100 cases and 400ms at most (100ms would do no harm) -> " + fewer},

		{name: "too little voltage at one reading", readings: []files{{firmware: "50005\n"}, {firmware: "50000\n"}}, limits: []string{Throttled},
			want: "tester: at its limit: the Raspberry Pi was slowed down (under-voltage, throttled) -> use the power supply made for this Pi and a short cable, and power USB devices on their own"},
		{name: "too hot between two readings", readings: []files{{firmware: "0x80000\n"}}, limits: []string{Throttled},
			want: "tester: at its limit: the Raspberry Pi was slowed down (too hot) -> cool the Pi: a heat sink, a fan, an open case"},

		{name: "what the clients counted", counted: []Counters{{NoBuffers: 1, LinkDrops: 5}, {NoBuffers: 2, Overflows: 1}},
			limits: []string{ClientDrops, NoBuffers, ReceiveOverflow},
			want: "tester: at its limit: 5 packets dropped by the clients' own links -> " + fewerNow +
				"; 3 packets could not be sent at once, because a queue was full (ENOBUFS); 1 packet lost after they had arrived, because clients read them too slowly"},
		{name: "a socket that failed", counted: []Counters{{}, {Broken: "packet socket on eth0: recvmsg: out of memory"}}, limits: []string{ListenerBroken},
			want: "tester: at its limit: what DHCP servers answered could not be heard: packet socket on eth0: recvmsg: out of memory -> look at what the kernel says: dmesg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Parent, tt.opts.FS = "eth0", t.TempDir()
			quiet().write(t, tt.opts.FS)
			now := time.Now()
			w := newWatch(tt.opts, now)
			for i, changes := range tt.readings {
				changes.write(t, tt.opts.FS)
				now = now.Add(time.Second)
				w.look(now, i == len(tt.readings)-1)
			}
			for _, d := range tt.late {
				w.beats.late(d, fastBeat)
			}
			r := w.judge(now, tt.counted)
			var names []string
			for _, l := range r.Limits {
				names = append(names, l.Name)
			}
			if diff := cmp.Diff(tt.limits, names); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, r.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The kernel's counters of drops have 32 bits.
func TestSoftnetWraps(t *testing.T) {
	s := softnet{proc: filepath.Join(t.TempDir(), "proc")}
	for _, dropped := range []string{"fffffff0", "00000005"} {
		files{"net/softnet_stat": "00000100 " + dropped + strings.Repeat(" 00000000", 11) + "\n"}.write(t, s.proc)
		if err := s.read(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if s.dropped != 21 {
		t.Errorf("%d drops, want 21", s.dropped)
	}
}

// A Pi's bits of the past may be older than the watch.
func TestThrottledBefore(t *testing.T) {
	dir := t.TempDir()
	files{firmware: "50000\n"}.write(t, dir)
	w := newWatch(Options{FS: dir}, time.Now())
	w.look(time.Now(), true)
	if r := w.judge(time.Now(), nil); !r.Clean() {
		t.Error(r)
	}
}

// Another kernel than Raspberry Pi OS's knows of under-voltage only.
func TestVoltageSensor(t *testing.T) {
	dir := t.TempDir()
	files{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}.write(t, dir)
	r := newWatch(Options{FS: dir}, time.Now()).judge(time.Now(), nil)
	if len(r.Limits) != 1 || r.Limits[0].Name != Throttled {
		t.Error(r)
	}
}

func TestNeighboursOfTheFirstProcess(t *testing.T) {
	dir := t.TempDir()
	machine := quiet()
	delete(machine, arp)
	delete(machine, "proc/net/stat/ndisc_cache")
	machine["proc/1/net/stat/arp_cache"] = neighbourStat(3, 3)
	machine.write(t, dir)
	w := newWatch(Options{FS: dir, Parent: "eth0"}, time.Now())
	files{"proc/1/net/stat/arp_cache": neighbourStat(3, 5)}.write(t, dir)
	w.look(time.Now(), true)
	r := w.judge(time.Now(), nil)
	if len(r.Limits) != 1 || r.Limits[0].Name != Neighbours || r.Unwatched != nil {
		t.Errorf("%+v", r)
	}
}

// What cannot be read is neither an error nor counted clean without a word.
func TestUnwatched(t *testing.T) {
	w := Start(Options{FS: t.TempDir(), Parent: "eth9"})
	r := w.Stop()
	if !r.Clean() {
		t.Errorf("with nothing to read: %s", r)
	}
	got := r.String() + "; not watched: " + strings.Join(r.Unwatched, ", ")
	for _, want := range []string{
		"tester: clean (CPU not watched); not watched: softnet (",
		`, parent-drops (no link is called "eth9"), neighbours (`,
		", cpu and steal (",
		", throttled (not reported by this machine)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	dir := t.TempDir()
	quiet().write(t, dir)
	w = newWatch(Options{FS: dir, Parent: "eth0"}, time.Now())
	if r := w.judge(time.Now(), nil); r.Unwatched != nil {
		t.Errorf("with everything to read: %+v", r)
	}
	files{"proc/stat": "no such thing\n", arp: "entries\n0\n", "proc/net/softnet_stat": "xyz\n",
		counts + "rx_dropped": "many\n", firmware: "warm\n", eth0 + "carrier_changes": ""}.write(t, dir)
	if r := Start(Options{FS: dir, Parent: "eth0"}).Stop(); !r.Clean() || len(r.Unwatched) < 5 {
		t.Errorf("with nonsense to read: %+v", r)
	}
}

func TestStopAgain(t *testing.T) {
	w := Start(Options{FS: t.TempDir()})
	first := w.Stop(Counters{Overflows: 1})
	if diff := cmp.Diff(first, w.Stop(Counters{NoBuffers: 1}), cmp.AllowUnexported(Report{})); diff != "" {
		t.Errorf("a second report differs:\n%s", diff)
	}
	select {
	case <-w.done:
	default:
		t.Error("the goroutine still runs")
	}
}

// write makes the files, or removes those without text.
func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for name, text := range f {
		name = filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil && text == "" {
			err = os.Remove(name)
		} else if err == nil {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
