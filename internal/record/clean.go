package record

import (
	"reflect"
	"strings"
	"unicode"
)

// Clean is text that others may have written, such as a router in a NAK, as it
// can be shown: in one line, and without what would steer a terminal, hide text
// or is no XML. It is not escaped for HTML, XML or Markdown: whoever writes these
// does that.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, cleanLines(text))
}

// cleanLines is Clean, but leaves the ends of lines.
func cleanLines(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// Clean makes all texts of the run clean, but leaves the ends of their lines.
// Those of a run that was read are.
func (r *Run) Clean() { clean(reflect.ValueOf(r).Elem()) }

func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(cleanLines(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			clean(v.Elem())
		}
	case reflect.Interface: // a cell of a table
		if text, ok := v.Interface().(string); ok {
			v.Set(reflect.ValueOf(cleanLines(text)))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				clean(field)
			}
		}
	case reflect.Slice:
		switch v.Type().Elem().Kind() {
		case reflect.Int8, reflect.Float64: // no texts
			return
		}
		for i := range v.Len() {
			clean(v.Index(i))
		}
	case reflect.Map: // labels
		texts := map[string]string{}
		for name, value := range v.Interface().(map[string]string) {
			texts[cleanLines(name)] = cleanLines(value)
		}
		v.Set(reflect.ValueOf(texts))
	}
}
