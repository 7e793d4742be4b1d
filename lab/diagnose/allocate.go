package diagnose

// allocate is family C.
var allocate = []Cause{
	{
		Code: "C1", Name: "QUOTA", Title: "The user has too many allocations",
		Looks: Looks{
			Wire:   "Allocate with good credentials is answered with 486.",
			ICE:    "icecandidateerror 486, no relay; other users have one. A browser makes an allocation per interface and URL, so one tab can use up a small quota.",
			Server: "The quota of this user, or of all, is reached. coturn answers 486 for its bandwidth quota too.",
		},
		Answers: &Answers{
			Standard: "486",
			Coturn:   "486, for user-quota, total-quota and bandwidth alike",
			Pion:     "486 if a QuotaHandler is set",
		},
		Remedy:  Remedy{Operator, "Raise user-quota and total-quota to several allocations per user and call. Have clients close their connections, so that allocations are freed."},
		Sources: []string{"RFC 8656 section 7.2", "RFC 8656 section 7.4", "coturn/coturn#243", "coturn/coturn#1168", "coturn/coturn#78"},
		Related: []string{"C2", "G7"},
	},
	{
		Code: "C2", Name: "CAPACITY", Title: "The server has no relay port left",
		Looks: Looks{
			Wire:   "Allocate with good credentials is answered with 508, for every user.",
			ICE:    "icecandidateerror 508, no relay.",
			Server: "coturn logs that no ports are available. The range min-port to max-port is in use, or file descriptors are; EVEN-PORT halves the range.",
		},
		Remedy:  Remedy{Operator, "Widen min-port to max-port, raise the limit of open files, and open the new range in the firewall."},
		Sources: []string{"RFC 8656 section 7.2", "RFC 8656 section 7.4", "coturn/coturn#1568", "coturn/coturn#806", "coturn/coturn#1176"},
		Related: []string{"C1", "C3", "D2"},
	},
	{
		Code: "C3", Name: "RELAY_BIND_FAIL", Title: "The relay address is not the server's own",
		Looks: Looks{
			Wire:   "Allocate with good credentials is answered with 508, often after a long delay.",
			ICE:    "No relay for anybody, from the first call on.",
			Server: "Sockets cannot be bound: relay-ip is not an address of this host, mostly the public one in front of its NAT.",
		},
		Remedy:  Remedy{Operator, "Set relay-ip to an address that the host has, and external-ip to the public one that leads to it."},
		Sources: []string{"RFC 8656 section 7.2", "coturn/coturn#380"},
		Related: []string{"C2", "D1"},
	},
	{
		Code: "C4", Name: "STALE_ALLOCATION", Title: "The port still has an old allocation",
		Looks: Looks{
			Wire:   "Allocate is answered with 437; an earlier allocation came from the same address and port and was not ended.",
			ICE:    "No relay after a quick restart of the application, with a fixed local port, or behind a NAT that gives a port out again.",
			Server: "An allocation of the same 5-tuple that has not expired.",
		},
		Remedy:  Remedy{Application, "Allocate from a new local port, and end allocations with Refresh of lifetime 0. On 437 try another port, as the standard says."},
		Sources: []string{"RFC 8656 section 7.4", "RFC 8656 section 8.1", "coturn/coturn#1138", "coturn/coturn#267", "pion/turn#229", "webrtc-rs/webrtc#835"},
		Related: []string{"F5", "G7"},
	},
	{
		Code: "C5", Name: "STALE_NONCE_LOOP", Title: "The nonce is refused again and again",
		Looks: Looks{
			Wire:   "One 438 after another for the same request. A single 438 followed by success is normal: nonces expire.",
			ICE:    "No relay, or a relay that dies at the first Refresh after the nonce has expired.",
			Server: "coturn logs a wrong or a stale nonce.",
		},
		Answers: &Answers{
			Standard: "438 with a new nonce",
			Coturn:   "438, wrong or stale nonce",
			Pion:     "438 with a new nonce after one hour",
		},
		Remedy:  Remedy{Application, "Use a TURN client that repeats a request with the nonce of the 438. If several servers share an address, keep each client on one."},
		Sources: []string{"RFC 8489 section 9.2.5", "pion/turn#102", "pion/turn#481", "paullouisageneau/libjuice#90", "coturn/coturn#604", "pjsip/pjproject#888"},
		Related: []string{"C6", "G1"},
	},
	{
		Code: "C6", Name: "LB_NO_AFFINITY", Title: "A load balancer splits a client's requests",
		Looks: Looks{
			Wire:   "401, then 438 or 401 again, in turns; on the server's side one client's packets reach several hosts.",
			ICE:    "No relay, or one in some attempts, as chance has it.",
			Server: "Each server sees fragments: a challenge that is never answered in one, a wrong nonce in the next.",
		},
		Remedy:  Remedy{Operator, "Balance by the client's address and port, so that one 5-tuple stays on one server; or balance by DNS."},
		Sources: []string{"RFC 8656 section 5", "RFC 8489 section 9.2.4", "coturn/coturn#1520"},
		Related: []string{"C5"},
	},
	{
		Code: "C7", Name: "TRANSPORT_UNSUPPORTED", Title: "The server does not relay that transport",
		Looks: Looks{
			Wire:   "Allocate is answered with 442: its REQUESTED-TRANSPORT is not UDP, or the server has switched that off.",
			ICE:    "No relay. Browsers ask for UDP only; the TCP of a turn: URL is the leg to the server and something else.",
			Server: "coturn: no-udp-relay or no-tcp-relay is set, or the client asked for a protocol there is not.",
		},
		Remedy:  Remedy{Application, "Request a UDP relay, or have the server's operator enable the TCP relay of RFC 6062."},
		Sources: []string{"RFC 8656 section 7.2", "RFC 6062", "coturn/coturn#1176"},
		Related: []string{"C8"},
	},
	{
		Code: "C8", Name: "FAMILY_UNSUPPORTED", Title: "The server has no relay of that IP version",
		Looks: Looks{
			Wire:   "Allocate with REQUESTED-ADDRESS-FAMILY IPv6 (or IPv4) is refused.",
			ICE:    "No relay of that family. A peer that has only this family cannot be reached through the server.",
			Server: "No relay address of that family is configured.",
		},
		Answers: &Answers{
			Standard: "440",
			Coturn:   "440",
			Pion:     "version 5: 508, and 440 for an unknown family only; version 4 ignores the wish and gives IPv4",
		},
		Remedy:  Remedy{Operator, "Give the server relay addresses of both families. coturn: allocation-default-address-family=keep follows the client's."},
		Sources: []string{"RFC 8656 section 7.2", "RFC 8656 section 7.4", "coturn/coturn#192", "coturn/coturn#1150"},
		Related: []string{"D6", "B19", "C2"},
	},
	{
		Code: "C9", Name: "UNKNOWN_ATTR", Title: "The server does not support an attribute",
		Looks: Looks{
			Wire:   "Allocate is answered with 420 and UNKNOWN-ATTRIBUTES, most often DONT-FRAGMENT.",
			ICE:    "No relay with clients that send this attribute; browsers do not.",
			Server: "Refuses what it does not support, as it must.",
		},
		Answers: &Answers{
			Standard: "420 where DONT-FRAGMENT is not supported",
			Coturn:   "supports DONT-FRAGMENT",
			Pion:     "420",
		},
		Remedy:  Remedy{Application, "Leave the attribute out, or repeat the request without it after a 420."},
		Sources: []string{"RFC 8489 section 6.3.1", "RFC 8656 section 7.4"},
		Related: []string{"C12"},
	},
	{
		Code: "C10", Name: "ALLOC_TOO_SLOW", Title: "The relay comes after ICE has given up",
		Looks: Looks{
			Wire:   "Allocate succeeds, seconds after the last connectivity check.",
			ICE:    "The relay candidate is gathered late, over TCP or TLS or a slow line; the connection has failed by then.",
			Server: "An allocation without permission or data, ended soon.",
		},
		Remedy:  Remedy{Application, "Give ICE more time and keep gathering while checks fail. List the fastest TURN URL first and drop dead ones."},
		Sources: []string{"RFC 8863 section 4", "RFC 8838 section 9", "awslabs/amazon-kinesis-video-streams-webrtc-sdk-c#1851"},
		Related: []string{"E14", "E13"},
	},
	{
		Code: "C11", Name: "SERVER_DRAINING", Title: "The server takes no new allocations",
		Looks: Looks{
			Wire:   "Allocate with good credentials is refused while older allocations go on.",
			ICE:    "No relay for new calls; running calls are well.",
			Server: "It is being drained before a restart or a shutdown.",
		},
		Answers: &Answers{
			Standard: "300 to another server, or 403",
			Coturn:   "403, server is draining",
			Pion:     "has no draining",
		},
		Remedy:  Remedy{Operator, "Take the server out of the list and out of DNS before draining it; give clients a second one."},
		Sources: []string{"RFC 8656 section 7.4", "coturn: src/server/ns_turn_server.c"},
		Related: []string{"B21", "G1"},
	},
	{
		Code: "C12", Name: "MALFORMED_REPLY", Title: "The server's answer cannot be decoded",
		Looks: Looks{
			Wire:   "An answer with a wrong length, without ERROR-CODE or with broken attributes; Wireshark marks it as malformed.",
			ICE:    "The client ignores it and repeats the request, or fails with a parse error; in one case Firefox stopped gathering altogether.",
			Server: "It has answered and considers the request done.",
		},
		Answers: &Answers{
			Standard: "every error response has an ERROR-CODE",
			Coturn:   "403 where CreatePermission is refused",
			Pion:     "version 4: no ERROR-CODE where CreatePermission is refused",
		},
		Remedy:  Remedy{Operator, "Upgrade the server; look for a proxy in between that rewrites packets."},
		Sources: []string{"RFC 8489 section 6.3", "RFC 8489 section 14.8", "pion/turn#581"},
		Related: []string{"C9", "F8"},
	},
}
