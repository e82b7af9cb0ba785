package doctor

import "testing"

const (
	firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
	voltage  = "sys/class/hwmon/hwmon1/name"
	alarm    = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
	zone     = "sys/class/thermal/thermal_zone0/type"
	degrees  = "sys/class/thermal/thermal_zone0/temp"
)

func TestCheckModel(t *testing.T) {
	compare(t, "ok: Raspberry Pi 4 Model B Rev 1.4", examine(t, Options{}, pi4).checkModel())
	compare(t, "skipped: this machine does not tell its model (no /proc/device-tree/model)", examine(t, Options{}, nil).checkModel())
}

func TestCheckPower(t *testing.T) {
	const remedy = " -> use the power supply made for this Pi and a short cable, and power USB devices on their own"
	const now = "warning: under-voltage now: the Pi slows down and its Ethernet may fail" + remedy
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"never too low", map[string]string{firmware: "0\n"}, "ok: no under-voltage since the Pi started"},
		{"too low, and throttled for it", map[string]string{firmware: "50005\n"}, now},
		{"too low once", map[string]string{firmware: "0x50000\n"}, "warning: there was under-voltage since the Pi started" + remedy},
		{"hot but well fed", map[string]string{firmware: "80008\n"}, "ok: no under-voltage since the Pi started"},
		{"the firmware of a Pi whose folder has an address",
			map[string]string{"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "1\n"}, now},
		{"nonsense from the firmware", map[string]string{firmware: "warm\n"}, `skipped: cannot be told: get_throttled says "warm"`},
		{"the driver, no alarm", map[string]string{"sys/class/hwmon/hwmon0/name": "cpu_thermal\n", voltage: "rpi_volt\n", alarm: "0\n"},
			"ok: no under-voltage at this moment"},
		{"the driver, alarm", map[string]string{voltage: "rpi_volt\n", alarm: "1\n"}, now},
		{"the driver, silent", map[string]string{voltage: "rpi_volt\n"},
			"skipped: cannot be told: open sys/class/hwmon/hwmon1/in0_lcrit_alarm: file does not exist"},
		{"another machine's sensor", map[string]string{voltage: "nct6775\n", alarm: "1\n"}, "skipped: not reported by this machine"},
		{"another machine", nil, "skipped: not reported by this machine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{}, tt.files).checkPower())
		})
	}
}

func TestCheckThrottling(t *testing.T) {
	const cool = " -> cool the Pi: a heat sink, a fan, an open case"
	const feed = " -> mend the power supply first, see power"
	warm := map[string]string{zone: "cpu-thermal\n", degrees: "61322\n"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"never", both(warm, map[string]string{firmware: "0\n"}), "ok: none since the Pi started; it is at 61 °C"},
		{"never, without a thermometer", map[string]string{firmware: "0\n"}, "ok: none since the Pi started"},
		{"now, for heat", map[string]string{firmware: "e0008\n", zone: "cpu-thermal\n", degrees: "81000\n"},
			"warning: the processor is slowed down now; it is at 81 °C" + cool},
		{"now, for want of power", both(warm, map[string]string{firmware: "50005\n"}),
			"warning: the processor is slowed down now; it is at 61 °C" + feed},
		{"once, for heat", both(warm, map[string]string{firmware: "e0000\n"}),
			"warning: the processor was slowed down since the Pi started; it is at 61 °C" + cool},
		{"once, for want of power", map[string]string{firmware: "50000\n"},
			"warning: the processor was slowed down since the Pi started" + feed},
		{"only a thermometer", warm, "ok: the processor is at 61 °C; throttling itself is not reported"},
		{"only a thermometer, hot", map[string]string{zone: "cpu-thermal\n", degrees: "80000\n"}, "warning: the processor is at 80 °C" + cool},
		{"a thermometer of something else", map[string]string{zone: "iwlwifi_1\n", degrees: "90000\n"}, "skipped: not reported by this machine"},
		{"another machine", nil, "skipped: not reported by this machine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{}, tt.files).checkThrottling())
		})
	}
}
