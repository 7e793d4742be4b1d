package diagnose

// service is family G.
var service = []Cause{
	{
		Code: "G1", Name: "SERVER_RESTART", Title: "The TURN server was restarted",
		Looks: Looks{
			Wire:   "Requests on allocations are suddenly refused or unanswered, those of all clients at the same instant; ICMP port unreachable while it is down.",
			ICE:    "Relayed calls end together, direct ones go on. New calls work at once.",
			Server: "A start in the log; it knows none of the old allocations, nonces and permissions.",
		},
		Answers: &Answers{
			Standard: "438 for the old nonce, then 437",
			Coturn:   "438, then 437",
			Pion:     "438, then silence; version 4 sends 438 to Refresh only",
		},
		Remedy:  Remedy{Operator, "Drain before a restart: take the server out of the list and wait until calls have ended. The application should restart ICE when a relay dies."},
		Sources: []string{"RFC 8656 section 5", "RFC 8489 section 9.2.4", "strukturag/spreed-webrtc#405", "firezone/firezone#3590", "pjsip/pjproject#1077"},
		Related: []string{"C11", "C5", "B5"},
	},
	{
		Code: "G2", Name: "TURN_TCP_HOL", Title: "TURN over TCP makes loss into delay",
		Looks: Looks{
			Wire:   "TCP retransmissions on the leg to the server; all that came after a lost segment waits for it.",
			ICE:    "relayProtocol tcp or tls, round-trip times that jump by hundreds of milliseconds or seconds, and no loss.",
			Server: "Send queues of TCP clients grow; coturn drops packets from the peer when they are full.",
		},
		Remedy:  Remedy{ClientNetwork, "Let UDP to the TURN server pass. The application should list TURN over UDP first and keep TCP as the fallback."},
		Sources: []string{"RFC 8656 section 3.1", "muaz-khan/RTCMultiConnection#792", "pion/ice#196", "coturn/coturn#1289"},
		Related: []string{"E10", "B3"},
	},
	{
		Code: "G3", Name: "RELAY_FAR", Title: "The relay is far away from both peers",
		Looks: Looks{
			Wire:   "The round trips from each peer to the relay add up to far more than between the peers.",
			ICE:    "A relay pair with a high currentRoundTripTime, without loss.",
			Server: "Clients of another continent.",
		},
		Remedy:  Remedy{Operator, "Run servers in the regions of the users and hand each client the nearest one (by DNS or anycast, or by the credential service)."},
		Sources: []string{"RFC 8445 section 5.1.2.2", "tailscale/tailscale#14953", "tailscale/tailscale#3624"},
		Related: []string{"E9"},
	},
	{
		Code: "G4", Name: "RELAY_BW_CAP", Title: "The relay limits the bandwidth",
		Looks: Looks{
			Wire:   "Loss begins at a fixed rate and grows with what is sent above it; below there is none.",
			ICE:    "A relay pair whose available bitrate stays at one value; direct pairs are faster.",
			Server: "max-bps or a limit of the host's line is reached; packets above it are dropped.",
		},
		Remedy:  Remedy{Operator, "Raise max-bps (per session, in bytes per second) and bps-capacity, or the line, to what a call needs."},
		Sources: []string{"RFC 8445 section 17.2.1", "coturn/coturn#1586", "coturn/coturn#425", "steveseguin/vdo.ninja#291"},
		Related: []string{"G5", "F15", "C1"},
	},
	{
		Code: "G5", Name: "SERVER_OVERLOAD", Title: "The TURN server is overloaded",
		Looks: Looks{
			Wire:   "Loss and jitter on all relayed calls at busy times; requests are answered late.",
			ICE:    "Relay pairs with loss and varying round-trip times; allocating takes seconds.",
			Server: "CPU at its limit, UDP receive errors (RcvbufErrors), a full network card.",
		},
		Remedy:  Remedy{Operator, "Add servers or cores, raise the UDP receive buffers, and find why calls are relayed that could be direct."},
		Sources: []string{"RFC 8445 section 17.2.1", "coturn/coturn#616", "coturn/coturn#1311"},
		Related: []string{"G4", "C2"},
	},
	{
		Code: "G6", Name: "EXPIRED_MIDCALL_RESTART", Title: "The credential expires before a restart",
		Looks: Looks{
			Wire:   "The first Allocate of the session succeeded; the one after the restart is refused, with the same username.",
			ICE:    "The call was well, and the restart brings no relay candidate: where only a relay works it fails.",
			Server: "Refuses a username whose time has passed.",
		},
		Answers: &Answers{
			Standard: "401 again, with a new challenge",
			Coturn:   "401 again, with a new challenge",
			Pion:     "400 without realm, nonce or reason",
		},
		Remedy:  Remedy{Application, "Fetch new credentials and set them (setConfiguration) before every ICE restart."},
		Sources: []string{"draft-uberti-rtcweb-turn-rest-00 section 2.2", "RFC 8445 section 9", "coturn/coturn#774"},
		Related: []string{"A3", "A4"},
	},
	{
		Code: "G7", Name: "DUP_ALLOC_LEAK", Title: "Allocations are not freed after calls",
		Looks: Looks{
			Wire:   "Clients go away without a Refresh of lifetime 0; new allocations of the same user follow.",
			ICE:    "All is well at first; later users get 486 or 508 until old allocations expire.",
			Server: "The number of allocations grows with calls and falls only by expiry.",
		},
		Remedy:  Remedy{Application, "Close the connection at the end of a call, also when the page is left, and use a client that sends Refresh with lifetime 0. The operator can shorten the maximum lifetime."},
		Sources: []string{"RFC 8656 section 8", "RFC 8656 section 7.2", "webrtc-rs/webrtc#894", "coturn/coturn#1138"},
		Related: []string{"C1", "C2", "C4"},
	},
	{
		Code: "G8", Name: "APP_KEEPALIVE", Title: "The application itself ends the call",
		Looks: Looks{
			Wire:   "A close (DTLS close_notify, SCTP abort or a silent stop) after a round time, the same over every path.",
			ICE:    "Closed, not failed; checks were answered until the end.",
			Server: "A Refresh with lifetime 0 from the client.",
		},
		Remedy:  Remedy{Application, "Look for a timer of the application or of its signalling: session limit, ping timeout, idle time. TURN is not at fault."},
		Sources: []string{"bluenviron/mediamtx#4170", "deepch/RTSPtoWebRTC#52"},
		Related: []string{"F13", "D11"},
	},
}
