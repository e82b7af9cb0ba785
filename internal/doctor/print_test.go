package doctor

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var printed = []Check{
	{Name: "root", Status: OK, Finding: "root, with CAP_NET_ADMIN"},
	{Name: "file descriptors", Status: Warning, Finding: "1024 allowed", Remedy: "sudo prlimit --nofile=2048 lanstorm run ..."},
	{Name: "link", Status: Problem, Finding: "eth0 is down", Remedy: "sudo ip link set eth0 up"},
	{Name: "speed", Status: Skipped, Finding: "needs a link that is up"},
}

func TestPrintIsATable(t *testing.T) {
	var b strings.Builder
	if err := Print(&b, printed); err != nil {
		t.Fatal(err)
	}
	const want = `ok       root              root, with CAP_NET_ADMIN
warning  file descriptors  1024 allowed
                           -> sudo prlimit --nofile=2048 lanstorm run ...
problem  link              eth0 is down
                           -> sudo ip link set eth0 up
skipped  speed             needs a link that is up

1 ok, 1 warning, 1 problem, 1 skipped
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPrintJSONReadsBack(t *testing.T) {
	var b strings.Builder
	if err := PrintJSON(&b, printed); err != nil {
		t.Fatal(err)
	}
	var got []Check
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(printed, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if want := `"remedy": "sudo ip link set eth0 up"`; !strings.Contains(b.String(), want) {
		t.Errorf("no %s in\n%s", want, b.String())
	}
}

func TestACheckInOneLine(t *testing.T) {
	for want, c := range map[string]Check{
		"link: eth0 is down; sudo ip link set eth0 up": printed[2],
		"root: root, with CAP_NET_ADMIN":               printed[0],
	} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
