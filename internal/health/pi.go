package health

import (
	"io/fs"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/machine"
)

// slowdowns are in the order of machine's bits.
var slowdowns = [...]string{"under-voltage", "frequency capped", "throttled", "too hot"}

// pi watches whether a Raspberry Pi is slowed down.
type pi struct {
	root fs.FS

	seen   bool
	before uint64 // all bits
	slowed uint64 // the low bits, collected
}

func (p *pi) read(time.Time) error {
	bits, _, err := machine.Slowdowns(p.root)
	if err != nil {
		return err
	}
	if !p.seen {
		p.before = bits // what was of late at the first reading was before it
	}
	p.slowed |= (bits | (bits&^p.before)>>machine.Past) & (1<<len(slowdowns) - 1)
	p.seen, p.before = true, bits
	return nil
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
	remedy := machine.BetterCooling
	if p.slowed&machine.UnderVoltage != 0 {
		remedy = machine.BetterPower
	}
	r.limit(Throttled, remedy, "the Raspberry Pi was slowed down (%s)", strings.Join(why, ", "))
}
