package journal

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Entry is one line of a journal: exactly one of its fields is set.
type Entry struct {
	Run     *Header `json:"run,omitempty"`     // the first line
	Parent  string  `json:"parent,omitempty"`  // the link that the run's clients hang from
	Clients *Block  `json:"clients,omitempty"` // about to be made, with all that belongs to them
	Gone    *Block  `json:"gone,omitempty"`    // removed again, all of them
	Lease   *Lease  `json:"lease,omitempty"`   // granted, or lost
	Lease6  *Lease6 `json:"lease6,omitempty"`  // likewise, by DHCPv6
	Lab     string  `json:"lab,omitempty"`     // about to be built, under this name
}

// Header says whose journal it is.
type Header struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Command string    `json:"command"`
}

// Block is clients First to First+Count-1: namespaces <Prefix><i>, macvlans
// and links in /etc/netns.
type Block struct {
	Prefix string `json:"prefix"`
	First  int    `json:"first"`
	Count  int    `json:"count"`
}

func (b Block) overlaps(first, count int) bool {
	return first < b.First+b.Count && b.First < first+count
}

// Lease is what it takes to give a lease back. Without an address the client has
// none any more.
type Lease struct {
	Client  int          `json:"client"`
	Address netip.Prefix `json:"address"`
	Server  netip.Addr   `json:"server"`
	Until   time.Time    `json:"until,omitzero"` // from when on it may be another's; zero: never
}

// Held reports whether the lease is still the client's.
func (l Lease) Held() bool {
	return l.Address.IsValid() && (l.Until.IsZero() || time.Now().Before(l.Until))
}

// Lease6 is what it takes to give an address back that came by DHCPv6.
type Lease6 struct {
	Client  int        `json:"client"`
	Address netip.Addr `json:"address"`
	Server  string     `json:"server"` // its DUID (RFC 9915 §11), in hexadecimal digits
	Until   time.Time  `json:"until,omitzero"`
}

// Held reports whether the address is still the client's.
func (l Lease6) Held() bool {
	return l.Address.IsValid() && (l.Until.IsZero() || time.Now().Before(l.Until))
}

// Record is a journal read back: what stood, at most, when it was last written.
type Record struct {
	Header
	ID      string
	Live    bool // its process is alive
	Undone  bool // it is dead, and another process is at work to undo it
	Parent  string
	Blocks  []Block
	Leases  map[int]Lease // by client
	Leases6 map[int]Lease6
	Labs    []string
}

// Mark is what the run's namespaces carry, so that they can be told from
// others of the same name.
func (r Record) Mark() string { return mark(r.ID) }

func mark(id string) string { return "lanstorm " + id }

// read folds a journal. What follows the last whole line was being written
// when the process died, so what it announces was not made.
func read(dir string) (Record, error) {
	r := Record{ID: filepath.Base(dir), Leases: map[int]Lease{}, Leases6: map[int]Lease6{}}
	f, err := os.Open(filepath.Join(dir, fileName))
	if err != nil {
		return r, err
	}
	defer f.Close()
	r.Live, r.Undone = isHeld(f, runLock), isHeld(f, undoLock)
	data, err := io.ReadAll(f)
	if err != nil {
		return r, err
	}
	for line := range bytes.Lines(data) {
		var e Entry
		if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &e) == nil {
			r.add(e)
		}
	}
	return r, nil
}

func (r *Record) add(e Entry) {
	switch {
	case e.Run != nil:
		r.Header = *e.Run
	case e.Parent != "":
		r.Parent = e.Parent
	case e.Clients != nil:
		r.Blocks = append(r.Blocks, *e.Clients)
	case e.Gone != nil:
		r.Blocks = slices.DeleteFunc(r.Blocks, func(b Block) bool { return b == *e.Gone })
		for i := e.Gone.First; i < e.Gone.First+e.Gone.Count; i++ {
			delete(r.Leases, i)
			delete(r.Leases6, i)
		}
	case e.Lease != nil:
		r.Leases[e.Lease.Client] = *e.Lease
	case e.Lease6 != nil:
		r.Leases6[e.Lease6.Client] = *e.Lease6
	case e.Lab != "":
		r.Labs = append(r.Labs, e.Lab)
	}
}
