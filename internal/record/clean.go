package record

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
)

// Clean is text that others may have written, such as a router in a NAK, as it
// can be shown: in one line, and without what would steer a terminal, hide text
// or is no XML. It is not escaped for HTML, XML or Markdown: whoever writes these
// does that.
func Clean(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(cleanLines(text))
}

// cleanLines is Clean, but leaves the ends of lines.
func cleanLines(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', ' ' <= r && r <= '~':
			return r
		case r == '\r':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Noncharacter_Code_Point):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// Two escapes in a row may be one character.
var escapes = regexp.MustCompile(`(\\u[0-9A-Fa-f]{4})+|\\.`)

// cleanJSON makes all texts in JSON clean, but leaves the ends of their lines.
func cleanJSON(text []byte) []byte {
	return escapes.ReplaceAllFunc([]byte(cleanLines(string(text))), func(escaped []byte) []byte {
		var plain string
		if json.Unmarshal([]byte(`"`+string(escaped)+`"`), &plain) != nil {
			return escaped // it is no JSON
		}
		clean, _ := json.Marshal(cleanLines(plain))
		return clean[1 : len(clean)-1]
	})
}
