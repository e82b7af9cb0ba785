package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/netmgr"
)

// What a client takes besides netmgr's limits. Memory was measured with a thousand
// of them: 270 KB in the kernel and 40 KB in this process each. Workloads take more
// descriptors than pings.
const (
	bytesPerClient       = 310 << 10
	descriptorsPerClient = 8
)

// checkDescriptors reads this process's own limit, which the Go runtime has
// raised to the hard one.
func (e *exam) checkDescriptors() Check {
	limits, err := fs.ReadFile(e.root, "proc/self/limits")
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	soft := ""
	if value, found := fields(limits, "Max open files")[""]; found {
		soft = strings.Fields(value + " ?")[0]
	}
	if soft == "unlimited" {
		return ok("unlimited")
	}
	limit, err := strconv.Atoi(soft)
	if err != nil {
		return skipped("cannot be told: /proc/self/limits says %q", soft)
	}
	most := netmgr.Descriptors
	most.Each = descriptorsPerClient
	least, need := netmgr.Descriptors.Need(e.Clients), most.Need(e.Clients)
	remedy := fmt.Sprintf("sudo prlimit --nofile=%d %s run ...", need, machine.Program())
	switch {
	case least > limit:
		return problem(remedy, "%d allowed; %d clients need %d", limit, e.Clients, least)
	case need > limit:
		return warning(remedy, "%d allowed; %d clients that do more than ping may need %d", limit, e.Clients, need)
	}
	return ok("%d allowed, enough for %d clients", limit, most.Enough(limit))
}

// checkMemory asks for what can be had without swapping, see proc_meminfo(5).
func (e *exam) checkMemory() Check {
	info, err := fs.ReadFile(e.root, "proc/meminfo")
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	text := strings.TrimSuffix(fields(info, ":")["MemAvailable"], " kB")
	kib, err := strconv.Atoi(text)
	if err != nil {
		return skipped("cannot be told: /proc/meminfo says %q", text)
	}
	free, need := kib<<10, e.Clients*bytesPerClient
	const remedy = "use fewer clients, or end what else needs memory on this machine"
	switch {
	case need > free:
		return problem(remedy, "%d MB available; %d clients need about %d MB", free>>20, e.Clients, need>>20)
	case need > free/4*3:
		return warning(remedy, "%d MB available, of which %d clients take about %d MB", free>>20, e.Clients, need>>20)
	}
	return ok("%d MB available, enough for about %d clients", free>>20, free/bytesPerClient)
}

// checkLimit compares a limit of the kernel with what clients need of it. Every
// run raises one that is too low if it can, and puts it back at its end. Some are
// shown to the host's own network namespace alone.
func checkLimit(l netmgr.Limit, what string) func(*exam) Check {
	return func(e *exam) Check {
		key := "proc/sys/" + l.Keys[len(l.Keys)-1]
		limit, err := machine.Number(e.root, key)
		if errors.Is(err, fs.ErrNotExist) {
			return skipped("/%s is not shown here, as in a container", key)
		}
		if err != nil {
			return skipped("cannot be told: %v", err)
		}
		if limit >= l.Need(e.Clients) {
			return ok("room for %d %s, enough for %d clients", limit, what, l.Enough(limit))
		}
		finding := fmt.Sprintf("room for %d %s, too few for %d clients", limit, what, e.Clients)
		switch {
		case !e.known[isRoot]:
			return skipped("%s; whether a run can raise that, only root can tell", finding)
		case e.access("/"+key, unix.W_OK) == nil:
			return ok("%s; a run raises that, and puts it back", finding)
		}
		remedy := "on the host: sudo sysctl -w"
		for _, k := range l.Keys {
			remedy += fmt.Sprintf(" %s=%d", strings.ReplaceAll(k, "/", "."), netmgr.Plenty(e.Clients))
		}
		status := Warning
		if l.Hard {
			status = Problem
		}
		return Check{Status: status, Finding: finding + ", and a run cannot raise that from here", Remedy: remedy}
	}
}

// checkClock looks whether this machine knows what time it is: a Pi has no clock that
// goes on while it is off. Whoever keeps it right tells the kernel (adjtimex(2)).
func (e *exam) checkClock() Check {
	now, synchronised, err := e.clock()
	const remedy = "connect it to a time server: sudo timedatectl set-ntp true, and see timedatectl"
	switch {
	case err != nil:
		return skipped("cannot be told: %v", err)
	case now.Year() < 2025:
		return warning(remedy, "it says %s: results get wrong dates, and https fails", now.Format(time.DateOnly))
	case !synchronised:
		return warning(remedy, "it says %s, and nothing keeps it right", now.Format(time.DateTime))
	}
	return ok("%s, kept right by a time server", now.Format(time.DateTime))
}

func kernelClock() (now time.Time, synchronised bool, err error) {
	var t unix.Timex // asks for no change
	_, err = unix.Adjtimex(&t)
	return time.Now(), t.Status&unix.STA_UNSYNC == 0, err
}
