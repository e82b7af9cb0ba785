package fault

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		canonical  Fault
		want       Conditions
	}{
		{"a word alone", "no-gateway", "no-gateway", Conditions{NoGateway: true}},
		{"white space is no matter", "  drop-dhcp \t 3 ", "drop-dhcp 3", Conditions{DropEvery: 3}},
		{"a share of the same thing", "drop-dhcp 20%", "drop-dhcp 20%", Conditions{DropDHCP: 20}},
		{"a fraction of a percent", "loss 00.250%", "loss 0.25%", Conditions{Loss: 0.25}},
		{"nothing at all", "loss -0%", "loss 0%", Conditions{}},
		{"a duration in its unit", "delay 50ms", "delay 50ms", Conditions{Delay: 50 * time.Millisecond}},
		{"a duration in another", "delay-dhcp 1.5s", "delay-dhcp 1.5s", Conditions{DelayDHCP: 1500 * time.Millisecond}},
		{"a line", "line  20/5  Mbit/s", "line 20/5 Mbit/s", Conditions{Line: Line{20e6, 5e6}}},
		{"a line in another unit", "line 1000/64kbit/s", "line 1/0.064 Mbit/s", Conditions{Line: Line{1e6, 64e3}}},
		{"a lease of no time", "lease-time 0s", "lease-time 0s", Conditions{}},
		{"a lease of an hour", "lease-time 60m", "lease-time 1h0m0s", Conditions{LeaseTime: time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse(tt.text)
			if err != nil || f != tt.canonical {
				t.Errorf("read as %q, %v, want %q", f, err, tt.canonical)
			}
			var c Conditions
			if err := f.Apply(&c); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, c); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoFault(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", `"" is not a fault: there are pool <n>, `},
		{"an unknown word", "no-power", `"no-power" is not a fault: there are pool <n>, lease-time <n>s, silent-dhcp, drop-dhcp <n>, drop-dhcp <x>%, `},
		{"a word that breaks the line", "no\npower", `"no\npower" is not a fault: `},
		{"capitals", "No-Gateway", `"No-Gateway" is not a fault: there are`},
		{"an argument too many", "no-gateway 5", `"no-gateway 5" is not a fault: write no-gateway`},
		{"an argument too few", "loss", `"loss" is not a fault: write loss <x>% (x from 0 to 100)`},
		{"two for one", "loss 1% 2%", `write loss <x>% (x from 0 to 100)`},
		{"a share without its sign", "loss 10", `write loss <x>% (x from 0 to 100)`},
		{"more than everything", "loss 101%", `write loss <x>% (x from 0 to 100)`},
		{"not a number", "loss NaN%", `write loss <x>% (x from 0 to 100)`},
		{"neither a count nor a share", "drop-dhcp most", `write drop-dhcp <n> (n from 1 to 16777216) or drop-dhcp <x>% (x from 0 to 100)`},
		{"every zeroth", "drop-dhcp 0", `write drop-dhcp <n> (n from 1 to`},
		{"a negative number", "pool -1", `write pool <n> (n from 1 to`},
		{"a duration without its unit", "delay 50", `write delay <n>ms (from 1ms to 1m0s)`},
		{"a duration too long", "delay 2m", `write delay <n>ms (from 1ms to 1m0s)`},
		{"a line of one rate", "line 20 Mbit/s", `write line <x>/<x> Mbit/s (download/upload, x from 0.064 to 100000)`},
		{"a line without its unit", "line 20/5", `write line <x>/<x> Mbit/s`},
		{"a line that carries nothing", "line 0/0 Mbit/s", `write line <x>/<x> Mbit/s`},
		{"a line that is no number", "line 2.0.1/5 Mbit/s", `write line <x>/<x> Mbit/s`},
		{"a line beyond all numbers", "line 1/" + strings.Repeat("9", 400) + " Mbit/s", `write line <x>/<x> Mbit/s`},
		{"a buffer too long", "buffer 11s", `write buffer <n>ms (from 1ms to 10s)`},
		{"half a second of lease", "lease-time 1500ms", `write lease-time <n>s (whole seconds, from 0s to 8760h0m0s)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
			c := Conditions{Pool: 7}
			if Fault(tt.text).Apply(&c) == nil || c != (Conditions{Pool: 7}) {
				t.Errorf("applied, or left a mark: %+v", c)
			}
		})
	}
}

func TestTheLastWordAboutTheRogueServerHolds(t *testing.T) {
	var c Conditions
	for _, f := range []Fault{"rogue-dhcp 20%", "rogue-dhcp", "rogue-dhcp 0%"} {
		alone := Conditions{}
		if f.Apply(&c) != nil || f.Apply(&alone) != nil || c != alone {
			t.Errorf("%s after others: %+v, want %+v", f, c, alone)
		}
	}
}

// three is a fault of the kind, whose argument is 3 of whatever it takes.
func three(k Kind) Fault {
	switch {
	case strings.Contains(k.Sentence, "<x>/<x>"):
		return k.With(Mbits(3, 3))
	case strings.Contains(k.Sentence, "<time>"):
		return k.With(3 * time.Second)
	case strings.Contains(k.Sentence, "<x>%"):
		return k.With(3.0)
	case strings.Contains(k.Sentence, "<n>"):
		return k.With(3)
	}
	return k.With(nil)
}

func TestEachKindSetsAConditionOfItsOwn(t *testing.T) {
	by := map[Conditions]string{{}: "a router without faults"}
	for _, k := range Kinds {
		f := three(k)
		if read, err := Parse(string(f)); err != nil || read != f {
			t.Errorf("%s: reads %q back as %q, %v", k.Usage(), f, read, err)
		}
		var c Conditions
		if err := f.Apply(&c); err != nil {
			t.Error(err)
		}
		if other, taken := by[c]; taken {
			t.Errorf("%s does the same as %s", k.Usage(), other)
		}
		by[c] = k.Usage()
		if got, err := f.Kind(); err != nil || got.Usage() != k.Usage() {
			t.Errorf("%q is found to be of kind %q, %v", f, got.Usage(), err)
		}
		if k.Means == "" {
			t.Errorf("%s: means nothing", k.Usage())
		}
	}
}

// The table of docs/lab.md and the comment in godog.yml are written by hand.
func TestTheDocumentationNamesEveryFault(t *testing.T) {
	for file, shows := range map[string]func(Kind) []string{
		"../../docs/lab.md": func(k Kind) []string {
			word, _, _ := strings.Cut(k.Sentence, "<")
			return []string{"| `" + k.Name, "| " + word}
		},
		"../../godog.yml": func(k Kind) []string { return []string{k.Name} },
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range Kinds {
			for _, want := range shows(k) {
				if !strings.Contains(string(text), want) {
					t.Errorf("%s does not show %q", file, want)
				}
			}
		}
	}
}

// FuzzParse wants one line for whatever is no fault, and of what is one a text
// that says the same.
func FuzzParse(f *testing.F) {
	for _, k := range Kinds {
		f.Add(string(three(k)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("not one line: %q", err)
			}
			return
		}
		var c, again Conditions
		if err := Fault(text).Apply(&c); err != nil {
			t.Error(err)
		}
		if err := read.Apply(&again); err != nil || c != again {
			t.Errorf("%q is not %q: %v", read, text, err)
		}
		if strings.Contains(string(read), ",") {
			t.Errorf("%q cannot stand in a list", read)
		}
	})
}
