package lab

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// starveTable is the nftables table that keeps the others of the first client.
const starveTable = "starve"

// setStarving lets the TCP of the first client through and little of the others',
// by a set that has room for one: nft's
//
//	meta l4proto tcp oifname "wan" add @first { ip saddr } accept
//	meta l4proto tcp iifname "wan" ip daddr @first accept
//	meta l4proto tcp limit rate 20/second accept
//	meta l4proto tcp drop
//
// in a forward chain. To add what is there already succeeds; what finds no room
// goes on to the next rule.
func setStarving(router *namespace.NS, on bool) error {
	return withNftables(router, func(c *nftables.Conn) {
		table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: starveTable}
		if !on {
			c.DelTable(table)
			return
		}
		c.AddTable(table)
		first := &nftables.Set{Table: table, Name: "first", KeyType: nftables.TypeIPAddr, Dynamic: true, Size: 1}
		_ = c.AddSet(first, nil) // the error is of elements, and it has none
		chain := c.AddChain(&nftables.Chain{
			Name:     "forward",
			Table:    table,
			Type:     nftables.ChainTypeFilter,
			Hooknum:  nftables.ChainHookForward,
			Priority: nftables.ChainPriorityFilter,
		})
		const source, destination = 12, 16 // in the IPv4 header
		accept := &expr.Verdict{Kind: expr.VerdictAccept}
		for _, rule := range [][]expr.Any{
			append(slices.Concat(isLink(expr.MetaKeyOIFNAME, "wan"), address(source)),
				&expr.Dynset{SrcRegKey: 1, SetName: first.Name, SetID: first.ID, Operation: unix.NFT_DYNSET_OP_ADD}, accept),
			append(slices.Concat(isLink(expr.MetaKeyIIFNAME, "wan"), address(destination)),
				&expr.Lookup{SourceRegister: 1, SetName: first.Name, SetID: first.ID}, accept),
			{&expr.Limit{Type: expr.LimitTypePkts, Rate: 20, Unit: expr.LimitTimeSecond, Burst: 5}, accept},
			{&expr.Verdict{Kind: expr.VerdictDrop}},
		} {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(isProtocol(unix.IPPROTO_TCP), rule)})
		}
	})
}

// address loads an address of the IPv4 header.
func address(offset uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4}}
}
