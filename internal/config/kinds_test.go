package config

import (
	"strings"
	"testing"
)

func TestValuesRefused(t *testing.T) {
	for _, test := range []struct{ name, key, value, want string }{
		{"an interface name with a space", "interface", "my lan", "is not an interface name"},
		{"an interface name of 16 bytes", "interface", "enx0123456789abc", "is not an interface name"},
		{"an empty interface name", "interface", "", "is not an interface name"},
		{"a directory for an interface", "interface", "..", "is not an interface name"},
		{"a prefix that ends in a digit", "clients.prefix", "ns1", "is not a prefix"},
		{"a prefix of 9 characters", "clients.prefix", "namespace", "is not a prefix"},
		{"a mode of another driver", "clients.macvlan_mode", "l2", `"l2" is not one of bridge, private, vepa`},
		{"too many in flight", "dhcp.in_flight", "65536", "65536 is out of range (0 to 65535)"},
		{"a number too large for an int", "dhcp.in_flight", "99999999999999999999", "is out of range (0 to 65535)"},
		{"neither true nor false", "dhcp.conflict_detection", "maybe", `"maybe" is neither true nor false`},
		{"half a number", "ping.count", "1.5", `"1.5" is not a whole number`},
		{"a duration without a unit", "dhcp.timeout", "10", `"10" has no unit (write it like 500ms, 2s or 1m)`},
		{"zero without a unit", "dhcp.timeout", "0", `"0" has no unit`},
		{"a duration in words", "ping.interval", "fast", `"fast" is not a duration (write it like 500ms, 2s or 1m)`},
		{"a duration too short", "ping.interval", "5ms", "5ms is out of range (10ms to 1m)"},
		{"a duration too long", "ping.duration", "25h", "25h is out of range (1ms to 24h)"},
		{"a negative duration", "ping.timeout", "-1s", "-1s is out of range"},
		{"a vendor class beyond ASCII", "dhcp.vendor_class", "lanstörm", "is not a vendor class"},
		{"an empty vendor class", "dhcp.vendor_class", "", "is not a vendor class"},
		{"IPv6", "dns", "2001:4860:4860::8888", "is not an IPv4 address"},
		{"a list that ends in a comma", "dns", "8.8.8.8,", `"" is not an IPv4 address`},
		{"the address of nobody", "targets.google_dns", "0.0.0.0", "is not the address of a host"},
		{"the address of everybody", "targets.router", "255.255.255.255", "is not the address of a host"},
		{"a host name", "targets.router", "fritz.box", `"fritz.box" is not an IPv4 address, nor the word auto`},
		{"more than everything", "ping.max_loss", "101%", `"101%" is not a percentage (write it like 2.5%, 0% to 100%)`},
		{"not a number", "ping.max_loss", "NaN", "is not a percentage"},
		{"a subnet that is none", "lab.subnet", "10.77.0.0", "is not an IPv4 network"},
		{"a subnet with host bits", "lab.subnet", "10.77.0.1/16", "10.77.0.1/16 is a host in a network (write 10.77.0.0/16)"},
		{"a subnet too small", "lab.subnet", "10.77.0.0/29", "10.77.0.0/29 is out of range (/8 to /28)"},
		{"a line of one rate", "lab.line", "100 Mbit/s", `"100 Mbit/s" is not a line (write it like 100/20 Mbit/s: download/upload, each from 64 kbit/s to 100 Gbit/s)`},
		{"a line too slow", "lab.line", "10/0.01 Mbit/s", `"10/0.01 Mbit/s" is not a line`},
		{"no buffer at all", "lab.buffer", "0s", "0s is out of range (1ms to 10s)"},
		{"neither yes nor no", "lab.ping_check", "yes", `"yes" is neither true nor false`},
		{"an unknown fault", "lab.faults", "no-gateway,no-power", `"no-power" is not a fault: there are pool <n>, lease-time <n>s, silent-dhcp,`},
		{"a fault without its argument", "lab.faults", "loss", `"loss" is not a fault: write loss <x>% (x from 0 to 100)`},
		{"a name that is no expression", "run.name", "(", `"(" is not a regular expression: missing closing )`},
		{"never", "run.repeat", "0", "0 is out of range (1 to 10000)"},
		{"a label without a key", "run.labels", "=lab2", `"=lab2" is not key=value`},
		{"known scenarios that are no map", "known", "all", `"all" is not a JSON object of texts`},
		{"a command of two lines", "router.before", "a\nb", "is not one line for a shell"},
		{"an unknown format", "godog.format", "pretty,html", `"html" is not a format (one or more of lanstorm, pretty, progress,`},
		{"a format without its file", "godog.format", "junit:", `"junit:" names no file`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			if err := c.Set(test.key, test.value); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseTags(t *testing.T) {
	for _, test := range []struct {
		name, expr string
		selects    string // of "@a", "@b", "@a @b" and "@c"; none: the expression is refused
	}{
		{"nothing selects everything", "", "@a|@b|@a @b|@c"},
		{"a tag", "@a", "@a|@a @b"},
		{"a tag with punctuation", "not @issue-12.3:a/b", "@a|@b|@a @b|@c"},
		{"and and not", "@a and not @b", "@a"},
		{"or binds less than and", "@c or @a and @b", "@a @b|@c"},
		{"parentheses", "(@c or @a) and not(@b)", "@a|@c"},
		{"not of parentheses", "not (@a or @b)", "@c"},
		{"not not", "not not @a", "@a|@a @b"},
		{"godog's not", "~@a", "@b|@c"},
		{"godog's or binds tighter than its and", "@a,@c && ~@b", "@a|@c"},
		{"white space is no matter", " @a&&@b , ~@c ", "@a|@a @b"},
		{"white space alone", " ", ""},
		{"a comma too many", "@a,", ""},
		{"an and too many", "&& @a", ""},
		{"half an and", "@a & @b", ""},
		{"a name without @", "smoke", ""},
		{"an @ without a name", "@", ""},
		{"a gap after ~", "~ @a", ""},
		{"~ twice", "~~@a", ""},
		{"both ways at once", "(@a,@b) and @c", ""},
		{"two tags and nothing between", "@a @b", ""},
		{"a word too many", "@a and", ""},
		{"a parenthesis left open", "(@a or @b", ""},
		{"a parenthesis never opened", "@a)", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			selected, err := ParseTags(test.expr)
			if err != nil {
				if test.selects != "" || !strings.Contains(err.Error(), "is not a tag expression: write it like") {
					t.Error(err)
				}
				return
			}
			var got []string
			for _, tags := range []string{"@a", "@b", "@a @b", "@c"} {
				if selected(strings.Fields(tags)) {
					got = append(got, tags)
				}
			}
			if got := strings.Join(got, "|"); got != test.selects {
				t.Errorf("%q selects %s, want %s", test.expr, got, test.selects)
			}
		})
	}
}
