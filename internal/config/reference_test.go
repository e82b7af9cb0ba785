package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const reference = "../../godog.yml"

func readReference(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReferenceFileSaysTheDefaults(t *testing.T) {
	got, err := parse("", []byte(readReference(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, ignoringOrigin); diff != "" {
		t.Errorf("configuration (-default +reference):\n%s", diff)
	}
}

func TestReferenceFileNamesEveryKeyInOrder(t *testing.T) {
	var want, got []string
	for _, k := range keys {
		want = append(want, k.path)
	}
	section := ""
	for _, m := range regexp.MustCompile(`(?m)^( *)([a-z0-9_]+):(.*)`).FindAllStringSubmatch(readReference(t), -1) {
		indent, name, value := m[1], m[2], m[3]
		switch {
		case value == "":
			section = name + "."
		case indent == "":
			got = append(got, name)
		default:
			got = append(got, section+name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-table +reference):\n%s", diff)
	}
}

func TestErrorsNameTheirLineInTheReferenceFile(t *testing.T) {
	lines := strings.Split(readReference(t), "\n")
	name := regexp.MustCompile(`^( *)[a-z0-9_]+:`)
	for i, line := range lines {
		if !name.MatchString(line) {
			continue
		}
		lines[i] = name.ReplaceAllString(line, "${1}wrong:")
		_, err := parse("godog.yml", []byte(strings.Join(lines, "\n")))
		if want := fmt.Sprintf("godog.yml:%d: ", i+1); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("line %d: got error %v, want %s...", i+1, err, want)
		}
		lines[i] = line
	}
}

func TestKeysHaveVariablesAndDefaults(t *testing.T) {
	type key struct{ path, env, text string }
	got, defaults := map[string]key{}, Default()
	for _, k := range keys {
		got[k.path] = key{k.path, envName(k.path), k.text(&defaults)}
	}
	for _, want := range []key{
		{"interface", "LANSTORM_INTERFACE", "lab"},
		{"dns", "LANSTORM_DNS", ""},
		{"ping.min_answered", "LANSTORM_PING_MIN_ANSWERED", "95%"},
		{"targets.router", "LANSTORM_TARGETS_ROUTER", "auto"},
		{"lab.lease_time", "LANSTORM_LAB_LEASE_TIME", "1h"},
	} {
		if got[want.path] != want {
			t.Errorf("%+v, want %+v", got[want.path], want)
		}
	}
}
