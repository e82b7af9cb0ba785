package record

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"plain, with ü and 東京 and 🙂":        "plain, with ü and 東京 and 🙂",
		"two\nlines\tand a tab":             "two lines and a tab",
		"\x1b[31mred\x1b[0m":                "\uFFFD[31mred\uFFFD[0m",
		"\x1b]0;title\x07text":              "\uFFFD]0;title\uFFFDtext",
		"\u009b31meight bits":               "\uFFFD31meight bits",
		"NUL\x00, BEL\a, BS\b, DEL\x7f\r\n": "NUL\uFFFD, BEL\uFFFD, BS\uFFFD, DEL\uFFFD  ",
		"not UTF-8: \xff\xfe":               "not UTF-8: \uFFFD",
		"C1 byte \x9b31m":                   "C1 byte \uFFFD31m",
		"no character \uFFFE\U0001FFFF":     "no character \uFFFD\uFFFD",
		"\u202egnp.exe, \u200bhidden":       "\uFFFDgnp.exe, \uFFFDhidden",
		"<script>alert(1)</script>]]>":      "<script>alert(1)</script>]]>",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := cleanLines("two\r\nlines\tand \x1b a tab"); got != "two \nlines\tand \uFFFD a tab" {
		t.Errorf("lines became %q", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\x00\xff")
	f.Add("\x1b\x1b]x\x1b\\[1m")
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if !utf8.ValidString(got) || strings.IndexFunc(got, unicode.IsControl) >= 0 {
			t.Errorf("%q became %q", text, got)
		}
		if again := Clean(got); again != got {
			t.Errorf("%q became %q, and %q the second time", text, got, again)
		}
	})
}

// A run is clean wherever its texts are: in structures, lists, tables, labels.
func TestARunThatWasReadIsClean(t *testing.T) {
	r := sample(t, t.TempDir(), 50)
	if _, err := r.End(End{Verdict: Failed, Reason: "ESC"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, EventsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dirty := string(whole)
	for _, text := range []string{"ESC", "1.2 ", `"firmware`, "ns1", "on hardware", "no mask", "no scenario yet", "all is well"} {
		with := `\u001b[31m\u0000` + text
		if text[0] == '"' {
			with = `"\u001b[31m\u0000` + text[1:]
		}
		dirty = strings.ReplaceAll(dirty, text, with)
	}
	if err := os.WriteFile(path, []byte(dirty), 0o666); err != nil {
		t.Fatal(err)
	}
	run, err := Read(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Write(r.Dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.Dir, RunFile))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(`\u0000`)) || bytes.Contains(text, []byte(`\u001b`)) {
		t.Errorf("%s", text)
	}
	const marked = "\uFFFD[31m\uFFFD"
	if run.Labels[marked+"firmware"] != marked+`1.2 "beta", <b>` || run.Scenarios[0].Steps[0].Activities[0].Clients.Rows[0][0] != marked+"ns1" || run.End.Reason != marked+"ESC" {
		t.Errorf("%+v", run)
	}
}
