package steps

import (
	"fmt"
	"testing"
	"testing/fstest"

	messages "github.com/cucumber/messages/go/v21"
	"github.com/google/go-cmp/cmp"
)

const tricky = "# language: de\r\n" + `@all
Funktionalität: f
  Text with Szenario: in it

  Grundlage:
    * a
  Szenario: plain
    * b
      """
      @not-a-tag
      Szenario: no
      """
  # a comment
  @one
  @two
  Szenariogrundriss: rows of <n>
    * <n>

    Beispiele: few
      | n |
      | 1 |
      # another comment
      | 2 |
    @three
    Beispiele:
      | n |

      | 1 |

  @rule
  Regel: r
    Grundlage:
      * c
    Beispiel: inside
      * d
  Szenario: without steps
  Szenario: last
    * e
      | @cell |`

func trickyFeature(t *testing.T, content []byte) *feature {
	t.Helper()
	s := Suite{FS: fstest.MapFS{"f.feature": {Data: content}}, Paths: []string{"f.feature"}}
	all, err := s.retrieve()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d features, %v\n%s", len(all), err, content)
	}
	return all[0]
}

// Whichever scenario is chosen, godog gets it alone, as it was and where it was.
func TestGodogGetsWhatIsChosen(t *testing.T) {
	told := func(f *feature, p *messages.Pickle) string {
		text := fmt.Sprint(f.location(p), " ", p.Name)
		for _, tag := range p.Tags {
			text += " " + tag.Name
		}
		for _, s := range p.Steps {
			text += fmt.Sprint("; ", f.nodes[s.AstNodeIds[0]].line, " ", s.Text)
		}
		return text
	}
	all := trickyFeature(t, []byte(tricky))
	if len(all.pickles) != 7 {
		t.Errorf("%d scenarios", len(all.pickles))
	}
	for _, p := range all.pickles {
		all.chosen = map[string]bool{p.Id: true}
		left := trickyFeature(t, all.left())
		var got []string
		for _, p := range left.pickles {
			got = append(got, told(left, p))
		}
		if diff := cmp.Diff([]string{told(all, p)}, got); diff != "" {
			t.Errorf("%s\nof\n%s", diff, all.left())
		}
	}
}

func TestLinesChooseScenarios(t *testing.T) {
	const first, inside, last, file = "f.feature:8", "f.feature:35", "f.feature:38", "the file"
	rows := "f.feature:22 f.feature:24 f.feature:29"
	f := trickyFeature(t, []byte(tricky))
	var whole string
	for _, p := range f.pickles {
		whole += " " + f.location(p)
	}
	for _, tt := range []struct {
		lines [2]int64
		want  string
	}{
		{[2]int64{1, 7}, file}, {[2]int64{8, 14}, first}, {[2]int64{15, 21}, rows}, {[2]int64{22, 22}, "f.feature:22"}, {[2]int64{23, 23}, rows},
		{[2]int64{24, 24}, "f.feature:24"}, {[2]int64{29, 29}, "f.feature:29"}, {[2]int64{31, 33}, file}, {[2]int64{35, 36}, inside}, {[2]int64{38, 40}, last},
	} {
		for line := tt.lines[0]; line <= tt.lines[1]; line++ {
			found, err := f.on(line)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			for _, p := range found {
				got += " " + f.location(p)
			}
			if want := " " + tt.want; got != want && (tt.want != file || got != whole) {
				t.Errorf("line %d:%s, want%s", line, got, want)
			}
		}
	}
	for _, line := range []int64{0, 41, 1 << 62} {
		if _, err := f.on(line); err == nil {
			t.Errorf("line %d is there", line)
		}
	}
}
