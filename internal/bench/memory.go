package bench

import (
	"context"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Idle is what clients hold while they stand and do nothing.
type Idle struct {
	// Resident is bytes of this process for each client: how much its resident
	// memory grew, garbage of the making included.
	Resident float64

	// Kernel is bytes for each client by which the memory that is available on
	// this machine shrank (MemAvailable), less those that are resident here;
	// Slab and PerCPU are the kernel's own accounts of two parts of it. Others
	// use memory meanwhile, the DHCP server among them, so this is an estimate,
	// which few clients drown in noise.
	Kernel, Slab, PerCPU float64

	Descriptors float64 // open files of this process for each client
	Threads     float64 // of this process in all; Go never ends one that it has no use for
}

// stock is what this process and the kernel hold at one moment, in bytes. What
// cannot be read is zero.
type stock struct {
	resident, available, slab, perCPU int
	descriptors, threads              int
}

// A machine that has just removed thousands of clients goes on giving back what
// they held for a while.
const (
	settleTime = 10 * time.Second       // at most
	settleStep = 300 * time.Millisecond // in which little must change
	settled    = 1 << 20                // bytes that are little
)

// settle waits until the kernel is done with clients that were removed.
func settle(ctx context.Context) {
	before := readStock()
	for end := time.Now().Add(settleTime); ctx.Err() == nil && time.Now().Before(end); {
		time.Sleep(settleStep)
		now := readStock()
		if abs(now.available-before.available) < settled && abs(now.slab-before.slab) < settled {
			return
		}
		before = now
	}
}

func abs(n int) int { return max(n, -n) }

// takeStock first gives back the memory that this process has no use for, so
// that what grows afterwards is what grows.
func takeStock() stock {
	debug.FreeOSMemory()
	return readStock()
}

func readStock() (s stock) {
	if self, err := procfs.Self(); err == nil {
		if stat, err := self.Stat(); err == nil {
			s.resident, s.threads = stat.RSS*os.Getpagesize(), stat.NumThreads
		}
		s.descriptors, _ = self.FileDescriptorsLen()
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if info, err := fs.Meminfo(); err == nil {
			s.available, s.slab, s.perCPU = value(info.MemAvailableBytes), value(info.SlabBytes), value(info.PercpuBytes)
		}
	}
	return s
}

func value(n *uint64) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

// until tells what n clients hold that were made since s.
func (s stock) until(now stock, n int) Idle {
	each := func(bytes int) float64 { return float64(bytes) / float64(n) }
	resident := now.resident - s.resident
	return Idle{
		Resident:    each(resident),
		Kernel:      each(s.available - now.available - resident),
		Slab:        each(now.slab - s.slab),
		PerCPU:      each(now.perCPU - s.perCPU),
		Descriptors: each(now.descriptors - s.descriptors),
		Threads:     float64(now.threads),
	}
}

// oneLine is an error's text for a table.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
