package doctor

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// checkModel reads the board's name from its device tree. Other machines often
// have none.
func (e *exam) checkModel() Check {
	model, err := readLine(e.root, "proc/device-tree/model")
	if err != nil || model == "" {
		return skipped("this machine does not tell its model (no /proc/device-tree/model)")
	}
	return ok("%s", model)
}

// The bits of the Raspberry Pi firmware's GET_THROTTLED, the same that
// `vcgencmd get_throttled` prints. Those of the past stay set until the next
// boot.
const (
	underVoltage    = 1 << 0
	frequencyCapped = 1 << 1
	throttled       = 1 << 2
	softLimit       = 1 << 3
	sinceBoot       = 16 // shifts a bit to the one that says: at any time since boot
)

// throttling returns the firmware's bits, and whether they can be had: the
// file is a speciality of Raspberry Pi OS's kernel.
func (e *exam) throttling() (bits uint64, known bool) {
	files, err := fs.Glob(e.root, "sys/devices/platform/soc*/soc*:firmware/get_throttled")
	if err != nil || len(files) == 0 {
		return 0, false
	}
	text, err := readLine(e.root, files[0])
	if err != nil {
		return 0, false
	}
	bits, err = strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return bits, err == nil
}

// checkPower asks the firmware or, with another kernel than Raspberry Pi
// OS's, the driver raspberrypi-hwmon, which knows only the present.
func (e *exam) checkPower() Check {
	const remedy = "use the power supply made for this Pi and a short cable, and power USB devices on their own"
	if bits, known := e.throttling(); known {
		switch {
		case bits&underVoltage != 0:
			return warning(remedy, "under-voltage now: the Pi slows down and its Ethernet may fail")
		case bits&(underVoltage<<sinceBoot) != 0:
			return warning(remedy, "there was under-voltage since the Pi started")
		}
		return ok("no under-voltage since the Pi started")
	}
	if dir, found := e.sensor("sys/class/hwmon/hwmon*/name", "rpi_volt"); found {
		alarm, err := readNumber(e.root, path.Join(dir, "in0_lcrit_alarm"))
		switch {
		case err != nil:
			return skipped("cannot be told: %v", err)
		case alarm != 0:
			return warning(remedy, "under-voltage now: the Pi slows down and its Ethernet may fail")
		}
		return ok("no under-voltage at this moment")
	}
	return skipped("not reported by this machine")
}

// hot is where a Raspberry Pi begins to slow down, in thousandths of a degree
// Celsius.
const hot = 80_000

func (e *exam) checkThrottling() Check {
	const remedy = "cool the Pi: a heat sink, a fan, an open case"
	bits, known := e.throttling()
	dir, found := e.sensor("sys/class/thermal/thermal_zone*/type", "cpu-thermal")
	var degrees string
	var measured int
	if found {
		var err error
		if measured, err = readNumber(e.root, path.Join(dir, "temp")); err == nil {
			degrees = strconv.Itoa(measured/1000) + " °C"
		}
	}
	const slowed = frequencyCapped | throttled | softLimit
	switch {
	case known && bits&slowed != 0:
		return warning(remedyFor(bits, remedy), "the processor is slowed down now%s", behind(degrees))
	case known && bits&(slowed<<sinceBoot) != 0:
		return warning(remedyFor(bits>>sinceBoot, remedy), "the processor was slowed down since the Pi started%s", behind(degrees))
	case measured >= hot:
		return warning(remedy, "the processor is at %s", degrees)
	case known:
		return ok("none since the Pi started%s", behind(degrees))
	case degrees != "":
		return ok("the processor is at %s; throttling itself is not reported", degrees)
	}
	return skipped("not reported by this machine")
}

// remedyFor looks for the cause elsewhere when the firmware names another
// than heat.
func remedyFor(bits uint64, cool string) string {
	if bits&underVoltage != 0 && bits&softLimit == 0 {
		return "mend the power supply first, see power"
	}
	return cool
}

func behind(degrees string) string {
	if degrees == "" {
		return ""
	}
	return "; it is at " + degrees
}

// sensor returns the folder of the sensor that is called name in one of files.
func (e *exam) sensor(files, name string) (dir string, found bool) {
	paths, err := fs.Glob(e.root, files)
	if err != nil {
		return "", false
	}
	for _, p := range paths {
		if text, err := readLine(e.root, p); err == nil && text == name {
			return path.Dir(p), true
		}
	}
	return "", false
}
