package lab

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// neighboursTable is the nftables table of a router with few neighbours.
const neighboursTable = "neighbours"

// setNeighbours lets the router hear by IPv6 only the first n hosts, or all if n is 0;
// of the others it hears what gets them an address: nft's
//
//	iifname "lan" icmpv6 type nd-router-solicit accept
//	iifname "lan" udp dport 547 accept
//	iifname "lan" add @few { ether saddr } accept
//	iifname "lan" drop
//
// in a prerouting chain of family ip6. A neighbour table as small, which would forget
// them by turns, is not to be had: all namespaces share one.
func setNeighbours(router *namespace.NS, n int) error {
	table := &nftables.Table{Family: nftables.TableFamilyIPv6, Name: neighboursTable}
	return withNftables(router, func(c *nftables.Conn) {
		c.AddTable(table) // to delete what is not there would be an error
		c.DelTable(table)
		if n == 0 {
			return
		}
		c.AddTable(table)
		few := &nftables.Set{Table: table, Name: "few", KeyType: nftables.TypeEtherAddr, Dynamic: true, Size: uint32(n)}
		_ = c.AddSet(few, nil) // the error is of elements, and it has none
		chain := filterChain(c, table, "in", nftables.ChainHookPrerouting)
		const solicitation = byte(ipv6.ICMPTypeRouterSolicitation)
		accept := &expr.Verdict{Kind: expr.VerdictAccept}
		for _, rule := range [][]expr.Any{
			append(isICMP(unix.IPPROTO_ICMPV6, solicitation, solicitation), accept),
			append(slices.Concat(isProtocol(unix.IPPROTO_UDP), load(expr.PayloadBaseTransportHeader, 2, 2)),
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{547 >> 8, 547 & 0xff}}, accept),
			append(etherSource(),
				&expr.Dynset{SrcRegKey: 1, SetName: few.Name, SetID: few.ID, Operation: unix.NFT_DYNSET_OP_ADD}, accept),
			{&expr.Verdict{Kind: expr.VerdictDrop}},
		} {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(isLink(expr.MetaKeyIIFNAME, "lan"), rule)})
		}
	})
}

// etherSource loads the MAC address that a packet came from.
func etherSource() []expr.Any { return load(expr.PayloadBaseLLHeader, 6, 6) }
