package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// kind is how values of one type are read from text and written back.
type kind[T any] struct {
	parse func(text string) (T, error)
	text  func(T) string
}

// word is a string that only has to satisfy ok; rule completes "x is not ...".
func word[S ~string](rule string, ok func(string) bool) kind[S] {
	return kind[S]{
		parse: func(text string) (S, error) {
			if !ok(text) {
				return "", fmt.Errorf("%q is not %s", text, rule)
			}
			return S(text), nil
		},
		text: plain[S],
	}
}

// plain is the text of what is nothing but text.
func plain[S ~string](s S) string { return string(s) }

func oneOf[S ~string](words ...S) kind[S] {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return word[S]("one of "+strings.Join(all, ", "), func(s string) bool { return slices.Contains(all, s) })
}

// interfaceName holds names to the rules of the kernel.
var interfaceName = word[string]("an interface name (1 to 15 bytes, no white space, slash or colon)", func(s string) bool {
	return len(s) >= 1 && len(s) <= 15 && s != "." && s != ".." &&
		!strings.ContainsAny(s, "/:\x00") && !strings.ContainsFunc(s, unicode.IsSpace)
})

// noneOr reads an empty text as none.
func noneOr(k kind[string]) kind[string] {
	parse := k.parse
	k.parse = func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return parse(text)
	}
	return k
}

// namespacePrefix ends in no digit so that <prefix><i> can be taken apart again.
var namespacePrefix = word[string]("a prefix (1 to 8 of a-z, 0-9 and -, beginning with a letter and not ending in a digit)",
	regexp.MustCompile(`^[a-z]([a-z0-9-]{0,6}[a-z-])?$`).MatchString)

var vendorClass = word[string]("a vendor class (1 to 255 printable ASCII characters)",
	regexp.MustCompile(`^[ -~]{1,255}$`).MatchString)

// label is a short text about the device under test, or none.
var label = word[string]("a text of at most 100 printable characters", func(s string) bool {
	return utf8.RuneCountInString(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
})

func integer(least, most int) kind[int] {
	return kind[int]{
		parse: func(text string) (int, error) {
			n, err := strconv.Atoi(text)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				return 0, fmt.Errorf("%q is not a whole number", text)
			}
			if n < least || n > most {
				return 0, fmt.Errorf("%s is out of range (%d to %d)", text, least, most)
			}
			return n, nil
		},
		text: strconv.Itoa,
	}
}

var boolean = kind[bool]{
	parse: func(text string) (bool, error) {
		if text != "true" && text != "false" {
			return false, fmt.Errorf("%q is neither true nor false", text)
		}
		return text == "true", nil
	},
	text: strconv.FormatBool,
}

func duration(least, most time.Duration) kind[time.Duration] {
	const hint = "(write it like 500ms, 2s or 1m)"
	return kind[time.Duration]{
		parse: func(text string) (time.Duration, error) {
			d, err := time.ParseDuration(text)
			switch {
			case text != "" && strings.Trim(text, "0123456789.") == "":
				return 0, fmt.Errorf("%q has no unit %s", text, hint)
			case err != nil:
				return 0, fmt.Errorf("%q is not a duration %s", text, hint)
			case d < least || d > most:
				return 0, fmt.Errorf("%s is out of range (%s to %s)", text, durationText(least), durationText(most))
			}
			return d, nil
		},
		text: durationText,
	}
}

// durationText writes 1h where [time.Duration.String] writes 1h0m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var percent = kind[float64]{
	parse: func(text string) (float64, error) {
		v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
		if err != nil || !(v >= 0 && v <= 100) { // the negation also catches NaN
			return 0, fmt.Errorf("%q is not a percentage (write it like 2.5%%, 0%% to 100%%)", text)
		}
		return v, nil
	},
	text: func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + "%" },
}

var ipv4 = kind[netip.Addr]{
	parse: func(text string) (netip.Addr, error) {
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			return netip.Addr{}, fmt.Errorf("%q is not an IPv4 address", text)
		}
		if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return netip.Addr{}, fmt.Errorf("%s is not the address of a host", a)
		}
		return a, nil
	},
	text: netip.Addr.String,
}

// autoOr adds the word auto, which stands for the zero Addr.
func autoOr(k kind[netip.Addr]) kind[netip.Addr] {
	const auto = "auto"
	return kind[netip.Addr]{
		parse: func(text string) (netip.Addr, error) {
			if text == auto {
				return netip.Addr{}, nil
			}
			a, err := k.parse(text)
			if err != nil {
				return netip.Addr{}, fmt.Errorf("%w, nor the word %s", err, auto)
			}
			return a, nil
		},
		text: func(a netip.Addr) string {
			if !a.IsValid() {
				return auto
			}
			return k.text(a)
		},
	}
}

// subnet takes networks whose prefix is from widest to narrowest bits long.
func subnet(widest, narrowest int) kind[netip.Prefix] {
	return kind[netip.Prefix]{
		parse: func(text string) (netip.Prefix, error) {
			p, err := netip.ParsePrefix(text)
			switch {
			case err != nil || !p.Addr().Is4():
				return netip.Prefix{}, fmt.Errorf("%q is not an IPv4 network (write it like 10.77.0.0/16)", text)
			case p.Bits() < widest || p.Bits() > narrowest:
				return netip.Prefix{}, fmt.Errorf("%s is out of range (/%d to /%d)", p, widest, narrowest)
			case p != p.Masked():
				return netip.Prefix{}, fmt.Errorf("%s is a host in a network (write %s)", p, p.Masked())
			}
			return p, nil
		},
		text: netip.Prefix.String,
	}
}

var faults = kind[fault.Fault]{fault.Parse, plain[fault.Fault]}

// listOf reads comma separated items; no text is the empty list, which is nil.
func listOf[T any](item kind[T]) kind[[]T] {
	return kind[[]T]{
		parse: func(text string) ([]T, error) {
			if text == "" {
				return nil, nil
			}
			var items []T
			for s := range strings.SplitSeq(text, ",") {
				v, err := item.parse(strings.TrimSpace(s))
				if err != nil {
					return nil, err
				}
				items = append(items, v)
			}
			return items, nil
		},
		text: func(items []T) string {
			texts := make([]string, len(items))
			for i, v := range items {
				texts[i] = item.text(v)
			}
			return strings.Join(texts, ",")
		},
	}
}
