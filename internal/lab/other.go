package lab

import (
	"os"
	"slices"
	"strings"
	"time"
)

// Other is a program that speaks IPv6 in the router in the lab's place: see
// Options.Others6. In its arguments and its configuration, FOLDER stands for the
// folder of its files, and its link is lan.
type Other struct {
	Command   string // to look for; of systemd-networkd its path
	Package   string // Debian's
	Ready     string // what a line of its log contains once it serves
	Args      []string
	ConfFile  string // a name in FOLDER
	Conf      string // what is in it
	LeaseFile string // likewise, empty when the program starts; "": it leases nothing
	Count     func(leases string, now time.Time) int
}

// Run has the program serve until the lab closes. Leases6 counts by its file.
func (l *Lab) Run(o Other) (err error) {
	var p *program
	if o.Command == networkd {
		p, err = l.newNetworkd(o.Ready)
	} else {
		p, err = l.newProgram(Server(o.Command), o.Command, o.Package, o.Ready)
	}
	if err != nil {
		return err
	}
	p.words = unconfined(p.words)
	p.env = append(p.env, keaFolders(p.file(""))...)
	fill := func(text string) string { return strings.ReplaceAll(text, "FOLDER/", p.file("")+"/") }
	c := &configured{program: p, ipv6: true, confFile: p.file(o.ConfFile), config: []byte(fill(o.Conf)), args: slices.Clone(o.Args)}
	for i, arg := range c.args {
		c.args[i] = fill(arg)
	}
	if o.Count != nil {
		c.leaseFile, c.count = p.file(o.LeaseFile), o.Count
		c.prepare = func() error { return os.WriteFile(c.leaseFile, nil, 0o644) }
		l.ipv6.count = c.leases
	}
	return c.serve()
}
