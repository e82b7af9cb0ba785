package lab

import (
	"errors"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Masquerade hides what leaves by the link out behind the router's address
// there: nft's `oifname "wan" masquerade` in a postrouting chain.
func Masquerade(router *namespace.NS, out string) error {
	return withNftables(router, func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "lab"})
		chain := c.AddChain(&nftables.Chain{
			Name:     "postrouting",
			Table:    table,
			Type:     nftables.ChainTypeNAT,
			Hooknum:  nftables.ChainHookPostrouting,
			Priority: nftables.ChainPriorityNATSource,
		})
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, out)
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
			&expr.Masq{},
		}})
	})
}

// withNftables makes the changes that change lists, all of them or none.
func withNftables(ns *namespace.NS, change func(*nftables.Conn)) error {
	var c *nftables.Conn
	err := ns.Do(func() (err error) {
		c, err = nftables.New(nftables.AsLasting())
		return err
	})
	if err != nil {
		return err
	}
	defer c.CloseLasting()
	change(c)
	if err := c.Flush(); err != nil { // one line for each message that failed
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}
