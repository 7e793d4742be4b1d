package nat

// Conditions returns every condition that has a name, from the most open to the
// most closed. The values are copies; callers may keep and change them.
func Conditions() []Condition {
	return []Condition{
		{
			Name:  "open",
			About: "A routed address and no filter: a server, or a host with a public address.",
		},
		{
			Name:     "stateful-firewall",
			About:    "A routed address, and nothing comes in that did not go out first: cloud security groups, and home routers for IPv6 (RFC 6092).",
			Firewall: Firewall{Stateful: true},
		},
		{
			Name:  "full-cone",
			About: "One external port for all destinations, open to everyone: a router with the host in its DMZ or with UPnP, and many carrier NATs.",
			NAT:   &Behavior{Mapping: EIM, Filtering: EIF, Ports: Preserving},
		},
		{
			Name:  "address-restricted",
			About: "One external port for all destinations, open to every port of the addresses that packets went to: some home routers and game-friendly modes.",
			NAT:   &Behavior{Mapping: EIM, Filtering: ADF, Ports: Preserving},
		},
		{
			Name:  "port-restricted",
			About: "One external port for all destinations, replies only from where packets went: most home routers, and Linux masquerading.",
			NAT:   &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
		},
		{
			Name:  "address-dependent",
			About: "A new port for every destination address, replies only from where packets went: rare, some corporate firewalls.",
			NAT:   &Behavior{Mapping: ADM, Filtering: APDF, Ports: Random},
		},
		{
			Name:  "symmetric",
			About: "A new random port for every destination, replies only from there: many corporate firewalls and mobile carriers.",
			NAT:   &Behavior{Mapping: APDM, Filtering: APDF, Ports: Random},
		},
		{
			Name:  "symmetric-preserving",
			About: "Keeps the port towards the first destination and draws a new one for every other: older routers, which a port comparison with one STUN server takes for a cone.",
			NAT:   &Behavior{Mapping: APDM, Filtering: APDF, Ports: Preserving},
		},
		{
			Name:    "cgnat",
			About:   "A home router behind the NAT of its provider: cable, fibre and mobile access without a public IPv4 address (RFC 6888).",
			NAT:     &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
			Carrier: &Behavior{Mapping: EIM, Filtering: EIF, Ports: Random, Hairpin: true},
		},
		{
			Name:     "udp-blocked",
			About:    "A port-restricted NAT that lets no UDP through: strict office and guest networks.",
			NAT:      &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
			Firewall: Firewall{BlockUDP: true},
		},
		{
			Name:     "tls-443-only",
			About:    "Nothing but TCP to port 443 gets out: hotels, hospitals and companies that allow the web only.",
			NAT:      &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
			Firewall: Firewall{BlockUDP: true, TCPPorts: []uint16{443}},
		},
	}
}
