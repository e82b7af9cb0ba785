package lab

import (
	"errors"
	"slices"
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
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(isLink(expr.MetaKeyOIFNAME, out), &expr.Masq{})})
	})
}

// filterChain adds a chain of rules that let packets pass or drop them.
func filterChain(c *nftables.Conn, table *nftables.Table, name string, hook *nftables.ChainHook) *nftables.Chain {
	return c.AddChain(&nftables.Chain{Name: name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter})
}

// isLink matches packets that came, or leave, by the link name.
func isLink(key expr.MetaKey, name string) []expr.Any {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: padded}}
}

// isProtocol matches packets of a protocol above IP.
func isProtocol(p byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}}}
}

// isICMP matches ICMP messages, of IPv4 or IPv6, of the types from first to last.
func isICMP(protocol, first, last byte) []expr.Any {
	return slices.Concat(isProtocol(protocol), load(expr.PayloadBaseTransportHeader, 0, 1), []expr.Any{
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{first}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{last}},
	})
}

// load loads a part of a packet.
func load(base expr.PayloadBase, offset, length uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}}
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
