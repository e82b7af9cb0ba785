package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// flushTime is how long packets may wait for tcpdump in a block of its ring that
// is not full (packet_mmap.rst). Once interrupted, it leaves them there.
const flushTime = 1500 * time.Millisecond

// captured calls do while tcpdump(8), a process of its own that has nothing to do
// with lanstorm, writes down what of link the filter lets through. It returns what
// tcpdump wrote: a line for each packet, and at the end how many it lost.
func captured(ctx context.Context, link, filter string, do func() error) (text string, err error) {
	// Only into files of such a name AppArmor lets tcpdump write on some systems.
	file, err := os.CreateTemp("", "lanstorm-bench-*.pcap")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	// Its buffer of 64 MB has room for a minute of pings.
	cmd := exec.CommandContext(ctx, "tcpdump", "-i", link, "-tt", "--nano", "-e", "-n", "-p", "-s", "128", "-B", "65536", filter)
	cmd.Stdout = file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", err
	}
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stderr, &said))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "listening on") {
			err = do()
			time.Sleep(flushTime)
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	if ended := cmd.Wait(); ended != nil {
		return "", errors.Join(err, fmt.Errorf("tcpdump: %w: %s", ended, strings.TrimSpace(said.String())))
	}
	packets, readErr := os.ReadFile(file.Name())
	return string(packets) + said.String(), errors.Join(err, readErr)
}

// moment reads a time that tcpdump wrote by -tt, in seconds since 1970.
func moment(text string) time.Duration {
	d, _ := time.ParseDuration(text + "s") // which is exact, unlike a float64
	return d
}
