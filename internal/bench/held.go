package bench

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/procfs"
)

// Held is what is in use, or what one client holds while it stands and does
// nothing. What cannot be read is zero.
type Held struct {
	Resident int     // bytes of this process, garbage included
	Kernel   int     // bytes that are not available any more on this machine (MemAvailable), but for those
	Files    float64 // open ones of this process
	Threads  int     // of this process, in all; Go never ends one that it has no use for
}

// InUse is what this process and this machine use at the moment.
func InUse() (h Held) {
	if self, err := procfs.Self(); err == nil {
		if stat, err := self.Stat(); err == nil {
			h.Resident, h.Threads = stat.RSS*os.Getpagesize(), stat.NumThreads
		}
		files, _ := self.FileDescriptorsLen()
		h.Files = float64(files)
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if info, err := fs.Meminfo(); err == nil && info.MemAvailableBytes != nil {
			h.Kernel = int(*info.MemTotalBytes-*info.MemAvailableBytes) - h.Resident
		}
	}
	return h
}

// each is what each of n clients holds that were made since before. Others, such as
// the DHCP server, use memory meanwhile: what the kernel has for a few drowns in that.
func (h Held) each(before Held, n int) Held {
	h.Resident = (h.Resident - before.Resident) / n
	h.Kernel = (h.Kernel - before.Kernel) / n
	if n < 1000 {
		h.Kernel = 0
	}
	h.Files = (h.Files - before.Files) / float64(n)
	return h
}

// Settle gives back the memory that this process has no use for, and waits until
// the kernel has done so with that of earlier clients, for ten seconds at most.
func Settle(ctx context.Context) {
	debug.FreeOSMemory()
	for before, i := InUse().Kernel, 0; i < 30 && ctx.Err() == nil; i++ {
		time.Sleep(300 * time.Millisecond)
		now := InUse().Kernel
		if before-now < 1<<20 {
			return
		}
		before = now
	}
}
