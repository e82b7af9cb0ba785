package record

import (
	"cmp"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/machine"
)

// Build is a version of lanstorm or, when that is empty, what the Go toolchain
// recorded.
func Build(version string) string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	return cmp.Or(version, "(unknown)")
}

// ThisTester is this machine. The version is as for Build.
func ThisTester(version string) Tester {
	t := Tester{Lanstorm: Build(version), Go: strings.TrimPrefix(runtime.Version(), "go"), Machine: model(), Processors: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		t.Kernel = strings.Join([]string{unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])}, " ")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		t.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	return t
}

// model is a Raspberry Pi's name, or else that of the processor.
func model() string {
	if pi := machine.Model(os.DirFS("/")); pi != "" {
		return pi
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}
