package gateway

// firewall writes what is dropped whatever the NAT says. What it blocks leaves
// no mapping behind.
func (p *program) firewall() {
	wan, lan := p.WAN.Interface, p.LAN.Interface
	if p.Firewall.BlockUDP {
		p.add("screen", "no UDP out", rule{}.iif(lan).udp().drop(UDPBlocked))
		p.add("screen", "no UDP in", rule{}.iif(wan).udp().drop(UDPBlocked))
	}
	if p.Firewall.TCPPorts != nil {
		p.add("forward", "answers to connections from outside", rule{}.iif(lan).tcp().known().accept())
		for _, port := range p.Firewall.TCPPorts {
			p.add("forward", "TCP out", rule{}.iif(lan).tcp().destinationPort(port).accept())
		}
		p.add("forward", "no other TCP out", rule{}.iif(lan).tcp().drop(TCPBlocked))
	}
	// Together with a NAT, whose filter is APDF then, there is nothing left to do.
	if p.Firewall.Stateful && p.NAT == nil {
		p.add("forward", "connections begun from inside", rule{}.iif(wan).known().accept())
		p.add("forward", "unsolicited", rule{}.iif(wan).drop(Unsolicited))
	}
}
