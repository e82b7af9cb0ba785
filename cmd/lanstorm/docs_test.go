package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// documented names the file in which a command from the documents tells what became of it.
const documented = "_LANSTORM_DOCUMENTED"

// parsedOnly are the commands that would take long; each has tests of its own.
var parsedOnly = map[string]bool{"run": true, "bench": true}

// tryDocumented does what a command line from the documents says. Of those that would take
// long, or need a real interface, it reads the command line, and the variables, only.
func tryDocumented(log string) int {
	what := "executed"
	root := command()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		do := c.RunE
		if do == nil {
			return
		}
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if i := cmd.Flag("interface"); !parsedOnly[cmd.Name()] && (i == nil || !i.Changed) {
				return do(cmd, args)
			}
			what = "parsed"
			_, err := config.Load(cmd.Flag("config").Value.String())
			return err
		}
	}
	visit(root)
	code := execute(root)
	note(log, what)
	return code
}

func note(log, what string) {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		fmt.Fprintln(f, what)
		f.Close()
	}
}

// notOurs are other programs that the documents call. They are not executed.
var notOurs = strings.Fields("apt git go godog journalctl nmcli scp sha256sum ssh systemctl timedatectl useradd visudo")

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	anyBlock   = regexp.MustCompile("(?ms)^```.*?^```$")
	marked     = regexp.MustCompile(`(?m)^.*# needs .*$`)
	yamlBlock  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	inLine     = regexp.MustCompile("`((?:sudo )?(?:[A-Z_]+=\\S+ )*(?:bin/)?(?:lanstorm|make) [^`]+)`")
)

// Every command in README.md and docs goes through a shell, in a folder with the results of
// two runs. lanstorm's are executed or, if they take long, parsed; of make's the target must
// exist; other programs must be known above. A line marked "# needs something" is left alone.
// Settings in the documents are read, too.
func TestCommandsInTheDocuments(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, log, path := placeForDocuments(t)
	for _, document := range append(documents, "../../README.md") {
		content, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		scripts := shellBlock.FindAllStringSubmatch(text, -1)
		scripts = append(scripts, inLine.FindAllStringSubmatch(anyBlock.ReplaceAllString(text, ""), -1)...)
		for _, script := range scripts {
			for _, line := range marked.FindAllString(script[1], -1) {
				note(log, "left alone")
				t.Log(line)
			}
			text := strings.NewReplacer("[paths…]", "", "[", "", "]", "").Replace(marked.ReplaceAllString(script[1], ""))
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-exc", text)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+path, documented+"="+log)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", document, err, out)
			}
		}
		for _, settings := range yamlBlock.FindAllStringSubmatch(text, -1) {
			file := filepath.Join(t.TempDir(), "godog.yml")
			if err := os.WriteFile(file, []byte(settings[1]), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file); err != nil {
				t.Errorf("%s: %v\n%s", document, err, settings[1])
			}
		}
	}
	told, _ := os.ReadFile(log)
	for _, what := range []string{"executed", "parsed", "make", "left alone"} {
		n := strings.Count(string(told), what+"\n")
		t.Logf("%s: %d commands", what, n)
		if n == 0 {
			t.Errorf("no command was %s", what)
		}
	}
}

// placeForDocuments makes a folder to type commands in, and one with the programs.
func placeForDocuments(t *testing.T) (dir, log, path string) {
	t.Helper()
	dir, path = t.TempDir(), t.TempDir()
	log = filepath.Join(t.TempDir(), "log")
	root, err := filepath.Abs("../..")
	self, errSelf := os.Executable()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(errors.Join(err, errSelf))
	program := func(name, text string) {
		must(os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
	program("sudo", `exec env "$@"`)
	program("make", "echo make >>"+log+"\nPATH='"+os.Getenv("PATH")+"'\nexec make -n -C "+root+` "$@" >/dev/null`)
	for _, name := range notOurs {
		program(name, `[ "$1" = env ] || echo left alone >>`+log) // the test binary itself asks go for its environment
	}
	must(os.Mkdir(filepath.Join(dir, "bin"), 0o777))
	must(os.Mkdir(filepath.Join(dir, "lanstorm"), 0o777)) // that git would have made
	must(os.CopyFS(filepath.Join(dir, "my-features"), features.FS))
	for _, name := range strings.Fields("env head ip") {
		there, err := exec.LookPath(name)
		if err != nil {
			t.Skip("needs ", name)
		}
		must(os.Symlink(there, filepath.Join(path, name)))
	}
	must(errors.Join(os.Symlink(self, filepath.Join(path, "lanstorm")), os.Symlink(self, filepath.Join(dir, "bin/lanstorm"))))
	for _, run := range [][2]string{{"8.01", "2026-11-20_140000"}, {"8.02", "2026-11-21_140000"}} {
		firmware, folder := run[0], run[1]
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bin/lanstorm"), "run", "clients/create.feature")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "LANSTORM_ROUTER_FIRMWARE="+firmware)
		if out, err := cmd.CombinedOutput(); err != nil && !inconclusive(cmd) {
			t.Fatalf("%v\n%s", err, out)
		}
		made, err := os.Readlink(filepath.Join(dir, "results/latest"))
		must(err)
		must(os.Rename(filepath.Join(dir, "results", made), filepath.Join(dir, "results", folder)))
		must(os.Remove(filepath.Join(dir, "results/latest")))
		must(os.Symlink(folder, filepath.Join(dir, "results/latest")))
	}
	return dir, log, path
}

// What `make kernels` asks for by name is there: it takes long, and is run by hand.
func TestTheTestsForOtherKernelsAreThere(t *testing.T) {
	script, err := os.ReadFile("../../kernels/checks.sh")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, pattern := range []string{"../../netmgr/*_test.go", "../../internal/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				known[filepath.Base(filepath.Dir(file))+" "+string(m[1])] = true
			}
		}
	}
	asked := regexp.MustCompile(`(?m)^\ttests (\w+)((?:\\\n|.)*)$`).FindAllStringSubmatch(string(script), -1)
	if len(asked) < 4 {
		t.Fatalf("%d packages are asked for", len(asked))
	}
	for _, m := range asked {
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(m[2], -1) {
			if !known[m[1]+" "+name] {
				t.Errorf("there is no %s in %s", name, m[1])
			}
		}
	}
}
