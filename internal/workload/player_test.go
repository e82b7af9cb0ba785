package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(onLoopback{m}) }

// onLoopback runs the tests on a private machine that can speak with itself.
type onLoopback struct{ *testing.M }

func (m onLoopback) Run() int {
	if os.Geteuid() == 0 {
		if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}); err != nil {
			panic(err)
		}
	}
	return m.M.Run()
}

// none is the end of programs that have no children.
func none() error { return nil }

// plays runs a shell script as a player, in a client that receives 1000 bytes
// whenever it is looked at.
func plays(ctx context.Context, start func(*exec.Cmd) error, kill func() error, duration time.Duration, script string) Result {
	var received int64
	c := Client{Start: start, KillPrograms: kill, Received: func() (int64, error) { received += 1000; return received, nil }}
	p := Player{Command: []string{"sh", "-c", script, "{url}"}, URL: "http://video.test/", Duration: duration}
	return Run(ctx, []Job{{Client: c, Work: p}}, Schedule{}).Clients[0]
}

func TestPlayersAreJudgedByHowTheyEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		script, reason string
		duration       time.Duration
	}{
		"ends by itself":            {`test "$0" = http://video.test/`, "", time.Minute},
		"fails":                     {`echo opening >&2; printf '50%%\r\nno codec\n\n'; exit 3`, `sh: exit status 3: "no codec"`, time.Minute},
		"says more than can be":     {`head -c 10000000 /dev/zero | tr '\0' x; echo; exit 1`, `sh: exit status 1: "` + strings.Repeat("x", 200) + `"`, time.Minute},
		"is killed":                 {`kill -9 $$`, `sh: signal: killed: ""`, time.Minute},
		"plays until it is ended":   {`while :; do sleep 0.1; done`, "", time.Second},
		"ends late, with an error":  {`trap 'exit 4' TERM; while :; do sleep 0.1; done`, "", time.Second},
		"does not end when told to": {`trap '' TERM; while :; do sleep 0.1; done`, "", time.Second},
		"reads its input":           {`cat`, "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := plays(t.Context(), (*exec.Cmd).Start, none, tt.duration, tt.script); r.Reason != tt.reason || r.Bytes == 0 {
				t.Errorf("%q, %d bytes; want %q", r.Reason, r.Bytes, tt.reason)
			}
		})
	}
}

func TestPlayersThatCannotPlay(t *testing.T) {
	no := func() (int64, error) { return 5, nil }
	for want, tt := range map[string]struct {
		program  string
		received func() (int64, error)
	}{
		`exec: "no-such-player": executable file not found in $PATH`: {"no-such-player", no},
		`true moved no bytes: ""`:                                    {"true", no},
		"no counters":                                                {"true", func() (int64, error) { return 0, errors.New("no counters") }},
	} {
		c := Client{Start: (*exec.Cmd).Start, KillPrograms: none, Received: tt.received}
		r := Run(t.Context(), []Job{{Client: c, Work: Player{Command: []string{tt.program}, Duration: time.Minute}}}, Schedule{}).Clients[0]
		if r.Reason != want {
			t.Errorf("%q, want %q", r.Reason, want)
		}
	}
}

// What a player leaves behind: a child in its group, one with a session of its
// own, and one that has been given to init.
const strays = `sleep 1000 & echo $! >"$DIR/1"
setsid sh -c 'echo $$ >"$DIR/2"; exec sleep 1000' &
(setsid sh -c 'echo $$ >"$DIR/3"; exec sleep 1000' &)
until test -s "$DIR/1" -a -s "$DIR/2" -a -s "$DIR/3"; do sleep 0.01; done
`

func TestNothingOfAPlayerStays(t *testing.T) {
	nstest.Need(t)
	for name, then := range map[string]string{
		"it goes to the background":    "",
		"it plays until it is ended":   "sleep 1000",
		"its client goes meanwhile":    `touch "$DIR/ready"; sleep 1000`,
		"it fails and leaves children": "exit 1",
	} {
		t.Run(name, func(t *testing.T) {
			ns, err := namespace.Nameless()
			if err != nil {
				t.Fatal(err)
			}
			defer ns.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			dir, duration := t.TempDir(), 10*time.Second
			if strings.Contains(then, "ready") {
				duration = time.Hour
				go func() {
					for ctx.Err() == nil {
						if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
							cancel()
						}
						time.Sleep(10 * time.Millisecond)
					}
				}()
			}
			r := plays(ctx, func(cmd *exec.Cmd) error {
				cmd.Env = append(os.Environ(), "DIR="+dir)
				return ns.Start(cmd)
			}, func() error { return namespace.KillPrograms(ns) }, duration, strays+then)
			t.Logf("%q %q", r.Reason, r.Unfinished)
			for _, file := range []string{"1", "2", "3"} {
				text, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
				if err != nil {
					t.Fatal(err)
				}
				for running(pid) { // a moment, after it has been killed
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
}

// running is false for a process that nobody has waited for yet.
func running(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && syscall.Kill(pid, 0) == nil
}
