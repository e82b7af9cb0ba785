package netmgr

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// etcLinks are what clients have in /etc/netns, where programs inside a namespace have
// their resolv.conf from (ip-netns(8)). /etc/netns/<name> is a symbolic link to a folder
// in /run, which is the same for all clients that were told the same name servers. Their
// links are one file with many names, for ext4 takes the longer to make a file, the more
// were deleted in the last minutes (recently_deleted in fs/ext4/ialloc.c): that alone
// could take most of the time of a thousand clients.
type etcLinks struct {
	mu      sync.Mutex
	made    bool                  // /etc/netns itself was not there before
	folders map[string]*etcFolder // by the text of their resolv.conf
	all     []string              // the paths of these, and of those that are one client's own
}

type etcFolder struct {
	path string
	link string // a client's that leads there; empty: none that is known
	own  bool   // one client's: its programs see what changes, as on any host
}

func (c *Client) etcLink() string { return filepath.Join(namespace.EtcDir, c.Name) }

// hasEtc reports whether programs in the client's namespace see a resolv.conf of its.
func (c *Client) hasEtc() bool {
	c.m.etc.mu.Lock()
	defer c.m.etc.mu.Unlock()
	return c.etc != nil
}

// writeResolvConf has programs that begin in the client's namespace see what it knows of
// name servers.
func (c *Client) writeResolvConf() error {
	e := &c.m.etc
	e.mu.Lock()
	defer e.mu.Unlock()
	text := c.resolvConf()
	if c.etc != nil && c.etc.own {
		return c.etc.write(text)
	}
	f := e.folders[text]
	if f == nil {
		var err error
		if f, err = c.m.newFolder(text); err != nil {
			return err
		}
		if e.folders == nil {
			e.folders = map[string]*etcFolder{}
		}
		e.folders[text] = f
	}
	return c.leadTo(f)
}

// ownResolvConf gives the client a folder of its own, before it starts a program.
func (c *Client) ownResolvConf() error {
	e := &c.m.etc
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.etc == nil || c.etc.own {
		return nil
	}
	f, err := c.m.newFolder(c.resolvConf())
	if err != nil {
		return err
	}
	f.own = true
	return c.leadTo(f)
}

// leadTo has the client's link lead to a folder. Like newFolder it needs the lock.
func (c *Client) leadTo(f *etcFolder) (err error) {
	if c.etc == f {
		return nil
	}
	link := c.etcLink()
	for range 3 {
		if c.etc == nil {
			err = f.lead(link)
		} else {
			err = f.replace(link, filepath.Join(namespace.EtcDir, c.m.etcDraft()+c.Name))
		}
		if !errors.Is(err, os.ErrNotExist) {
			break
		}
		if err := c.m.makeEtc(); err != nil { // or another run, which had made it, has just ended
			return err
		}
	}
	if err != nil {
		return err
	}
	if c.etc != nil && c.etc.link == link {
		c.etc.link = ""
	}
	f.link, c.etc = link, f
	return nil
}

// makeEtc makes /etc/netns, if it is not there.
func (m *NetworkManager) makeEtc() error {
	err := os.Mkdir(namespace.EtcDir, 0o755)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err == nil {
		m.etc.made = true
		namespace.SetMaker(namespace.EtcDir, m.opts.Journal.Mark())
	}
	return err
}

// newFolder makes a folder with this resolv.conf.
func (m *NetworkManager) newFolder(text string) (*etcFolder, error) {
	e := &m.etc
	home := m.opts.Journal.Folder()
	for n := len(e.all) + 1; ; n++ { // other managers of the run have theirs there, too
		f := &etcFolder{path: filepath.Join(home, fmt.Sprint("etc", n))}
		err := os.MkdirAll(home, 0o755)
		if err == nil {
			err = os.Mkdir(f.path, 0o755)
		}
		if errors.Is(err, os.ErrExist) || errors.Is(err, os.ErrNotExist) { // or have just removed it, without a journal
			continue
		}
		if err == nil {
			e.all = append(e.all, f.path)
			err = f.write(text)
		}
		return f, err
	}
}

func (f *etcFolder) write(text string) error {
	return os.WriteFile(filepath.Join(f.path, "resolv.conf"), []byte(text), 0o644)
}

// lead makes a link to the folder. It is an error when the name is taken.
func (f *etcFolder) lead(link string) error {
	// A file can have only so many names (65,000 on ext4), and some file systems give it one.
	if f.link != "" && os.Link(f.link, link) == nil {
		return nil
	}
	return os.Symlink(f.path, link)
}

// replace has a link that is there lead to the folder, in one step.
func (f *etcFolder) replace(link, draft string) error {
	if err := f.lead(draft); err != nil {
		return err
	}
	err := os.Rename(draft, link)
	if err != nil {
		_ = os.Remove(draft)
	}
	return err
}

// removeEtc takes away the client's link.
func (c *Client) removeEtc() error {
	e := &c.m.etc
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.etc == nil {
		return nil
	}
	if c.etc.link == c.etcLink() {
		c.etc.link = ""
	}
	if c.m.ownsEtc(c.etcLink()) { // and nobody has put something else in its place
		if err := os.Remove(c.etcLink()); err != nil {
			return err
		}
	}
	c.etc = nil
	return nil
}

// closeEtc takes away what all clients had together.
func (m *NetworkManager) closeEtc() error {
	e := &m.etc
	for _, path := range e.all {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if m.opts.Journal == nil { // and nobody else will
		_ = os.Remove(m.opts.Journal.Folder())
		_ = os.Remove(journal.Dir)
	}
	if e.made {
		_ = os.Remove(namespace.EtcDir) // fails, rightly, if others use it now
	}
	e.made, e.folders, e.all = false, nil, nil
	return nil
}

// etcDraft begins the names of links that have not their right name yet.
func (m *NetworkManager) etcDraft() string {
	return "." + filepath.Base(m.opts.Journal.Folder()) + "."
}

// ownsEtc reports whether a link is one to a folder of the manager's run.
func (m *NetworkManager) ownsEtc(link string) bool {
	to, err := os.Readlink(link)
	return err == nil && filepath.Dir(to) == m.opts.Journal.Folder()
}

// resolvConf is the client's, for those who read it inside (resolv.conf(5)).
func (c *Client) resolvConf() string {
	servers := c.nameServers()
	for i, a := range servers {
		if a.Zone() != "" { // programs know the link by its name
			servers[i] = a.WithZone(c.Link)
		}
	}
	return fmt.Sprintf("# %s\n%s", c.m.opts.Journal.Mark(), dhcp4.ResolvConf(c.search(), servers))
}

// linkOf reads to which run's folder a link leads.
var linkOf = regexp.MustCompile(`^` + regexp.QuoteMeta(journal.Dir) + `/([0-9]+-[0-9]+-[0-9]+\.[0-9]+)/etc[0-9]+$`)

// RemoveOrphans removes the links in /etc/netns of runs that have no journal, or in a
// dry run only counts them. After a loss of power /run is empty, with the journals, the
// namespaces and the folders, but /etc is as it was.
func RemoveOrphans(dry bool) (n int, err error) {
	links, err := os.ReadDir(namespace.EtcDir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ids := map[string]string{}
	for _, l := range links {
		path := filepath.Join(namespace.EtcDir, l.Name())
		to, _ := os.Readlink(path)
		if run := linkOf.FindStringSubmatch(to); run != nil && !namespace.Exists(l.Name()) {
			ids[path] = run[1]
		}
	}
	// Asked for after the links: a run has its journal before it makes any.
	runs, err := journal.Records()
	if err != nil {
		return 0, err
	}
	var errs []error
	for path, id := range ids {
		if slices.ContainsFunc(runs, func(r journal.Record) bool { return r.ID == id }) {
			continue
		}
		if to, _ := os.Readlink(path); linkOf.FindStringSubmatch(to) == nil || linkOf.FindStringSubmatch(to)[1] != id {
			continue // a run has just taken the name
		}
		if !dry {
			if err := removeFile(path); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		n++
	}
	return n, errors.Join(errs...)
}

// removeFile removes a file, if it is there.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
