package diagnose

// relay is family D.
var relay = []Cause{
	{
		Code: "D1", Name: "EXTERNAL_IP_WRONG", Title: "The relay's advertised address is wrong",
		Looks: Looks{
			Wire:   "XOR-RELAYED-ADDRESS is private or another host's, while the server itself is public. Checks go to that address and nobody answers.",
			ICE:    "There is a relay candidate; every pair to it fails. Pairs from it may work, for the server sends from its real address.",
			Server: "The allocation is made, permissions too; no packet arrives on the relay port.",
		},
		Remedy:  Remedy{Operator, "Advertise the public address. coturn: external-ip=PUBLIC/PRIVATE; pion/turn: RelayAddress of the RelayAddressGeneratorStatic."},
		Sources: []string{"RFC 8656 section 7.2", "coturn/coturn#501", "coturn/coturn#505", "screego/server#27", "stasel/WebRTC-iOS#58", "processone/eturnal#99"},
		Related: []string{"D2", "C3", "D12"},
	},
	{
		Code: "D2", Name: "RELAY_RANGE_FIREWALLED", Title: "A firewall blocks the server's relay ports",
		Looks: Looks{
			Wire:   "Checks to the relay candidate leave the peer and do not reach the server's relay port (49152-65535 by default).",
			ICE:    "Relay candidates on both sides; pairs of host or srflx to relay fail. Relay to relay on one server may still succeed, since its packets do not pass the firewall: it works, and hides the fault.",
			Server: "Allocations and permissions, and not one packet in on a relay port.",
		},
		Remedy:  Remedy{Operator, "Open UDP from min-port to max-port to everybody, in the host's firewall and in the cloud's security group."},
		Sources: []string{"RFC 8656 section 7.2", "coturn/coturn#819", "coturn/coturn#650", "livekit/livekit#3977"},
		Related: []string{"D1", "D3", "D7"},
	},
	{
		Code: "D3", Name: "DOCKER_RANGE_NOT_PUBLISHED", Title: "Docker does not publish the relay ports",
		Looks: Looks{
			Wire:   "As with a firewalled range: checks to the relay candidate are not answered, or with ICMP port unreachable from the host.",
			ICE:    "Relay candidates, and no pair to them succeeds.",
			Server: "Nothing on the relay ports; peers and clients appear with the address of Docker's bridge.",
		},
		Remedy:  Remedy{Operator, "Run the server with network_mode: host, or publish a small relay range and set min-port and max-port to it."},
		Sources: []string{"coturn/coturn#1472", "coturn/coturn#966", "screego/server#27", "screego/server#56"},
		Related: []string{"D2", "D1", "B5"},
	},
	{
		Code: "D4", Name: "PEER_FORBIDDEN", Title: "The server refuses to relay to the peer",
		Looks: Looks{
			Wire:   "CreatePermission (or ChannelBind) is refused for every address by which the peer can be reached.",
			ICE:    "A relay candidate whose pairs all fail.",
			Server: "coturn logs a denied peer address: denied-peer-ip, or its own external address, or a private range it does not allow.",
		},
		Answers: &Answers{
			Standard: "403",
			Coturn:   "403, forbidden IP",
			Pion:     "401 to ChannelBind; to CreatePermission 403, in version 4 an error without a code",
		},
		Remedy:  Remedy{Operator, "Allow the addresses that peers have (allowed-peer-ip), the server's own external address included if both peers use it. Keep the rest denied."},
		Sources: []string{"RFC 8656 section 10.2", "RFC 8656 section 12.2", "coturn/coturn#1082", "coturn/coturn#735", "coturn/coturn#584", "bigbluebutton/bigbluebutton#18708", "flutter-webrtc/flutter-webrtc#374"},
		Related: []string{"D5", "D7"},
	},
	{
		Code: "D5", Name: "PEER_FORBIDDEN_BENIGN", Title: "A private address of the peer is refused",
		Looks: Looks{
			Wire:   "CreatePermission is answered with 403 for the peer's host candidate; for its srflx or relay candidate it succeeds.",
			ICE:    "Pairs with that candidate fail, another succeeds. This is normal.",
			Server: "Logs a denied peer address in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or the like, for every call.",
		},
		Answers: &Answers{
			Standard: "403",
			Coturn:   "403, forbidden IP",
			Pion:     "401 to ChannelBind; to CreatePermission 403, in version 4 an error without a code",
		},
		Remedy:  Remedy{Operator, "Change nothing: a server should not relay into private networks. Silence the log line if it disturbs."},
		Sources: []string{"RFC 8656 section 10.2", "RFC 8445 section 7.2.1", "coturn/coturn#1637", "coturn/coturn#1213", "coturn/coturn#932"},
		Related: []string{"D4"},
	},
	{
		Code: "D6", Name: "PEER_FAMILY", Title: "Peer and relay differ in IP version",
		Looks: Looks{
			Wire:   "CreatePermission or ChannelBind is answered with 443 for an IPv6 peer of an IPv4 allocation, or the reverse.",
			ICE:    "Those pairs fail. Harmless while the peer has candidates of the relay's family too.",
			Server: "coturn logs a peer address family mismatch.",
		},
		Answers: &Answers{
			Standard: "443",
			Coturn:   "443",
			Pion:     "443 from version 5 on; version 4 does not compare families",
		},
		Remedy:  Remedy{Operator, "Offer relay addresses of both families, so that clients can make an allocation of each."},
		Sources: []string{"RFC 8656 section 10.2", "RFC 8656 section 12.2", "coturn/coturn#595", "coturn/coturn#230", "awslabs/amazon-kinesis-video-streams-webrtc-sdk-c#2210"},
		Related: []string{"C8", "B19"},
	},
	{
		Code: "D7", Name: "TURN_HAIRPIN", Title: "The server cannot reach its own address",
		Looks: Looks{
			Wire:   "Both peers have relays on one server behind a NAT; packets from one relay port to the public address of the other do not come back in.",
			ICE:    "Relay to relay fails; host or srflx to relay works. Two peers without UDP cannot connect at all.",
			Server: "Packets leave one allocation and never arrive at the other.",
		},
		Remedy:  Remedy{Operator, "Give the server a public address of its own, or enable hairpinning (NAT loopback) for the relay range, and allow its own address as a peer."},
		Sources: []string{"RFC 4787 REQ-9", "pion/turn#82", "coturn/coturn#206", "coturn/coturn#645", "coturn/coturn#617"},
		Related: []string{"D8", "D4", "D2"},
	},
	{
		Code: "D8", Name: "RELAY_TO_RELAY_CROSS_SERVER", Title: "Two TURN servers cannot reach each other",
		Looks: Looks{
			Wire:   "Packets leave one server's relay port and do not arrive at the other's.",
			ICE:    "Relay to relay fails when the relays are on different servers, and works when they are on one.",
			Server: "Each server's relay sends and receives nothing from the other.",
		},
		Remedy:  Remedy{Operator, "Open UDP between the servers' relay ranges, also for outgoing packets, and allow each as a peer of the other."},
		Sources: []string{"RFC 8656 section 9", "coturn/coturn#645", "coturn/coturn#617"},
		Related: []string{"D7", "D4"},
	},
	{
		Code: "D9", Name: "PERMISSION_LOST", Title: "The relay's permission has expired",
		Looks: Looks{
			Wire:   "CreatePermission is not answered or not repeated in time; after 300 s the peer's packets reach the relay port and go no further.",
			ICE:    "The call works for five minutes, then hears nothing, though it can still send.",
			Server: "Packets from the peer are dropped for want of a permission.",
		},
		Answers: &Answers{
			Standard: "permissions last 300 s; 437 without an allocation",
			Coturn:   "437 without an allocation",
			Pion:     "silence without an allocation",
		},
		Remedy:  Remedy{Application, "Use a client that renews permissions well before 300 s are over and repeats the request when it is lost."},
		Sources: []string{"RFC 8656 section 9", "RFC 8656 section 10.2", "sile/rusturn#10", "sile/rusturn#11"},
		Related: []string{"D10", "D11"},
	},
	{
		Code: "D10", Name: "CHANNEL_EXPIRED", Title: "The relay's channel binding has expired",
		Looks: Looks{
			Wire:   "ChannelBind is not renewed within 600 s, or refused; ChannelData stops, Send and Data indications may take over.",
			ICE:    "The call works for ten minutes, then stalls, or goes on a little slower.",
			Server: "ChannelData for a channel that is not bound is dropped.",
		},
		Answers: &Answers{
			Standard: "437 without an allocation; 400 for a channel bound otherwise",
			Coturn:   "437 without an allocation, 400 in older versions",
			Pion:     "silence without an allocation",
		},
		Remedy:  Remedy{Application, "Use a client that binds channels again before 600 s are over and recovers when an answer is lost. Upgrade pion/turn."},
		Sources: []string{"RFC 8656 section 12", "RFC 8656 section 12.2", "coturn/coturn#2067", "pion/turn#471", "pion/turn#481"},
		Related: []string{"D9", "D11", "C5"},
	},
	{
		Code: "D11", Name: "ALLOC_NOT_REFRESHED", Title: "The allocation has expired",
		Looks: Looks{
			Wire:   "Refresh is not sent or not answered within the allocation's lifetime (600 s by default); then nothing passes.",
			ICE:    "The call dies at the lifetime, all at once in both directions.",
			Server: "Logs an allocation timeout. At the end of a call that is normal.",
		},
		Answers: &Answers{
			Standard: "437 to a Refresh without an allocation",
			Coturn:   "437, invalid allocation",
			Pion:     "silence",
		},
		Remedy:  Remedy{Application, "Use a client that refreshes about a minute before the lifetime ends and repeats a lost Refresh. Check that nothing on the path drops these requests."},
		Sources: []string{"RFC 8656 section 8", "RFC 8656 section 3.2", "jitsi/ice4j#78", "coturn/coturn#332", "paullouisageneau/libjuice#106"},
		Related: []string{"D9", "D10", "F5"},
	},
	{
		Code: "D12", Name: "RELAY_EGRESS_IP_DIFFERS", Title: "The relay sees the peer at another address",
		Looks: Looks{
			Wire:   "The peer's packets reach the relay port from another address than the one STUN told it; the permission is for the latter. Or the relay sends from another address than it advertises.",
			ICE:    "Relay pairs fail for peers behind a NAT with several external addresses.",
			Server: "Packets on the relay port from an address without permission.",
		},
		Remedy:  Remedy{Operator, "Give server and relay one address, in and out, by which clients are mapped alike. The network of the peer should pair its NAT's addresses."},
		Sources: []string{"RFC 4787 REQ-2", "RFC 8656 section 9", "coturn/coturn#696", "processone/eturnal#99"},
		Related: []string{"F7", "D1"},
	},
	{
		Code: "D13", Name: "CANDIDATE_MDNS_NO_PERMISSION", Title: "A .local candidate gets no relay pair",
		Looks: Looks{
			Wire:   "No CreatePermission for the peer's host candidate.",
			ICE:    "No pair of the relay candidate with a candidate whose address ends in .local. libwebrtc leaves it out on purpose: the name means nothing to the server.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{Application, "Do nothing: the peer's srflx and relay candidates are paired. If it has neither, give it a STUN or a TURN server."},
		Sources: []string{"draft-ietf-rtcweb-mdns-ice-candidates-04 section 3.3.2", "libwebrtc: p2p/base/turn_port.cc"},
		Related: []string{"E6", "D5"},
	},
}
