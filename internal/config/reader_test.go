package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads a file on its own, without the environment. name stands for it in
// errors.
func parse(name string, data []byte) (Config, error) {
	c := Default()
	c.Origin = map[string]string{}
	if err := c.readFile(name, data); err != nil {
		return c, err
	}
	err := c.finish()
	return c, err
}

func TestParse(t *testing.T) {
	dns := func(c *Config) { c.DNS = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("1.1.1.1")} }
	count := func(c *Config) { c.Ping.Count = 3 }
	for _, test := range []struct {
		name, file string
		change     func(*Config)
	}{
		{"an empty file is the default", "", nil},
		{"so is a file of comments", "# nothing\n", nil},
		{"so is an empty document", "---\n...\n", nil},
		{"a section may be empty when it says so", "ping: {}\n", nil},
		{"a value stands in its section", "ping:\n  count: 3\n", count},
		{"or on one line", "ping: {count: 3}\n", count},
		{"or under its full path", "ping.count: 3\n", count},
		{"quotes do not matter", "ping: {count: \"3\"}\n", count},
		{"a file may come from Windows", "\ufeffping:\r\n  count: 3\r\n", count},
		{"a list has a line for each item", "dns:\n- 8.8.8.8\n- 1.1.1.1\n", dns},
		{"or brackets", "dns: [8.8.8.8, 1.1.1.1]\n", dns},
		{"known scenarios are keys of the user's own", "known:\n  Ten clients: '#12'\n  a, b: 3\n", func(c *Config) {
			c.Known = map[string]string{"Ten clients": "#12", "a, b": "3"}
		}},
		{"or commas, as in the environment", "dns: 8.8.8.8, 1.1.1.1\n", dns},
		{"the default pool shrinks to its subnet", "lab: {pool: 10000, subnet: 10.0.0.0/24}\n", func(c *Config) {
			c.Lab.Subnet, c.Lab.Pool = netip.MustParsePrefix("10.0.0.0/24"), 245
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := Default()
			want.File = "godog.yml"
			if test.change != nil {
				test.change(&want)
			}
			got, err := parse("godog.yml", []byte(test.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, ignoringOrigin); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefusesShapes(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"an unknown key", "dhcp:\n  timout: 5s\n", "2: dhcp.timout: unknown key (did you mean dhcp.timeout?)"},
		{"an unknown section", "dhpc:\n  timeout: 5s\n", "1: dhpc: unknown key (did you mean dhcp?)"},
		{"a key like no other", "colour: red\n", "1: colour: unknown key"},
		{"a key that would break the line", `"a\nb": 5`, `1: "a\nb": unknown key`},
		{"a key that is a list", "? - a\n", "1: unexpected scalar value type"},
		{"a merge key", "<<: {count: 3}\n", "1: a key that is not a plain word"},
		{"keys where a value belongs", "interface:\n  name: lab\n", "1: interface: takes a value, not keys of its own"},
		{"a value where keys belong", "lab: 5\n", "1: lab: takes keys of its own, indented on the lines below"},
		{"keys that lack their indentation", "lab:\npool: 5\n", "1: lab: takes keys of its own, indented on the lines below"},
		{"a list where a value belongs", "interface: [a, b]\n", "1: interface: takes one value, not a list"},
		{"a nested list", "dns:\n- 8.8.8.8\n- [1.1.1.1]\n", "3: dns: a list item that is not one plain value"},
		{"an empty list item", "dns:\n- 8.8.8.8\n-\n", "3: dns: a list item that is not one plain value"},
		{"a bad fault", "lab:\n  faults:\n  - no-gateway\n  - drop-dhcp most\n",
			`4: lab.faults: "drop-dhcp most" is not a fault: write drop-dhcp <n> (n from 1 to 16777216) or drop-dhcp <x>% (x from 0 to 100)`},
		{"a bad list item", "dns:\n- 8.8.8.8\n- fast\n", `3: dns: "fast" is not an IPv4 address`},
		{"no value", "ping:\n  count:\n  interval: 1s\n", "2: ping.count: has no value"},
		{"null", "interface: null\n", "1: interface: has no value"},
		{"an anchor", "interface: &a lab\n", "1: interface: not a plain value"},
		{"a key given twice", "ping:\n  count: 1\n  count: 2\n", "3: ping.count: given twice (first on line 2)"},
		{"a section given twice", "ping: {count: 1}\nping: {}\n", "2: ping: given twice (first on line 1)"},
		{"a known scenario given twice", "known:\n  a: x\n  a: y\n", "3: known: not a name with one plain value, or given twice"},
		{"a known scenario without an issue", "known:\n  a:\n", "2: known: not a name with one plain value, or given twice"},
		{"a key given in two ways", "ping.count: 1\nping:\n  count: 2\n", "3: ping.count: given twice (first on line 1)"},
		{"a file that is a list", "- interface\n", "1: not a key with a value"},
		{"a second document", "interface: lab\n---\ninterface: eth0\n", "3: a second document (only one is allowed)"},
		{"a bracket left open", "interface: lab\ndns: [8.8.8.8\n", "2: sequence end token ']' not found"},
		{"a tab for indentation", "ping:\n\tcount: 3\n", "2: a tab in the indentation (use spaces)"},
		{"tags without quotes", "godog:\n  tags: @smoke\n", "2: '@' cannot begin a value (put the value in quotes)"},
		{"a pool that its subnet cannot hold", "lab:\n  pool: 300\n  subnet: 10.0.0.0/24\n",
			"2: lab.pool: a pool of 300 addresses does not fit in 10.0.0.0/24 (at most 245)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse("godog.yml", []byte(test.file))
			if want := "godog.yml:" + test.want; err == nil || err.Error() != want {
				t.Errorf("got error %v\nwant      %s", err, want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoYAML(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"a huge file", strings.Repeat("#", maxFile+1), "godog.yml: larger than 32 KiB"},
		{"what makes the library panic", "%TAG !! x\n---\n!a ", "godog.yml: not valid YAML"},
		{"a binary file", "\xff\xfe", "godog.yml: not UTF-8 text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parse("godog.yml", []byte(test.file)); err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}
