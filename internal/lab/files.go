package lab

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// files are bytes to download, of any length, of which none is held in memory:
// all are one block, again and again, that no compression makes shorter. It is a
// file, so that the kernel sends it by sendfile(2).
type files struct{ block *os.File }

// blockSize is the length of the block.
const blockSize = 1 << 20

// openFiles makes the block, the same in every run, in a file without a name.
func (l *Lab) openFiles() (files, error) {
	fd, err := unix.MemfdCreate("lanstorm-download", unix.MFD_CLOEXEC)
	if err != nil {
		return files{}, fmt.Errorf("memfd: %w", err)
	}
	f := files{os.NewFile(uintptr(fd), "download")}
	l.defers(f.block.Close)
	_, err = io.CopyN(f.block, rand.NewChaCha8([32]byte{}), blockSize)
	return f, err
}

// mostBytes is the size of the largest file.
const mostBytes = 100e9

var (
	fileName = regexp.MustCompile(`^([1-9][0-9]{0,8})([KMG])B\.zip$`)
	units    = map[string]int64{"K": 1e3, "M": 1e6, "G": 1e9}
)

// download sends the file that the request names, such as 20MB.zip: 20,000,000
// bytes.
func (f files) download(w http.ResponseWriter, r *http.Request) {
	m := fileName.FindStringSubmatch(r.PathValue("file"))
	if m == nil {
		http.NotFound(w, r)
		return
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // which nine digits are
	if n *= units[m[2]]; n > mostBytes {
		http.NotFound(w, r)
		return
	}
	f.send(w, r, "application/zip", n)
}

// send sends size bytes, or the part of them that the request wants.
func (f files) send(w http.ResponseWriter, r *http.Request, contentType string, size int64) {
	// An open file of its own has an offset of its own.
	block, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.block.Fd()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer block.Close()
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(repeater{w}, r, "", time.Time{}, &repeated{block: block, size: size})
}

// repeated is size bytes, the block again and again.
type repeated struct {
	block    *os.File
	size, at int64
}

func (c *repeated) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), c.size-c.at, blockSize-c.at%blockSize)
	read, err := c.block.ReadAt(p[:n], c.at%blockSize)
	c.at += int64(read)
	return read, err
}

func (c *repeated) Seek(offset int64, whence int) (int64, error) {
	c.at = offset + map[int]int64{io.SeekCurrent: c.at, io.SeekEnd: c.size}[whence]
	return c.at, nil
}

// repeater copies what is repeated from the file itself, which is what package
// net needs to see for sendfile.
type repeater struct{ http.ResponseWriter }

func (w repeater) ReadFrom(r io.Reader) (sent int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(w.ResponseWriter, r)
	}
	c, ok := limited.R.(*repeated)
	if !ok {
		return io.Copy(w.ResponseWriter, r)
	}
	for sent < limited.N && err == nil {
		var n int64
		if _, err = c.block.Seek((c.at+sent)%blockSize, io.SeekStart); err == nil {
			n, err = io.CopyN(w.ResponseWriter, c.block, min(limited.N-sent, blockSize-(c.at+sent)%blockSize))
		}
		sent += n
	}
	return sent, err
}

// buffers are for uploads: with what io.Copy takes, reading costs three times as
// much.
var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// upload reads to the end and answers how many bytes that were.
func upload(w http.ResponseWriter, r *http.Request) {
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	for total := int64(0); ; {
		n, err := r.Body.Read(buffer[:])
		total += int64(n)
		if err == io.EOF {
			fmt.Fprintln(w, total)
			return
		}
		if err != nil {
			return // of a client that went away
		}
	}
}
