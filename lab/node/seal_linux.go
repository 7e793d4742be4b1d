package node

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// seal lets nothing but VXLAN use an underlay interface, in or out. Without it
// two peers on neighbouring containers could meet there, around every NAT.
func seal(underlay string) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "icelab-seal-" + underlay})
	conn.FlushTable(table)
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, underlay)
	for _, way := range []struct {
		chain string
		hook  *nftables.ChainHook
		key   expr.MetaKey
	}{
		{"in", nftables.ChainHookPrerouting, expr.MetaKeyIIFNAME},
		{"out", nftables.ChainHookPostrouting, expr.MetaKeyOIFNAME},
	} {
		chain := conn.AddChain(&nftables.Chain{
			Name: way.chain, Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: way.hook, Priority: nftables.ChainPriorityRaw,
		})
		onUnderlay := []expr.Any{
			&expr.Meta{Key: way.key, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(onUnderlay[:2:2],
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(VXLANPort)},
			&expr.Verdict{Kind: expr.VerdictAccept})})
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(onUnderlay[:2:2],
			&expr.Verdict{Kind: expr.VerdictDrop})})
	}
	return conn.Flush()
}
