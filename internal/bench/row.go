package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Row is one number of clients measured several times.
type Row struct {
	Server, Mode string
	Clients      int
	Round
}

// sum is the round that made its clients in the median time. What clients hold is
// that of the first: the kernel and Go keep memory that was given back, so later
// ones find what they need. The tester is as it was when it first was at a limit.
func sum(rounds []Round) Round {
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b Round) int { return cmp.Compare(a.Create, b.Create) })
	all := sorted[(len(sorted)-1)/2]
	all.Held = rounds[0].Held
	if i := slices.IndexFunc(rounds, func(r Round) bool { return !r.Tester.Clean() }); i >= 0 {
		all.Tester = rounds[i].Tester
	}
	return all
}

// Heads are the titles of a table's columns, and String is a line of it.
const Heads = "clients\tserver\tmode\tcreate\tlinks\tlease\tconfigure\tleases/s\tresent\tremove\tresident\tkernel\tfiles\tthreads\t  verdict"

func (r Row) String() string {
	kernel := "-"
	if r.Kernel != 0 {
		kernel = fmt.Sprintf("%d KB", r.Kernel>>10)
	}
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d KB\t%s\t%.2f\t%d\t  %s", r.Clients, r.Server, r.Mode,
		measure.Short(r.Create), measure.Short(r.Links), measure.Short(r.Lease), measure.Short(r.Configure), r.LeaseRate, r.Resent, measure.Short(r.Remove),
		r.Resident>>10, kernel, r.Files, r.Threads, r.Tester)
}

// MarshalJSON gives every figure under a name with its unit.
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"server": r.Server, "mode": r.Mode, "clients": r.Clients,
		"create_seconds": r.Create.Seconds(), "links_seconds": r.Links.Seconds(),
		"lease_seconds": r.Lease.Seconds(), "configure_seconds": r.Configure.Seconds(),
		"leases_per_second": r.LeaseRate, "messages_resent": r.Resent, "remove_seconds": r.Remove.Seconds(),
		"resident_bytes_per_client": r.Resident, "kernel_bytes_per_client": r.Kernel,
		"descriptors_per_client": r.Files, "threads": r.Threads,
		"tester": r.Tester.String(), "tester_clean": r.Tester.Clean(),
	})
}
