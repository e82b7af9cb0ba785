package remark

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAKindIsNotedOnce(t *testing.T) {
	var l List
	l.Add("no name", "1 §2", "from %s", "a")
	l.Add("no name", "1 §2", "from %s", "b")
	l.Add("no mask", "", "")
	want := List{{"no name", "1 §2", "from a"}, {"no mask", "", ""}}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprint(l[0], "; ", l[1]); got != "no name (RFC 1 §2): from a; no mask" {
		t.Error(got)
	}
}

func TestAListIsBounded(t *testing.T) {
	var l List
	for i := range 10 * Most {
		l.Add(fmt.Sprint(i), "", "")
	}
	if len(l) != Most {
		t.Errorf("%d remarks", len(l))
	}
}
