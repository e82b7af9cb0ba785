package steps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheNearestSentenceAndWhatDiffers(t *testing.T) {
	const responded = "did you mean `all clients should respond successfully`? "
	for _, tt := range []struct{ name, text, want string }{
		{"a full stop", `all clients should respond successfully.`, responded + "no `.` behind `successfully`"},
		{"a full stop behind a value", `all clients should keep their addresses for 30 seconds.`,
			"did you mean `all clients should keep their addresses for <time>`? `.` is too much"},
		{"a capital", `All clients should respond successfully`, responded + "capitals count: `all`"},
		{"the singular", `all client should respond successfully`, responded + "`client` should be `clients`"},
		{"a word too much", `Then all clients should respond successfully`, responded + "`Then` is too much"},
		{"a word that is missing", `I create 10 clients using macvlan`, "did you mean `I create <n> virtual client(s) using macvlan`? `virtual` is missing"},
		{"two letters swapped", `I craete 10 virtual clients using macvlan`, "did you mean `I create <n> virtual client(s) using macvlan`? `craete` should be `create`"},
		{"a number in words", `I create ten virtual clients using macvlan`, "did you mean `I create <n> virtual client(s) using macvlan`? `ten` should be a number in digits"},
		{"two spaces", `I create 10  virtual clients using macvlan`, "did you mean `I create <n> virtual client(s) using macvlan`? mind the spaces"},
		{"a time without its unit", `each client should complete the download within 30`,
			"did you mean `each client should complete the download within <time>`? 30 needs a unit, such as seconds"},
		{"a size without its unit", `all clients start downloading the 20 ZIP file simultaneously`,
			"did you mean `<clients> start(s) downloading the <size> ZIP file simultaneously`? 20 needs a unit, such as MB"},
		{"no quotes", `each client should resolve example.com`, "did you mean `each client should resolve \"<name>\"`? double quotes around it: \"example.com\""},
		{"single quotes", `all clients attempt to ping Google DNS 'IPV4'`, "did you mean `all clients attempt to ping Google DNS[ <IPV4>]`? double quotes around it: \"IPV4\""},
		{"typographic quotes", `each client should resolve “example.com”`, "did you mean `each client should resolve \"<name>\"`? double quotes around it: \"example.com\""},
		{"a group", `10 of the clients start download the 20MB ZIP file simultaneously`,
			"did you mean `<clients> start(s) downloading the <size> ZIP file simultaneously`? `download` should be `downloading`"},
		{"digits in a word", `the router should renew all leases at T3`, "did you mean `the router should renew all leases at T1`? `T3` should be `T1`"},
		{"nothing like it", `I juggle 5 clients`, ""},
		{"no words", ``, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, nearest(tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLettersBetweenWords(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"smoke", "smoke", 0}, {"somke", "smoke", 1}, {"hardwear", "hardware", 2}, {"", "ab", 2}, {"lab", "", 3}, {"ä", "a", 1}} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("%d edits from %q to %q, want %d", got, tt.a, tt.b, tt.want)
		}
	}
}
