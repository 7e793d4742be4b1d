package gateway

import (
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/topology"
)

// Trace returns what this gateway saw since it was programmed.
func Trace() Traced {
	namespace, err := networkNamespace()
	if err != nil {
		return Traced{Missing: err.Error()}
	}
	return traceIn(namespace).traced()
}

// trace writes the rules that show packets: before anything looks at them as they
// come, and after everything did as they leave. What ends in between is shown by
// the rule that ends it.
func (p *program) trace() error {
	if !p.shows.packets {
		return nil
	}
	const first, last = -460, 300 // before what cuts the line, and after its queue
	p.chain("trace")
	p.showUDP()
	if err := p.showTCP(); err != nil {
		return err
	}
	p.add("trace", "ICMP", rule{}.protocol(unix.IPPROTO_ICMP).log(""))
	p.base("trace_in", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, first)
	p.base("trace_out", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, last)
	p.hookTrace()
	return nil
}

func (p *program) hookTrace() {
	// Data, of which there may be much, has the shortest way.
	data := []byte{23, 0xfe} // of DTLS: application data, and the version's first byte
	for _, chain := range []string{"trace_in", "trace_out"} {
		p.add(chain, "data", rule{}.udp().equal(carried(0, 2), expr.CmpOpEq, data).accept())
		p.add(chain, "relayed data", rule{}.udp().equal(carried(4, 2), expr.CmpOpEq, data).
			between(carried(0, 2), [2]uint16{0x4000, 0x4fff}).accept())
	}
	for _, i := range []string{p.WAN.Interface, p.LAN.Interface} {
		p.add("trace_in", "as it comes", rule{}.iif(i).jump("trace"))
		p.add("trace_out", "as it leaves", rule{}.oif(i).jump("trace"))
	}
}

// showUDP shows all but data, by the first bytes (RFC 7983), also of what
// ChannelData carries. In Send and Data indications, which are few, data is shown
// too.
func (p *program) showUDP() {
	const channelHeader, cookie = 4, 4 // of ChannelData, and where STUN has its
	p.chain("trace_udp")
	p.chain("trace_channel")
	p.add("trace", "UDP", rule{}.udp().goTo("trace_udp"))
	magic := []byte{0x21, 0x12, 0xa4, 0x42}
	p.add("trace_udp", "ChannelData", rule{}.between(carried(0, 2), [2]uint16{0x4000, 0x4fff}).goTo("trace_channel"))
	p.add("trace_udp", "STUN", rule{}.equal(carried(cookie, 4), expr.CmpOpEq, magic).log(""))
	p.add("trace_udp", "DTLS that is no data", rule{}.handshakes(0).log(""))
	p.add("trace_channel", "relayed STUN", rule{}.equal(carried(channelHeader+cookie, 4), expr.CmpOpEq, magic).log(""))
	p.add("trace_channel", "relayed DTLS that is no data", rule{}.handshakes(channelHeader).log(""))
	for _, port := range []func(uint32) expr.Any{sourcePort, destinationPort} {
		p.add("trace_udp", "DNS", rule{}.between(port(scratch), [2]uint16{topology.DNSPort, topology.DNSPort}).log(""))
	}
}

// handshakes matches the record types of DTLS but application data, at an offset in
// what UDP carries.
func (r rule) handshakes(offset uint32) rule {
	const first, applicationData, last = 20, 23, 26
	return r.then(carried(offset, 1),
		&expr.Range{Op: expr.CmpOpEq, Register: scratch, FromData: []byte{first}, ToData: []byte{last}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: []byte{applicationData}})
}

// tracedPorts are those of TURN over TCP and TLS.
var tracedPorts = []uint16{3478, 443, 5349}

// showTCP shows what begins and ends connections, and the beginning of what those
// to TURN servers carry.
func (p *program) showTCP() error {
	const flags, synRstFin = 13, 0x07
	p.chain("trace_tcp")
	p.add("trace", "TCP", rule{}.tcp().goTo("trace_tcp"))
	p.add("trace_tcp", "begins or ends", rule{}.then(
		payload(expr.PayloadBaseTransportHeader, flags, 1, scratch),
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 1, Mask: []byte{synRstFin}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: []byte{0}}).log("").then(&expr.Verdict{Kind: expr.VerdictReturn}))
	if !p.shows.beginnings {
		return nil
	}
	begun := &nftables.Set{
		Table: p.table, Name: "traced", Dynamic: true, Size: 65535, Concatenation: true, HasTimeout: true, Timeout: traceMemory,
		KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService, nftables.TypeIPAddr, nftables.TypeInetService),
	}
	if err := p.conn.AddSet(begun, nil); err != nil {
		return err
	}
	const withoutPayload = 52 // bytes: IP and TCP headers, with a timestamp
	key := []expr.Any{sourceAddress(reg(0)), sourcePort(reg(1)), destinationAddress(reg(2)), destinationPort(reg(3))}
	for _, port := range tracedPorts {
		for _, side := range []func(uint32) expr.Any{sourcePort, destinationPort} {
			p.add("trace_tcp", "the beginning of a flow", rule{}.between(side(scratch), [2]uint16{port, port}).
				largerThan(withoutPayload).then(key...).
				then(&expr.Dynset{
					SrcRegKey: reg(0), SetName: begun.Name, SetID: begun.ID, Operation: unix.NFT_DYNSET_OP_UPDATE,
					Exprs: []expr.Any{beginning()},
				}).log(""))
		}
	}
	return nil
}

// beginning matches the first segments of a flow, and few after them.
func beginning() *expr.Limit {
	return &expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Unit: expr.LimitTimeSecond, Burst: 4 * tcpSegments}
}

// log shows the packet, and why it ends, where it does.
func (r rule) log(why Reason) rule {
	key := uint32(1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_QTHRESHOLD)
	if why != "" {
		key |= 1 << unix.NFTA_LOG_PREFIX
	}
	return r.then(&expr.Log{Key: key, Group: logGroup, QThreshold: 1, Data: []byte(why)})
}

// showing is what this kernel can show.
type showing struct{ packets, beginnings bool }

// shown is found out once: it needs CAP_NET_ADMIN, as all here.
var shown = sync.OnceValue(func() showing {
	limited := rule{}.then(beginning()).log("")
	return showing{packets: loads(rule{}.log("")), beginnings: loads(limited)}
})

// loads reports whether the kernel knows all that a rule is made of.
func loads(r rule) bool {
	conn, err := nftables.New()
	if err != nil {
		return false
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName + "_try"})
	chain := conn.AddChain(&nftables.Chain{Name: "try", Table: table})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: r})
	conn.DelTable(table)
	return conn.Flush() == nil
}
