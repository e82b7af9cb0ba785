package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse holds parse to its word whatever a file says: no panic, errors of
// one line, and a configuration that passes its own checks when written back.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "#", "---\n...\n", "interface: lab\n", "dns: [8.8.8.8, 1.1.1.1]\n", "dns:\n- 8.8.8.8\n-\n",
		"ping:\n  max_loss: 2.5%\n  interval: 10\n", "lab: {subnet: 10.0.0.0/28, pool: 6}\n",
		"godog: {tags: '@a && ~@b,@c', format: 'pretty,junit:x'}\n", "? |\n  a\n: !!str &b *c\n",
		"interface: >-\n  a\n---\n%YAML 1.2\n", "<<: {a: ~}\n", "{[\"'", "\ufeffa:\r\n\tb", "known: {'a, b': '#1', c: 2}\n", "? [a]\n: {b}", "%TAG !! x\n---\n!a ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse("godog.yml", data)
		if err != nil {
			if msg := err.Error(); strings.ContainsAny(msg, "\r\n") || !strings.HasPrefix(msg, "godog.yml:") {
				t.Errorf("not one line that names the file: %q", msg)
			}
			return
		}
		again := Default()
		again.File = c.File
		for _, k := range keys {
			if err := again.Set(k.path, k.text(&c)); err != nil {
				t.Errorf("%s is not read back: %v", k.path, err)
			}
		}
		if diff := cmp.Diff(c, again, ignoringOrigin); diff != "" {
			t.Errorf("configuration (-read +read back):\n%s", diff)
		}
	})
}
