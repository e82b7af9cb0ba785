package evidence

import (
	"regexp"
	"strings"
	"testing"
)

func TestAScenarioHasAFileName(t *testing.T) {
	for _, tt := range []struct {
		number int
		name   string
		want   string
	}{
		{1, "Ten clients get an address", "01-ten-clients-get-an-address"},
		{12, "50 % of DHCP, lost: \"twice\"", "12-50-of-dhcp-lost-twice"},
		{123, "../../etc/passwd\x00\n", "123-etc-passwd"},
		{2, "", "02"},
		{3, "Клиенты", "03"},
		{4, "Größe – <b>ß</b>", "04-gr-e-b-b"},
		{5, strings.Repeat("a ", 100), "05-" + strings.Repeat("a-", 28) + "a"},
	} {
		if got := Name(tt.number, tt.name); got != tt.want {
			t.Errorf("%q is called %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add(1, "Ten clients")
	f.Add(7, "\xff../K")
	safe := regexp.MustCompile(`^[0-9]{2,}(-[a-z0-9]+)*$`)
	f.Fuzz(func(t *testing.T, number int, scenario string) {
		if number < 0 {
			number = 0
		}
		if name := Name(number, scenario); !safe.MatchString(name) || len(name) > 60 {
			t.Errorf("%q", name)
		}
	})
}
