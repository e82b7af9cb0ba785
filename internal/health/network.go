package health

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// softnet watches the queues of received packets that each processor has
// (/proc/net/softnet_stat, net-procfs.c). They are the whole machine's, in
// whichever namespace they are read: what overflows may have been the clients'.
type softnet struct {
	proc string
	root fs.FS

	before  map[uint32]procfs.SoftnetStat // by processor
	dropped int
}

func (s *softnet) read(time.Time) error {
	proc, err := procfs.NewFS(s.proc)
	if err != nil {
		return err
	}
	stats, err := proc.NetSoftnetStat()
	if err != nil {
		return err
	}
	now := map[uint32]procfs.SoftnetStat{}
	for _, stat := range stats {
		now[stat.Index] = stat
		if before, known := s.before[stat.Index]; known {
			s.dropped += int(stat.Dropped - before.Dropped) // right even when they wrap
		}
	}
	s.before = now
	return nil
}

func (s *softnet) judge(r *Report) {
	if s.dropped == 0 {
		return
	}
	is, remedy := tooLow(s.root, "net.core.netdev_max_backlog")
	r.limit(Softnet, remedy, "%s dropped before a processor came to them, as softnet_stat says (%s)", measure.Times(s.dropped, "packet"), is)
}

// neighbours watches the tables of neighbours, one for IPv4 and one for IPv6,
// which all namespaces share. When one is full a packet to a new neighbour is
// dropped and counted in table_fulls (neighbour.c). /proc shows the counters
// in the first network namespace only, hence by its first process.
type neighbours struct {
	root  fs.FS
	fulls [2]counter
}

func (n *neighbours) read(time.Time) error {
	for i, table := range []string{"arp_cache", "ndisc_cache"} {
		fulls, err := tableFulls(n.root, "proc/net/stat/"+table)
		if errors.Is(err, fs.ErrNotExist) {
			fulls, err = tableFulls(n.root, "proc/1/net/stat/"+table)
		}
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return err
		}
		n.fulls[i].read(fulls)
	}
	return nil
}

// tableFulls sums a column over the processors. procfs.NetStat would read all
// files of the folder, and fail for any.
func tableFulls(root fs.FS, name string) (sum int, err error) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	titles, lines, _ := strings.Cut(string(data), "\n")
	column := slices.Index(strings.Fields(titles), "table_fulls")
	if column < 0 {
		return 0, errors.New("this kernel does not count overflows of the neighbour table")
	}
	for line := range strings.Lines(lines) {
		fields := strings.Fields(line)
		if column >= len(fields) {
			return 0, fmt.Errorf("%s: a line is too short", name)
		}
		n, err := strconv.ParseUint(fields[column], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += int(n)
	}
	return sum, nil
}

func (n *neighbours) judge(r *Report) {
	for i, family := range []string{"ipv4", "ipv6"} {
		if fulls := n.fulls[i].grown; fulls > 0 {
			is, remedy := tooLow(n.root, "net."+family+".neigh.default.gc_thresh3")
			r.limit(Neighbours, remedy, "%s not sent, because the table of neighbours was full (%s)", measure.Times(fulls, "packet"), is)
		}
	}
}

// tooLow tells a setting of the kernel and how to raise it. Some are shown to
// the first network namespace alone.
func tooLow(root fs.FS, key string) (is, remedy string) {
	limit, err := machine.Number(root, "proc/sys/"+strings.ReplaceAll(key, ".", "/"))
	if err != nil {
		return key + " is too low", "raise " + key + " on the host"
	}
	return fmt.Sprintf("%s is %d", key, limit), fmt.Sprintf("sudo sysctl -w %s=%d", key, 1<<bits.Len(uint(2*limit)))
}
