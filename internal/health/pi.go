package health

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// slowdowns are the low bits of the Raspberry Pi firmware's GET_THROTTLED, in
// order; 16 bits above each is one that says: at any time of late.
var slowdowns = [...]string{"under-voltage", "frequency capped", "throttled", "too hot"}

const (
	ofLate       = 16
	underVoltage = 1
)

// pi watches whether a Raspberry Pi is slowed down. Raspberry Pi OS's kernel
// tells it by a file, whose bits of the past last until the next boot, or for
// the two seconds between two questions of raspberrypi-hwmon, which clears
// them. With other kernels that driver may know of under-voltage.
type pi struct {
	root fs.FS

	seen   bool
	before uint64 // all bits
	slowed uint64 // the low bits, collected
}

func (p *pi) read(time.Time) error {
	bits, err := p.ask()
	if err != nil {
		return err
	}
	if !p.seen {
		p.before = bits // what was of late at the first reading was before it
	}
	p.slowed |= (bits | (bits&^p.before)>>ofLate) & (1<<len(slowdowns) - 1)
	p.seen, p.before = true, bits
	return nil
}

func (p *pi) ask() (bits uint64, err error) {
	files, _ := fs.Glob(p.root, "sys/devices/platform/soc*/soc*:firmware/get_throttled")
	if files != nil {
		text, err := readText(p.root, files[0])
		if err != nil {
			return 0, err
		}
		return strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32)
	}
	sensors, _ := fs.Glob(p.root, "sys/class/hwmon/hwmon*/name")
	for _, name := range sensors {
		if text, err := readText(p.root, name); err != nil || text != "rpi_volt" {
			continue
		}
		alarm, err := readNumber(p.root, path.Join(path.Dir(name), "in0_lcrit_alarm"))
		if alarm != 0 {
			bits = underVoltage
		}
		return bits, err
	}
	return 0, errNotReported
}

func (p *pi) judge(r *Report) {
	var why []string
	for i, name := range slowdowns {
		if p.slowed&(1<<i) != 0 {
			why = append(why, name)
		}
	}
	if why == nil {
		return
	}
	remedy := "cool the Pi: a heat sink, a fan, an open case"
	if p.slowed&underVoltage != 0 {
		remedy = "use the power supply made for this Pi and a short cable, and power USB devices on their own"
	}
	r.limit(Throttled, remedy, "the Raspberry Pi was slowed down (%s)", strings.Join(why, ", "))
}
