package record

import (
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// ThisTester is this machine. An empty version is what the Go toolchain recorded.
func ThisTester(version string) Tester {
	t := Tester{Lanstorm: version, Go: strings.TrimPrefix(runtime.Version(), "go"), Machine: model(), Processors: runtime.NumCPU()}
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		t.Lanstorm = info.Main.Version
	}
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
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		return strings.TrimRight(string(model), "\x00\n")
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}
