package diagnose

// path is family F.
var path = []Cause{
	{
		Code: "F1", Name: "SYM_X_SYM", Title: "Both NATs are symmetric: a relay is needed",
		Looks: Looks{
			Wire:   "Each peer's external port differs by destination; checks arrive at ports that the other NAT has opened for somebody else, and are dropped.",
			ICE:    "srflx candidates on both sides whose pairs fail; a relay carries the call. This is expected.",
			Server: "One relayed call, as it should be.",
		},
		Remedy:  Remedy{ClientNetwork, "Keep TURN. To go direct, one side needs an endpoint-independent mapping, a port forwarded (PCP, UPnP) or IPv6."},
		Sources: []string{"RFC 4787 section 4.1", "RFC 5128", "paullouisageneau/libjuice#118"},
		Related: []string{"F2", "F3"},
	},
	{
		Code: "F2", Name: "SYM_X_PORT_RESTRICTED", Title: "A symmetric NAT meets a port-filtering one",
		Looks: Looks{
			Wire:   "The symmetric side's checks come from a port that the other side's filter has not seen, and are dropped there.",
			ICE:    "srflx pairs fail, a relay carries the call. This is expected.",
			Server: "One relayed call, as it should be.",
		},
		Remedy:  Remedy{ClientNetwork, "Keep TURN. To go direct, set one side to endpoint-independent or address-dependent filtering on an endpoint-independent mapping, forward a port, or use IPv6."},
		Sources: []string{"RFC 4787 section 4.1", "RFC 4787 section 5", "feross/simple-peer#202"},
		Related: []string{"F1"},
	},
	{
		Code: "F3", Name: "CGNAT_NO_HAIRPIN", Title: "Both share a NAT that does not hairpin",
		Looks: Looks{
			Wire:   "Both peers have the same external address; packets from one to the other's external port reach the shared NAT and do not come back.",
			ICE:    "srflx candidates with one address on both sides, pairs of them fail, host pairs are not routed between the homes.",
			Server: "Relays between two clients with the same address.",
		},
		Remedy:  Remedy{ClientNetwork, "Ask the provider for hairpinning, which it owes by RFC 4787 and RFC 6888; use IPv6; keep TURN until then."},
		Sources: []string{"RFC 4787 REQ-9", "RFC 6888", "RFC 5128"},
		Related: []string{"F1", "F4", "D7"},
	},
	{
		Code: "F4", Name: "CLIENT_ISOLATION", Title: "The LAN keeps its hosts apart",
		Looks: Looks{
			Wire:   "Checks between two addresses of one subnet leave and do not arrive; even ARP may go unanswered. Both reach the Internet.",
			ICE:    "Host pairs of one subnet fail; srflx works if the NAT hairpins, a relay otherwise.",
			Server: "Relays between two clients with the same address.",
		},
		Remedy:  Remedy{ClientNetwork, "Switch off client isolation (guest mode) on the access point, or accept the relay."},
		Sources: []string{"RFC 4787 REQ-9", "RFC 8445 section 7.2.5.2.3"},
		Related: []string{"F3", "E6"},
	},
	{
		Code: "F5", Name: "NAT_SHORT_TIMEOUT", Title: "The NAT forgets idle mappings too soon",
		Looks: Looks{
			Wire:   "After some idle seconds the client's external port is another one; packets to the old one are dropped.",
			ICE:    "Quiet connections die, busy ones live. STUN probes before and after a pause show two ports.",
			Server: "Refreshes come from a new address and port, which has no allocation.",
		},
		Answers: &Answers{
			Standard: "437 to a Refresh from a new 5-tuple",
			Coturn:   "437",
			Pion:     "silence",
		},
		Remedy:  Remedy{ClientNetwork, "Raise the NAT's UDP timeout to the 2 minutes at least of RFC 4787. The application can send keepalives every 15 s meanwhile."},
		Sources: []string{"RFC 4787 REQ-5", "RFC 8445 section 11", "firezone/firezone#7802", "deepch/RTSPtoWebRTC#52"},
		Related: []string{"F6", "D11", "F13"},
	},
	{
		Code: "F6", Name: "NAT_REBIND", Title: "The NAT has given out a new port mid-call",
		Looks: Looks{
			Wire:   "The source port or address of a running flow jumps; nothing comes back to the old one.",
			ICE:    "Disconnected, then failed after the consent of 30 s; the check from the new port may revive a direct path as prflx.",
			Server: "The client's packets come from a 5-tuple without an allocation; the old allocation sees nothing more.",
		},
		Answers: &Answers{
			Standard: "437 to requests from a new 5-tuple, unless the client has a mobility ticket",
			Coturn:   "437; with mobility on, the allocation moves along",
			Pion:     "silence",
		},
		Remedy:  Remedy{Application, "Restart ICE as soon as the state is disconnected for a few seconds. TURN mobility (RFC 8016) helps where client and server have it."},
		Sources: []string{"RFC 8016", "RFC 8445 section 9", "firezone/firezone#10233", "coturn/coturn#1975"},
		Related: []string{"F5", "F14", "F13"},
	},
	{
		Code: "F7", Name: "NAT_POOL_ARBITRARY", Title: "The NAT uses several external addresses",
		Looks: Looks{
			Wire:   "Flows of one host leave with different external addresses; data comes from another one than STUN has seen.",
			ICE:    "srflx candidates with two addresses from one interface; checks are discovered as prflx, or filtered.",
			Server: "One client with two addresses; a permission for one, packets from the other.",
		},
		Remedy:  Remedy{ClientNetwork, "Set the NAT's pool to paired: one internal address keeps one external address. TURN over TCP is not affected by it."},
		Sources: []string{"RFC 4787 REQ-2", "RFC 4787 section 4.1", "coturn/coturn#696"},
		Related: []string{"D12", "F1"},
	},
	{
		Code: "F8", Name: "ALG_REWRITE", Title: "A middlebox rewrites addresses inside STUN",
		Looks: Looks{
			Wire:   "MAPPED-ADDRESS and XOR-MAPPED-ADDRESS of one answer differ; FINGERPRINT or MESSAGE-INTEGRITY may not verify.",
			ICE:    "srflx candidates with a wrong or a private address, or checks that fail on integrity.",
			Server: "It sent the right address.",
		},
		Remedy:  Remedy{ClientNetwork, "Switch off the router's application layer gateways (SIP ALG and the like), or use TURN over TLS, which it cannot read."},
		Sources: []string{"RFC 4787 REQ-10", "RFC 8489 section 14.2"},
		Related: []string{"C12"},
	},
	{
		Code: "F9", Name: "ASYM_LOSS", Title: "Packets pass in one direction only",
		Looks: Looks{
			Wire:   "One side's requests arrive and are answered; the answers do not come back, or only some.",
			ICE:    "requestsReceived grows and responsesReceived does not, on one side; on the other the reverse. It connects and drops, or never connects.",
			Server: "On a relay path: packets in from one peer, few from the other.",
		},
		Remedy:  Remedy{ClientNetwork, "Find the hop: capture on both sides and at the gateway and compare by transaction ID. Look for a one-way firewall rule, asymmetric routing or a full queue."},
		Sources: []string{"RFC 8445 section 7.2.5.2.3", "jitsi/jitsi-meet#16728"},
		Related: []string{"F13", "F15"},
	},
	{
		Code: "F10", Name: "MTU_BLACKHOLE", Title: "Large packets are lost on the path",
		Looks: Looks{
			Wire:   "Checks pass, since they are small; the DTLS flight with the certificate is repeated without answer, and no ICMP says why.",
			ICE:    "ICE is connected, the connection stays at connecting until DTLS times out. If DTLS passes, large messages stall.",
			Server: "On a relay path: small packets relayed, large ones from one side missing.",
		},
		Remedy:  Remedy{ClientNetwork, "Let ICMP fragmentation needed (packet too big) pass and set the tunnel's MTU right. The application can keep each UDP payload, DTLS and SCTP alike, at 1200 bytes or less."},
		Sources: []string{"RFC 6347 section 4.1.1.1", "RFC 8831 section 5", "signalwire/freeswitch#903", "aiortc/aiortc#365", "webrtc-rs/webrtc#806"},
		Related: []string{"F11", "F16", "E12"},
	},
	{
		Code: "F11", Name: "DTLS_BLOCKED", Title: "DTLS is dropped though checks pass",
		Looks: Looks{
			Wire:   "STUN passes, and DTLS records (first byte 20 to 63) of every size vanish.",
			ICE:    "ICE is connected on a direct pair; the connection stays at connecting, then fails. Over a relay it works, for there DTLS is wrapped in TURN.",
			Server: "Nothing, on a direct path.",
		},
		Remedy:  Remedy{ClientNetwork, "Remove the rule that drops DTLS. Until then force the relay, over TLS if need be."},
		Sources: []string{"RFC 7983 section 7", "RFC 6347 section 4.2.4", "livekit/livekit#1979"},
		Related: []string{"F10", "B15", "F12"},
	},
	{
		Code: "F12", Name: "SCTP_FAIL", Title: "DTLS works, the data channel does not open",
		Looks: Looks{
			Wire:   "DTLS application data in one direction, or repeated at growing intervals: an SCTP INIT without INIT-ACK. What it is, is encrypted.",
			ICE:    "The connection is connected, the channel stays at connecting.",
			Server: "On a relay path: a few packets, then silence.",
		},
		Remedy:  Remedy{Application, "Check that both descriptions have an accepted m=application section and the same sctp-port, and that negotiated channels have the same id on both sides. Upgrade the library."},
		Sources: []string{"RFC 8831 section 6.2", "RFC 8832", "versatica/mediasoup#1749", "aiortc/aiortc#1045", "paullouisageneau/libdatachannel#1030"},
		Related: []string{"F11", "F10"},
	},
	{
		Code: "F13", Name: "CONSENT_LOST", Title: "The path went dead during the call",
		Looks: Looks{
			Wire:   "Checks on the selected pair were answered and are no longer; about 30 s later the sender stops.",
			ICE:    "Connected, then disconnected, then failed about 30 s after the last answer. It had been well until then.",
			Server: "On a relay path: packets go to a peer that sends none.",
		},
		Remedy:  Remedy{ClientNetwork, "Find what changed at that time: a firewall's session limit, a roaming client, a line. The application should restart ICE when disconnected."},
		Sources: []string{"RFC 7675 section 5.1", "Atlantis-Software/node-turn#21", "Atlantis-Software/node-turn#13", "deepch/RTSPtoWebRTC#52"},
		Related: []string{"F5", "F6", "F14", "F9"},
	},
	{
		Code: "F14", Name: "IP_CHANGE", Title: "The client has moved to another network",
		Looks: Looks{
			Wire:   "All flows from the old address stop at once; new ones come from another address, or none do while the host sleeps.",
			ICE:    "Host candidates lose their address; every pair dies together. Disconnected, then failed.",
			Server: "The old 5-tuple falls silent and its allocation expires.",
		},
		Remedy:  Remedy{Application, "Restart ICE when the network changes or the device wakes, without waiting for failed."},
		Sources: []string{"RFC 8445 section 9", "RFC 8016"},
		Related: []string{"F6", "F13", "B18"},
	},
	{
		Code: "F15", Name: "UDP_THROTTLED", Title: "The network throttles UDP",
		Looks: Looks{
			Wire:   "Loss begins after some seconds or megabytes and stays, for UDP only; TCP to the same host is not slowed.",
			ICE:    "Connected; bitrate falls, checks are lost now and then, a disconnected in between.",
			Server: "Receives less than the client sends over UDP.",
		},
		Remedy:  Remedy{ClientNetwork, "Exempt the flow from UDP flood protection or traffic shaping. TURN over TCP or TLS gets round it."},
		Sources: []string{"RFC 8835 section 3.4", "tailscale/tailscale#19457"},
		Related: []string{"F9", "G4", "B3"},
	},
	{
		Code: "F16", Name: "FRAGMENT_DROP", Title: "Fragments of packets are dropped",
		Looks: Looks{
			Wire:   "Packets larger than a link's MTU are fragmented, and only first fragments arrive, or none.",
			ICE:    "ICE is connected, DTLS stalls, or messages above a size never arrive.",
			Server: "On a relay path: reassembly failures in the host's counters.",
		},
		Remedy:  Remedy{ClientNetwork, "Let fragments pass (a NAT must, by RFC 4787). The application can keep packets below 1200 bytes, so that none are made."},
		Sources: []string{"RFC 4787 REQ-14", "RFC 6347 section 4.1.1.1", "RFC 8656 section 3.7", "sipwise/rtpengine#1610"},
		Related: []string{"F10"},
	},
}
