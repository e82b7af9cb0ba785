package steps

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
)

// legend explains to people how sentences are written down.
const legend = `  <n>          an integer; <x>: a number that may have decimals, 99.9
  <time>       a number with its unit: 30 seconds, 1 minute, 2 hours, 100 ms
  "<name>"     anything, in double quotes; <IPV4>: IPV4 or IPV6
  client(s)    client or clients; have/has: either
  [brackets]   what is in them may be left out
A number may stand in double quotes: "10", "30" seconds. All else is as it stands.
`

const (
	decimal = `-?\d+(?:\.\d+)?`
	unit    = `(?:ms|milliseconds?|s|seconds?|m|min|minutes?|h|hours?)`
)

// notation is what stands for more than itself in a text that regexp.QuoteMeta
// has quoted. Each <...> is one group, and so one argument of the method.
var notation = strings.NewReplacer(
	`"<name>"`, `"([^"]+)"`,
	`<n>th`, `"?(-?\d+)"?(?:st|nd|rd|th)`,
	`<n>`, `"?(-?\d+)"?`,
	`<x>th`, `"?(`+decimal+`)"?(?:st|nd|rd|th)`,
	`<x>`, `"?(`+decimal+`)"?`,
	`<time>`, `("?`+decimal+`"? ?`+unit+`"?)`,
	`<IPV4>`, `"?((?i:ipv[46]))"?`,
	`have/has`, `(?:have|has)`,
	`\(s\)`, `s?`,
	`\(es\)`, `(?:es)?`,
	`\[`, `(?:`,
	`\]`, `)?`,
)

// patterns are the compiled texts: every scenario defines all sentences anew.
var patterns sync.Map

func (s sentence) pattern() *regexp.Regexp {
	if re, ok := patterns.Load(s.text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile("^" + notation.Replace(regexp.QuoteMeta(s.text)) + "$")
	patterns.Store(s.text, re)
	return re
}

// params are the types of the method's arguments, but for the context.
func (s sentence) params() []reflect.Type {
	in := slices.Collect(reflect.TypeOf(s.do).Ins())
	if len(in) > 0 && in[0].Kind() == reflect.Interface {
		in = in[1:]
	}
	return in
}

// check reports, in words, why the step cannot be done as it stands, though it
// is this sentence. godog would pass over a table that nobody takes.
func (s sentence) check(step *messages.PickleStep) error {
	params, has, wants := s.params(), "", ""
	if a := step.Argument; a != nil {
		has = map[bool]string{true: "table", false: "doc string"}[a.DataTable != nil]
	}
	if n := len(params); n > 0 {
		wants = map[reflect.Type]string{
			reflect.TypeFor[*godog.Table](): "table", reflect.TypeFor[*godog.DocString](): "doc string",
		}[params[n-1]]
	}
	switch {
	case has == wants:
	case wants == "":
		return fmt.Errorf("this sentence takes no %s", has)
	case has == "":
		return fmt.Errorf("this sentence needs a %s below it", wants)
	default:
		return fmt.Errorf("this sentence needs a %s below it, not a %s", wants, has)
	}
	for i, text := range s.pattern().FindStringSubmatch(step.Text)[1:] {
		if !countable(text, params[i]) {
			return fmt.Errorf("%s is too large a number", text)
		}
	}
	return nil
}

// countable reports whether text, which has the form of a t, is in its range.
func countable(text string, t reflect.Type) (ok bool) {
	var err error
	switch t {
	case reflect.TypeFor[int]():
		_, err = strconv.Atoi(text)
	case reflect.TypeFor[float64]():
		_, err = strconv.ParseFloat(text, 64)
	case reflect.TypeFor[time.Duration]():
		_, err = readTime(text)
	}
	return err == nil
}

// readTime reads a <time>: `30 seconds`, `"30" seconds`, `100ms`.
func readTime(text string) (time.Duration, error) {
	text = strings.ReplaceAll(text, `"`, "")
	at := strings.IndexFunc(text, unicode.IsLetter)
	number, unit := strings.TrimSpace(text[:at]), text[at:at+1]
	if strings.HasPrefix(text[at:], "ms") || strings.HasPrefix(text[at:], "milli") {
		unit = "ms"
	}
	return time.ParseDuration(number + unit)
}

// handler is the method as godog can call it. godog knows no time.Duration, so
// a method that takes one gets in front a function that takes a string there.
func (s sentence) handler() any {
	do, span := reflect.ValueOf(s.do), reflect.TypeFor[time.Duration]()
	in := slices.Collect(do.Type().Ins())
	if !slices.Contains(in, span) {
		return s.do
	}
	for i, t := range in {
		if t == span {
			in[i] = reflect.TypeFor[string]()
		}
	}
	front := reflect.FuncOf(in, slices.Collect(do.Type().Outs()), false)
	return reflect.MakeFunc(front, func(args []reflect.Value) []reflect.Value {
		for i := range args {
			if do.Type().In(i) == span {
				d, _ := readTime(args[i].String()) // check has refused what cannot be read
				args[i] = reflect.ValueOf(d)
			}
		}
		return do.Call(args)
	}).Interface()
}
