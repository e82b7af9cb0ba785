// Package machine reads what this machine tells of itself in /proc and /sys.
package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Program is lanstorm as it was typed, such as bin/lanstorm, for messages that tell
// what to type. Another program, such as that of `godog run`, says lanstorm.
func Program() string {
	if filepath.Base(os.Args[0]) == "lanstorm" {
		return os.Args[0]
	}
	return "lanstorm"
}

// Line reads a file of one short line, without its end.
func Line(root fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(root, name)
	return strings.TrimSpace(strings.TrimRight(string(text), "\x00")), err
}

// Number reads a file that holds a decimal number.
func Number(root fs.FS, name string) (int, error) {
	text, err := Line(root, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("/%s: %q is not a number", name, text)
	}
	return n, nil
}

// The bits of the Raspberry Pi firmware's GET_THROTTLED, the same that
// `vcgencmd get_throttled` prints. Past higher is each once more, for what was so
// before.
const (
	UnderVoltage = 1 << iota
	Capped       // the frequency
	Throttled
	TooHot
	Past = 16
)

// Model is a Raspberry Pi's name, of its device tree; empty where there is none.
func Model(root fs.FS) string {
	model, _ := Line(root, "proc/device-tree/model")
	return model
}

// What to do about a Pi that is slowed down.
const (
	BetterPower   = "use the power supply made for this Pi and a short cable, and power USB devices on their own"
	BetterCooling = "cool the Pi: a heat sink, a fan, an open case"
)

// ErrNotTold is for what only some machines know of themselves.
var ErrNotTold = errors.New("not reported by this machine")

// Slowdowns are the bits of what slows a Raspberry Pi down. Raspberry Pi OS's kernel
// tells all of them by a file; those of the past stay set until the next boot, or
// for the two seconds between two questions of raspberrypi-hwmon, which clears them.
// With other kernels that driver may know of under-voltage, at this moment.
func Slowdowns(root fs.FS) (bits uint64, all bool, err error) {
	if files, _ := fs.Glob(root, "sys/devices/platform/soc*/soc*:firmware/get_throttled"); files != nil {
		text, err := Line(root, files[0])
		if err != nil {
			return 0, false, err
		}
		if bits, err = strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32); err != nil {
			return 0, false, fmt.Errorf("get_throttled says %q", text)
		}
		return bits, true, nil
	}
	dir := Sensor(root, "sys/class/hwmon/hwmon*/name", "rpi_volt")
	if dir == "" {
		return 0, false, ErrNotTold
	}
	alarm, err := Number(root, path.Join(dir, "in0_lcrit_alarm"))
	if alarm != 0 {
		bits = UnderVoltage
	}
	return bits, false, err
}

// Sensor is the folder of the sensor that is called name in one of files; empty when
// there is none.
func Sensor(root fs.FS, files, name string) (dir string) {
	paths, _ := fs.Glob(root, files)
	for _, p := range paths {
		if text, err := Line(root, p); err == nil && text == name {
			return path.Dir(p)
		}
	}
	return ""
}
