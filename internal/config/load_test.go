package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// tree changes to an empty directory, writes files there (content by path) and
// clears the environment of what Load would read. It returns the directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, envPrefix) {
			t.Setenv(name, value) // so that it comes back
			os.Unsetenv(name)
		}
	}
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestLoadFindsTheFile(t *testing.T) {
	files := map[string]string{
		"godog.yml":     "interface: found",
		"other.yml":     "interface: other",
		"sub/dir/x.txt": "",
	}
	for _, test := range []struct {
		name, dir, flag, env    string
		wantInterface, wantFile string // a file that begins with / is in the tree
	}{
		{"in the working directory", ".", "", "", "found", "godog.yml"},
		{"above it", "sub/dir", "", "", "found", "/godog.yml"},
		{"by the environment", ".", "", "other.yml", "other", "other.yml"},
		{"by the flag before all else", ".", "./other.yml", "godog.yml", "other", "other.yml"},
		{"outside the working directory", "sub", "../other.yml", "", "other", "/other.yml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := tree(t, files)
			t.Chdir(test.dir)
			t.Setenv(envFile, test.env)
			got, err := Load(test.flag)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			want.Interface, want.File = test.wantInterface, test.wantFile
			if strings.HasPrefix(want.File, "/") {
				want.File = root + want.File
			}
			if diff := cmp.Diff(want, got, ignoringOrigin); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadWithoutAFileIsTheDefault(t *testing.T) {
	tree(t, nil)
	got, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got, ignoringOrigin); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestLoadMissesAFileAskedForByName(t *testing.T) {
	tree(t, nil)
	const want = "read configuration: open missing.yml: no such file or directory"
	if _, err := Load("missing.yml"); err == nil || err.Error() != want {
		t.Errorf("flag: got error %v, want %s", err, want)
	}
	t.Setenv(envFile, "missing.yml")
	if _, err := Load(""); err == nil || err.Error() != want {
		t.Errorf("environment: got error %v, want %s", err, want)
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	tree(t, map[string]string{"godog.yml": "dhcp: {timeout: 5s}\nlab: {pool: 300, subnet: 10.0.0.0/24}\n"})
	t.Setenv("LANSTORM_DHCP_TIMEOUT", "7s")
	t.Setenv("LANSTORM_LAB_SUBNET", "10.0.0.0/16") // mends a file that alone would be refused
	t.Setenv("LANSTORM_LAB_FAULTS", "no-gateway, silent-dns")
	t.Setenv("LANSTORM_TEST_LAN", "anything")
	got, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if got.DHCP.Timeout != 7*time.Second || got.Lab.Pool != 300 {
		t.Errorf("got timeout %s and a pool of %d, want 7s and 300", got.DHCP.Timeout, got.Lab.Pool)
	}
	if diff := cmp.Diff([]fault.Fault{"no-gateway", "silent-dns"}, got.Lab.Faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestEnvironmentRefused(t *testing.T) {
	for _, test := range []struct{ name, variable, value, want string }{
		{"a bad value", "LANSTORM_PING_DURATION", "fast", `LANSTORM_PING_DURATION: "fast" is not a duration (write it like 500ms, 2s or 1m)`},
		{"an empty value", "LANSTORM_PING_COUNT", "", `LANSTORM_PING_COUNT: "" is not a whole number`},
		{"a misspelt key", "LANSTORM_DHCP_TIMOUT", "5s", "LANSTORM_DHCP_TIMOUT: unknown key (did you mean LANSTORM_DHCP_TIMEOUT?)"},
		{"no key at all", "LANSTORM_COLOUR", "red", "LANSTORM_COLOUR: unknown key"},
		{"a pool too large", "LANSTORM_LAB_POOL", "70000", "LANSTORM_LAB_POOL: a pool of 70000 addresses does not fit in 10.77.0.0/16 (at most 65525)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree(t, nil)
			t.Setenv(test.variable, test.value)
			if _, err := Load(""); err == nil || err.Error() != test.want {
				t.Errorf("got error %v\nwant      %s", err, test.want)
			}
		})
	}
}
