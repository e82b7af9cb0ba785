package doctor

import (
	"path"
	"strconv"

	"github.com/lanstorm/lanstorm/internal/machine"
)

// checkModel reads the board's name from its device tree. Other machines often
// have none.
func (e *exam) checkModel() Check {
	model := machine.Model(e.root)
	if model == "" {
		return skipped("this machine does not tell its model (no /proc/device-tree/model)")
	}
	return ok("%s", model)
}

func (e *exam) checkPower() Check {
	bits, all, err := machine.Slowdowns(e.root)
	switch {
	case err == machine.ErrNotTold:
		return skipped("%v", err)
	case err != nil:
		return skipped("cannot be told: %v", err)
	case bits&machine.UnderVoltage != 0:
		return warning(machine.BetterPower, "under-voltage now: the Pi slows down and its Ethernet may fail")
	case bits>>machine.Past&machine.UnderVoltage != 0:
		return warning(machine.BetterPower, "there was under-voltage since the Pi started")
	case all:
		return ok("no under-voltage since the Pi started")
	}
	return ok("no under-voltage at this moment")
}

// hot is where a Raspberry Pi begins to slow down, in thousandths of a degree
// Celsius.
const hot = 80_000

func (e *exam) checkThrottling() Check {
	bits, known, _ := machine.Slowdowns(e.root)
	measured, err := machine.Number(e.root, path.Join(machine.Sensor(e.root, "sys/class/thermal/thermal_zone*/type", "cpu-thermal"), "temp"))
	degrees, so := "", ""
	if err == nil {
		degrees = strconv.Itoa(measured/1000) + " °C"
		so = "; it is at " + degrees
	}
	const slowed = machine.Capped | machine.Throttled | machine.TooHot
	switch {
	case known && bits&slowed != 0:
		return warning(remedyFor(bits), "the processor is slowed down now%s", so)
	case known && bits>>machine.Past&slowed != 0:
		return warning(remedyFor(bits>>machine.Past), "the processor was slowed down since the Pi started%s", so)
	case measured >= hot:
		return warning(machine.BetterCooling, "the processor is at %s", degrees)
	case known:
		return ok("none since the Pi started%s", so)
	case degrees != "":
		return ok("the processor is at %s; throttling itself is not reported", degrees)
	}
	return skipped("%v", machine.ErrNotTold)
}

// remedyFor looks for the cause elsewhere when the firmware names another
// than heat.
func remedyFor(bits uint64) string {
	if bits&machine.UnderVoltage != 0 && bits&machine.TooHot == 0 {
		return "mend the power supply first, see power"
	}
	return machine.BetterCooling
}
