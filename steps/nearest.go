package steps

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// word is one of a text's: as it was said, and what it counts as: itself, or the
// kind of value that it is.
type word struct{ said, as string }

// kinds are what is one word, in the order in which they are tried. What they
// count as is in the notation.
var kinds = []struct{ as, pattern string }{
	{"<time>", `"?` + decimal + `"? ?` + unit + `\b"?`},
	{"<size>", `"?` + decimal + `"? ?` + sizes + `\b"?`},
	{"<n>th", `"?` + decimal + `"?(?:st|nd|rd|th)\b`},
	{"<n>", `"?` + decimal + `"?`},
	{"<IPV4>", `"?(?i:ipv[46])\b"?`},
	{`"<name>"`, `"[^"]*"`},
	{"'<name>'", `'[^']*'|[‘’“”„][^‘’“”]*[‘’“”]`}, // quoted, but not as here
	{"", `/|[^\s"\d][^\s"/]*|\S`},
}

var (
	wordPattern = func() *regexp.Regexp {
		var all []string
		for _, k := range kinds {
			all = append(all, "("+k.pattern+")")
		}
		return regexp.MustCompile(strings.Join(all, "|"))
	}()
	groupPattern = regexp.MustCompile(`"?\d+"? of the clients|the other clients|every client`)
)

func wordsOf(text string) (words []word) {
	for _, m := range wordPattern.FindAllStringSubmatch(groupPattern.ReplaceAllString(text, "all clients"), -1) {
		i := slices.IndexFunc(m[1:], func(s string) bool { return s != "" })
		words = append(words, word{m[0], kinds[i].as})
	}
	return words
}

// example has of each sentence in the notation texts that are it.
var example = strings.NewReplacer("<n>th", "7th", "<x>th", "7th", "<n>", "7", "<x>", "7", "<time>", "7 s", "<size>", "7 MB",
	"<clients>", "all clients", "<IPV4>", "IPV4", "[", "", "]", "", "(s)", "s", "(es)", "es", "have/has", "have")

var (
	singular = strings.NewReplacer("(s)", "", "(es)", "", "have/has", "has")
	optional = regexp.MustCompile(`\[[^]]*\]`)
)

type form struct {
	sentence string
	words    []word
}

// forms are the sentences of the vocabulary, each in its singular and plural, with
// and without what may be left out.
var forms = sync.OnceValue(func() (all []form) {
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			texts := []string{s.text, singular.Replace(s.text)}
			texts = append(texts, optional.ReplaceAllString(texts[0], ""), optional.ReplaceAllString(texts[1], ""))
			slices.Sort(texts)
			for _, text := range slices.Compact(texts) {
				all = append(all, form{s.text, wordsOf(example.Replace(text))})
			}
		}
	}
	return all
})

// nearest says which sentences, one or two, text may be meant to be, and in what it
// differs from the first of them, or is empty.
func nearest(text string) string {
	type candidate struct {
		text        string
		cost        int // in percent
		differences []string
	}
	said := wordsOf(text)
	var all []candidate
	memo := map[[2]string]int{}
	for _, f := range forms() {
		cost, pairs := align(said, f.words, func(a, b word) int { return a.unlike(b, memo) })
		c := candidate{text: f.sentence, cost: cost / max(len(said), len(f.words))}
		for _, p := range pairs {
			if d := difference(p[0], p[1]); d != "" {
				c.differences = append(c.differences, d)
			}
		}
		if c.cost < 40 {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.cost - b.cost })
	if len(all) == 0 {
		return ""
	}
	answer := fmt.Sprintf("did you mean `%s`", all[0].text)
	for _, c := range all {
		if c.text != all[0].text && c.cost <= all[0].cost+5 {
			answer += fmt.Sprintf(", or `%s`", c.text)
			break
		}
	}
	answer += "?"
	switch d := all[0].differences; {
	case len(d) == 0:
		answer += " mind the spaces"
	case len(d) <= 3:
		answer += " " + strings.Join(d, "; ")
	}
	return answer
}

// unlike is from 0 to 100, for the word a that was said in place of b.
func (a word) unlike(b word, memo map[[2]string]int) int {
	switch {
	case a.said == b.said, a.as == b.as && a.as != "":
		return 0
	case a.as == "<n>" && b.as != "" || a.as == "'<name>'" && b.as != "" || b.as == `"<name>"`:
		return 30
	case a.as != "" || b.as != "":
		return 80
	case strings.EqualFold(a.said, b.said):
		return 5
	}
	key := [2]string{a.said, b.said}
	cost, known := memo[key]
	if !known {
		cost = 100 * edits(a.said, b.said) / max(len(a.said), len(b.said))
		if cost > 50 {
			cost = 100
		}
		memo[key] = cost
	}
	return cost
}

// difference tells in words what is said in place of want; either may not be there.
func difference(said, want word) string {
	switch bare := strings.TrimRight(said.said, ".,:;!?"); {
	case said.said == `""`:
		return "something belongs between the quotes"
	case said.as == "<n>" && want.as == "<n>" && strings.Contains(said.said, "."):
		return fmt.Sprintf("a whole number in place of %s", said.said)
	case said.said == want.said, said.as == want.as && want.as != "":
		return ""
	case want.said == "":
		return fmt.Sprintf("`%s` is too much", said.said)
	case said.said == "":
		return fmt.Sprintf("`%s` is missing", shown(want))
	case bare == want.said:
		return fmt.Sprintf("no `%s` behind `%s`", said.said[len(bare):], bare)
	case strings.EqualFold(said.said, want.said):
		return fmt.Sprintf("capitals count: `%s`", want.said)
	case said.as == "<n>" && want.as == "<time>":
		return fmt.Sprintf("%s needs a unit, such as seconds", said.said)
	case said.as == "<n>" && want.as == "<n>th":
		return fmt.Sprintf("`%s` should be `%sth`", said.said, strings.Trim(said.said, `"`))
	case want.as == "<n>":
		return fmt.Sprintf("`%s` should be a number in digits", said.said)
	case said.as == "<n>" && want.as == "<size>":
		return fmt.Sprintf("%s needs a unit, such as MB", said.said)
	case want.as == `"<name>"` || said.as == "'<name>'":
		return fmt.Sprintf(`double quotes around it: "%s"`, strings.Trim(said.said, `'‘’“”„.`))
	}
	return fmt.Sprintf("`%s` should be `%s`", said.said, shown(want))
}

func shown(w word) string {
	if w.as != "" && w.as != "<IPV4>" {
		return w.as
	}
	return w.said
}

// edits is how many letters must be changed, left out, put in, or swapped with the
// next, to make b of a.
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case x[i-1] == y[j-1]:
				rows[i][j] = rows[i-1][j-1]
				continue
			}
			rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], 1+rows[i-2][j-2])
			}
		}
	}
	return rows[len(x)][len(y)]
}

// align pairs the words of a and b as alike as can be. A word without a partner has
// the zero word as such.
func align(a, b []word, unlike func(a, b word) int) (cost int, pairs [][2]word) {
	const alone = 70
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = alone * (i + j)
			default:
				rows[i][j] = min(rows[i-1][j-1]+unlike(a[i-1], b[j-1]), rows[i-1][j]+alone, rows[i][j-1]+alone)
			}
		}
	}
	for i, j := len(a), len(b); i > 0 || j > 0; {
		switch {
		case i > 0 && j > 0 && rows[i][j] == rows[i-1][j-1]+unlike(a[i-1], b[j-1]):
			i, j = i-1, j-1
			pairs = append(pairs, [2]word{a[i], b[j]})
		case i > 0 && rows[i][j] == rows[i-1][j]+alone:
			i--
			pairs = append(pairs, [2]word{a[i], {}})
		default:
			j--
			pairs = append(pairs, [2]word{{}, b[j]})
		}
	}
	slices.Reverse(pairs)
	return rows[len(a)][len(b)], pairs
}
