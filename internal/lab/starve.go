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

// starved is where the addresses of a family are in its header.
var starved = []struct {
	protocol                    byte // as meta nfproto has it
	set                         string
	key                         nftables.SetDatatype
	source, destination, length uint32
}{
	{unix.NFPROTO_IPV4, "first4", nftables.TypeIPAddr, 12, 16, 4},
	{unix.NFPROTO_IPV6, "first6", nftables.TypeIP6Addr, 8, 24, 16},
}

// setStarving lets the TCP of the first client through and little of the others',
// by a set that has room for one: nft's
//
//	meta l4proto tcp oifname "wan" add @first { ether saddr } add @first4 { ip saddr } accept
//	meta l4proto tcp iifname "wan" ip daddr @first4 accept
//	meta l4proto tcp oifname "wan" add @first { ether saddr } add @first6 { ip6 saddr } accept
//	meta l4proto tcp iifname "wan" ip6 daddr @first6 accept
//	meta l4proto tcp limit rate 20/second accept
//	meta l4proto tcp drop
//
// in a forward chain. To add what is there already succeeds; what finds no room
// goes on to the next rule.
func setStarving(router *namespace.NS, on bool) error {
	return withNftables(router, func(c *nftables.Conn) {
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: starveTable}
		if !on {
			c.DelTable(table)
			return
		}
		c.AddTable(table)
		set := func(name string, key nftables.SetDatatype, size uint32) *nftables.Set {
			s := &nftables.Set{Table: table, Name: name, KeyType: key, Dynamic: true, Size: size}
			_ = c.AddSet(s, nil) // the error is of elements, and it has none
			return s
		}
		add := func(s *nftables.Set) expr.Any {
			return &expr.Dynset{SrcRegKey: 1, SetName: s.Name, SetID: s.ID, Operation: unix.NFT_DYNSET_OP_ADD}
		}
		first := set("first", nftables.TypeEtherAddr, 1)
		chain := filterChain(c, table, "forward", nftables.ChainHookForward)
		rule := func(parts ...[]expr.Any) {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(isProtocol(unix.IPPROTO_TCP), slices.Concat(parts...))})
		}
		accept := &expr.Verdict{Kind: expr.VerdictAccept}
		for _, f := range starved {
			addresses := set(f.set, f.key, 1<<8) // of IPv6 it has several
			family := []expr.Any{
				&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{f.protocol}},
			}
			rule(isLink(expr.MetaKeyOIFNAME, "wan"), family, etherSource(), []expr.Any{add(first)},
				load(expr.PayloadBaseNetworkHeader, f.source, f.length), []expr.Any{add(addresses), accept})
			rule(isLink(expr.MetaKeyIIFNAME, "wan"), family, load(expr.PayloadBaseNetworkHeader, f.destination, f.length),
				[]expr.Any{&expr.Lookup{SourceRegister: 1, SetName: addresses.Name, SetID: addresses.ID}, accept})
		}
		rule([]expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: 20, Unit: expr.LimitTimeSecond, Burst: 5}, accept})
		rule([]expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}})
	})
}
