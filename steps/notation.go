package steps

import (
	"fmt"
	"math"
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

	"github.com/lanstorm/lanstorm/internal/config"
)

// legend explains to people how sentences are written down.
const legend = `  <n>          an integer; <x>: a number that may have decimals, 99.9
  <time>       a number with its unit: 30 seconds, 1 minute, 2 hours, 100 ms
  <size>       likewise: 20MB, 1.5 GB, 500 KB
  <clients>    all clients, each client, every client, 10 of the clients (that
               are not busy), the other clients (that are not busy)
  "<name>"     anything, in double quotes; <IPV4>: IPV4 or IPV6
  client(s)    client or clients; have/has: either
  [brackets]   what is in them may be left out
A number may stand in double quotes: "10", "30" seconds, and have commas: 1,000.
All else is as it stands.
`

const (
	integer = `-?(?:\d{1,3}(?:,\d{3})+|\d+)`
	decimal = integer + `(?:\.\d+)?`
	unit    = `(?:ms|s|m|h|[mM]illiseconds?|[sS]ecs?|[sS]econds?|[mM]ins?|[mM]inutes?|[hH]ours?)`
	sizes   = `[kKMG]B`
	group   = `(all clients|each client|every client|the other clients|"?\d+"? of the clients)`
)

// notation is what stands for more than itself in a text that regexp.QuoteMeta
// has quoted. Each <...> is one group, and so one argument of the method.
var notation = strings.NewReplacer(
	`"<name>"`, `"([^"]+)"`,
	`<n>th`, `"?(`+integer+`)"?(?:st|nd|rd|th)`,
	`<n>`, `"?(`+integer+`)"?`,
	`<x>th`, `"?(`+decimal+`)"?(?:st|nd|rd|th)`,
	`<x>`, `"?(`+decimal+`)"?`,
	`<time>`, `("?`+decimal+`"? ?`+unit+`"?)`,
	`<size>`, `("?`+decimal+`"? ?`+sizes+`"?)`,
	`<clients>`, group,
	`<IPV4>`, `"?([iI][pP][vV][46])"?`,
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
	places := anyParameter.FindAllStringIndex(s.text, -1)
	for i, text := range s.pattern().FindStringSubmatch(step.Text)[1:] {
		number := plain.Replace(text)
		of100 := strings.HasPrefix(s.text[places[i][1]:], "%") || strings.HasSuffix(s.text[:places[i][1]], "th")
		n, err := strconv.ParseFloat(number, 64)
		switch read := readers[params[i]]; {
		case read == nil:
		case strings.HasPrefix(number, "-"):
			return fmt.Errorf("%s is less than nothing", text)
		case err == nil && of100 && n > 100:
			return fmt.Errorf("%s is more than 100", text)
		default:
			if _, err := read(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// plain is a number without what people put around and into it.
var plain = strings.NewReplacer(`"`, "", ",", "")

// readTime reads a <time>: `30 seconds`, `"30" seconds`, `100ms`.
func readTime(text string) (time.Duration, error) {
	text = plain.Replace(text)
	at := strings.IndexFunc(text, unicode.IsLetter)
	number, unit := strings.TrimSpace(text[:at]), text[at:at+1]
	if strings.HasPrefix(text[at:], "ms") || strings.HasPrefix(text[at+1:], "illi") {
		unit = "ms"
	}
	return time.ParseDuration(number + strings.ToLower(unit))
}

// webPage is the address of one.
type webPage string

func readPage(text string) (webPage, error) {
	if !config.IsWebAddress(text) {
		return "", fmt.Errorf("%q is no URL: it begins with http:// or https:// and the name of a host", text)
	}
	return webPage(text), nil
}

// size is a number of bytes.
type size int64

// readSize reads a <size>: 20MB, where 1 MB is 1,000,000 bytes.
func readSize(text string) (size, error) {
	text = plain.Replace(text)
	at := strings.IndexFunc(text, unicode.IsLetter)
	n, err := strconv.ParseFloat(strings.TrimSpace(text[:at]), 64)
	n *= map[string]float64{"KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9}[text[at:at+2]]
	if err == nil && math.Abs(n) > 1e15 {
		err = strconv.ErrRange
	}
	return size(n), err
}

// number reads one whose form is right, so that it can only be too large.
func number[T any](read func(string) (T, error)) func(string) (any, error) {
	return func(text string) (any, error) {
		n, err := read(text)
		if err != nil {
			err = fmt.Errorf("%s is too large a number", text)
		}
		return n, err
	}
}

// readers are for arguments that godog does not know, or reads another way.
var readers = map[reflect.Type]func(string) (any, error){
	reflect.TypeFor[int]():           number(func(text string) (int, error) { return strconv.Atoi(plain.Replace(text)) }),
	reflect.TypeFor[float64]():       number(func(text string) (float64, error) { return strconv.ParseFloat(plain.Replace(text), 64) }),
	reflect.TypeFor[time.Duration](): number(readTime),
	reflect.TypeFor[size]():          number(readSize),
	reflect.TypeFor[webPage]():       func(text string) (any, error) { return readPage(text) },
}

// handler is the method as godog can call it: in front of one that takes what
// godog does not know stands a function that takes strings there.
func (s sentence) handler() any {
	do := reflect.ValueOf(s.do)
	in := slices.Collect(do.Type().Ins())
	for i, t := range in {
		if readers[t] != nil {
			in[i] = reflect.TypeFor[string]()
		}
	}
	front := reflect.FuncOf(in, slices.Collect(do.Type().Outs()), false)
	return reflect.MakeFunc(front, func(args []reflect.Value) []reflect.Value {
		for i := range args {
			if read := readers[do.Type().In(i)]; read != nil {
				v, _ := read(args[i].String()) // check has refused what cannot be read
				args[i] = reflect.ValueOf(v)
			}
		}
		return do.Call(args)
	}).Interface()
}
