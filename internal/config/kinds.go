package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// kind reads values of one type from text.
type kind[T any] func(text string) (T, error)

// written is the text of a value, as its kind would read it.
func written(v any) string {
	switch v := v.(type) {
	case time.Duration: // 1h where String writes 1h0m0s
		s := v.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		return s
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) + "%"
	case netip.Addr:
		if !v.IsValid() {
			return auto
		}
	}
	return fmt.Sprint(v)
}

// word is a string that only has to satisfy ok; rule completes "x is not ...".
func word[S ~string](rule string, ok func(string) bool) kind[S] {
	return func(text string) (S, error) {
		if !ok(text) {
			return "", fmt.Errorf("%q is not %s", text, rule)
		}
		return S(text), nil
	}
}

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

// orNone reads an empty text as none.
func orNone[T any](k kind[T]) kind[T] {
	return func(text string) (v T, err error) {
		if text == "" {
			return v, nil
		}
		return k(text)
	}
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

var webAddress = word[string]("a URL that begins with http:// or https:// and names a host", IsWebAddress)

// IsWebAddress reports whether s is a URL that clients can be sent to.
func IsWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// command is a program and its arguments, or none.
var command = word[string]("a program with arguments, {url} among them", func(s string) bool {
	return s == "" || strings.Contains(s, "{url}") && !strings.ContainsFunc(s, unicode.IsControl)
})

// shellLine is a line for sh, or none.
var shellLine = word[string]("one line for a shell", func(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) })

func regularExpression(text string) (string, error) {
	if _, err := regexp.Compile(text); err != nil {
		var e *syntax.Error
		errors.As(err, &e)
		return "", fmt.Errorf("%q is not a regular expression: %s", text, e.Code)
	}
	return text, nil
}

var keyValue = word[string]("key=value", func(s string) bool { return strings.IndexByte(s, '=') > 0 })

// pairs reads a JSON object; none is nil.
func pairs(text string) (map[string]string, error) {
	var all map[string]string
	if text != "" && json.Unmarshal([]byte(text), &all) != nil {
		return nil, fmt.Errorf(`%q is not a JSON object of texts, such as {"name": "issue"}`, text)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

var folder = word[string]("a folder", func(s string) bool { return s != "" && !strings.Contains(s, "\x00") })

func integer(least, most int) kind[int] {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%q is not a whole number", text)
		}
		if n < least || n > most {
			return 0, fmt.Errorf("%s is out of range (%d to %d)", text, least, most)
		}
		return n, nil
	}
}

func boolean(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return text == "true", nil
}

func duration(least, most time.Duration) kind[time.Duration] {
	const hint = "(write it like 500ms, 2s or 1m)"
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case text != "" && strings.Trim(text, "0123456789.") == "":
			return 0, fmt.Errorf("%q has no unit %s", text, hint)
		case err != nil:
			return 0, fmt.Errorf("%q is not a duration %s", text, hint)
		case d < least || d > most:
			return 0, fmt.Errorf("%s is out of range (%s to %s)", text, written(least), written(most))
		}
		return d, nil
	}
}

func percent(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
	if err != nil || !(v >= 0 && v <= 100) { // the negation also catches NaN
		return 0, fmt.Errorf("%q is not a percentage (write it like 2.5%%, 0%% to 100%%)", text)
	}
	return v, nil
}

func ipv4(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is not an IPv4 address", text)
	}
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, fmt.Errorf("%s is not the address of a host", a)
	}
	return a, nil
}

func ipv6(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is6() || a.Is4In6():
		return netip.Addr{}, fmt.Errorf("%q is not an IPv6 address", text)
	case a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast():
		return netip.Addr{}, fmt.Errorf("%s is not an address beyond the link", a)
	}
	return a, nil
}

// auto stands for the zero Addr.
const auto = "auto"

func orAuto(address kind[netip.Addr]) kind[netip.Addr] {
	return func(text string) (netip.Addr, error) {
		if text == auto {
			return netip.Addr{}, nil
		}
		a, err := address(text)
		if err != nil {
			err = fmt.Errorf("%w, nor the word %s", err, auto)
		}
		return a, err
	}
}

// subnet takes networks whose prefix is from widest to narrowest bits long.
func subnet(widest, narrowest int) kind[netip.Prefix] {
	return func(text string) (netip.Prefix, error) {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil || !p.Addr().Is4():
			return p, fmt.Errorf("%q is not an IPv4 network (write it like 10.77.0.0/16)", text)
		case p.Bits() < widest || p.Bits() > narrowest:
			return p, fmt.Errorf("%s is out of range (/%d to /%d)", p, widest, narrowest)
		case p != p.Masked():
			return p, fmt.Errorf("%s is a host in a network (write %s)", p, p.Masked())
		}
		return p, nil
	}
}

func faults(text string) (fault.Fault, error) {
	f, err := fault.Parse(text)
	if err != nil {
		name, _, _ := strings.Cut(text, " ")
		for _, k := range fault.Kinds {
			if name != k.Name && Alike(name, k.Name) {
				return "", fmt.Errorf("%q is not a fault (did you mean %s?)", text, k.Usage())
			}
		}
	}
	return f, err
}

// listOf reads comma separated items; no text is the empty list, which is nil.
func listOf[T any](item kind[T]) kind[[]T] {
	return func(text string) (items []T, err error) {
		if text == "" {
			return nil, nil
		}
		for s := range strings.SplitSeq(text, ",") {
			v, err := item(strings.TrimSpace(s))
			if err != nil {
				return nil, err
			}
			items = append(items, v)
		}
		return items, nil
	}
}
