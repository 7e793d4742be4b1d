package diagnose

// ice is family E.
var ice = []Cause{
	{
		Code: "E1", Name: "CANDIDATES_BEFORE_SRD", Title: "Candidates come before the description",
		Looks: Looks{
			Wire:   "Few checks or none to candidates that the other side did send.",
			ICE:    "addIceCandidate fails with InvalidStateError; the list of remote candidates is shorter than what the other side gathered.",
			Server: "Allocations without permissions for the missing candidates.",
		},
		Remedy:  Remedy{Application, "Queue incoming candidates until setRemoteDescription has resolved, then add them. Do not swallow the error of addIceCandidate."},
		Sources: []string{"RFC 8829 section 3.5.2", "RFC 8838 section 11", "decentraland/kernel-legacy#495"},
		Related: []string{"E2", "E3"},
	},
	{
		Code: "E2", Name: "CANDIDATES_LOST", Title: "Signalling loses or filters candidates",
		Looks: Looks{
			Wire:   "No checks to the missing candidates, from either side.",
			ICE:    "One side has sent more candidates than the other has received. If all of a type are missing, code filters them; if host ones alone arrive, trickling ended too early.",
			Server: "Allocations that nobody uses.",
		},
		Remedy:  Remedy{Application, "Carry every candidate, in order and reliably, until the end-of-candidates. Compare the counts of both sides. Remove filters on candidate types."},
		Sources: []string{"RFC 8838 section 9", "RFC 8838 section 13", "RFC 8445 section 5.3", "node-webrtc/node-webrtc#311"},
		Related: []string{"E1", "E3", "A10"},
	},
	{
		Code: "E3", Name: "WRONG_MID", Title: "Candidates name an unknown media section",
		Looks: Looks{
			Wire:   "No checks to these candidates.",
			ICE:    "addIceCandidate fails with OperationError: sdpMid and sdpMLineIndex are missing, or match no m= line.",
			Server: "Allocations that nobody uses.",
		},
		Remedy:  Remedy{Application, "Send sdpMid, sdpMLineIndex and usernameFragment with each candidate and hand them over unchanged."},
		Sources: []string{"RFC 8829 section 3.5.2", "coturn/coturn#450"},
		Related: []string{"E1", "E2", "E4"},
	},
	{
		Code: "E4", Name: "UFRAG_MISMATCH", Title: "Checks use the ufrag of another session",
		Looks: Looks{
			Wire:   "Binding requests arrive whose USERNAME the receiver does not know; it answers 401 or not at all.",
			ICE:    "Pairs count requests received and no responses sent. Mostly after an ICE restart, or when two calls are mixed up.",
			Server: "Relays the checks; nothing unusual.",
		},
		Remedy:  Remedy{Application, "Tag candidates and descriptions with their ufrag, drop those of an older generation, and answer each restart with new credentials."},
		Sources: []string{"RFC 8445 section 7.2.2", "RFC 8445 section 9", "RFC 8839 section 5.4", "w3c/webrtc-pc#1227", "rtcweb-wg/jsep#251"},
		Related: []string{"E5", "E1"},
	},
	{
		Code: "E5", Name: "PWD_MISMATCH", Title: "Checks use the wrong ICE password",
		Looks: Looks{
			Wire:   "Binding requests have the right USERNAME and a MESSAGE-INTEGRITY that does not verify; the answer is 401, or nothing.",
			ICE:    "All pairs fail on both sides although packets arrive.",
			Server: "Relays the checks; nothing unusual.",
		},
		Remedy:  Remedy{Application, "Take ufrag and password from one and the same description, and do not edit or cache them."},
		Sources: []string{"RFC 8489 section 9.1.3", "RFC 8445 section 7.2.2", "RFC 8839 section 5.4"},
		Related: []string{"E4"},
	},
	{
		Code: "E6", Name: "MDNS_UNRESOLVED", Title: "A .local candidate cannot be resolved",
		Looks: Looks{
			Wire:   "mDNS queries for a name ending in .local without answer, or none sent.",
			ICE:    "Host candidates with a .local name and no pair for them. On one LAN the call goes over srflx or a relay instead of directly.",
			Server: "Relays a call between two hosts of one network.",
		},
		Remedy:  Remedy{Application, "Let multicast pass on the LAN, or use a library that resolves .local names. Browsers give real addresses once the page may use camera or microphone."},
		Sources: []string{"RFC 6762", "draft-ietf-rtcweb-mdns-ice-candidates-04 section 4.1", "meetecho/janus-gateway#1692", "shinyoshiaki/werift-webrtc#378"},
		Related: []string{"D13", "F4", "F3"},
	},
	{
		Code: "E7", Name: "ROLE_CONFLICT", Title: "Both peers claim the same ICE role",
		Looks: Looks{
			Wire:   "Binding requests answered with 487 more than once, or USE-CANDIDATE from both sides, or from neither.",
			ICE:    "Pairs succeed and none is nominated, or the nomination flips. One 487, followed by a switch of roles, is normal.",
			Server: "Nothing unusual.",
		},
		Remedy:  Remedy{Application, "Use an ICE library that switches roles on 487, and keep one tie-breaker for the session."},
		Sources: []string{"RFC 8445 section 7.3.1.1", "RFC 8445 section 7.2.5.1", "RFC 8445 section 6.1.1"},
		Related: []string{"E8"},
	},
	{
		Code: "E8", Name: "NOMINATION_BUG", Title: "A working pair is never nominated",
		Looks: Looks{
			Wire:   "Checks of a pair are answered in both directions, and no USE-CANDIDATE follows.",
			ICE:    "A pair has succeeded and is not nominated; ICE ends with a timeout.",
			Server: "An allocation with permission and checks, and no data.",
		},
		Remedy:  Remedy{Application, "Upgrade the ICE library of the controlling side and report it with the list of pairs."},
		Sources: []string{"RFC 8445 section 8.1.1", "sipsorcery-org/sipsorcery#1028"},
		Related: []string{"E7", "E14"},
	},
	{
		Code: "E9", Name: "PREMATURE_RELAY", Title: "The relay is chosen too early",
		Looks: Looks{
			Wire:   "USE-CANDIDATE for the relay pair comes before the answers to the direct checks, which do come.",
			ICE:    "The selected pair is a relay while a direct pair succeeds a little later. It happens on slow or lossy lines, where signalling is slow, and with a relay wait of zero.",
			Server: "Relays a call that needs no relay.",
		},
		Remedy:  Remedy{Application, "Let the controlling side wait longer before it takes a relay (pion: SetRelayAcceptanceMinWait, 2 s by default), or nominate again when a direct pair succeeds. Where direct candidates come late, make signalling carry each at once."},
		Sources: []string{"RFC 8445 section 8.1.1", "shinyoshiaki/werift-webrtc#338", "pion/ice#324"},
		Related: []string{"E10", "A10", "G3"},
	},
	{
		Code: "E10", Name: "RELAY_TRANSPORT_NOT_PREFERRED", Title: "TURN over TCP is used though UDP works",
		Looks: Looks{
			Wire:   "Data runs over the TCP or TLS leg to the server; the UDP leg has an allocation as well.",
			ICE:    "The selected pair's relayProtocol is tcp or tls while a pair with udp succeeded too.",
			Server: "Two allocations of one client, data on the TCP one.",
		},
		Remedy:  Remedy{Application, "List UDP URLs first, and use an ICE library that prefers relays reached over UDP. Leave TCP out where UDP is sure to work."},
		Sources: []string{"RFC 8445 section 5.1.2.2", "pion/ice#879"},
		Related: []string{"E9", "G2"},
	},
	{
		Code: "E11", Name: "PRFLX_MISLABEL", Title: "A direct path is called peer-reflexive",
		Looks: Looks{
			Wire:   "A check arrives from an address before signalling has brought the candidate of that address.",
			ICE:    "The selected pair says prflx (or host) for what is a server-reflexive path. Nothing is wrong; only statistics by type are.",
			Server: "No relayed data.",
		},
		Remedy:  Remedy{Application, "Classify paths by the address (a peer's, a NAT's, the relay's), not by the candidate type."},
		Sources: []string{"RFC 8445 section 7.3.1.3", "pion/ice#622", "livekit/livekit#3612", "livekit/mediatransportutil#89"},
		Related: []string{"E2"},
	},
	{
		Code: "E12", Name: "STALE_P2P", Title: "The direct path is dead, ICE keeps it",
		Looks: Looks{
			Wire:   "Data goes out on the selected pair and none returns, while small checks may still be answered.",
			ICE:    "Connected, on a direct pair; the application hears nothing, and no relay takes over.",
			Server: "An allocation that is kept and not used.",
		},
		Remedy:  Remedy{Application, "Watch for application data, not only for the ICE state, and restart ICE when it stops for some seconds."},
		Sources: []string{"RFC 7675 section 5.1", "RFC 8445 section 9", "netbirdio/netbird#639", "tailscale/tailscale#19457"},
		Related: []string{"F10", "F13", "F15"},
	},
	{
		Code: "E13", Name: "TOO_MANY_CANDIDATES", Title: "There are too many candidates to check",
		Looks: Looks{
			Wire:   "Checks go out one by one, at the pace of ICE; those of the pair that would work start after the timeout, or never.",
			ICE:    "Tens of candidates on each side; pairs still waiting or frozen when ICE fails.",
			Server: "Many allocations of one client.",
		},
		Remedy:  Remedy{Application, "Use one or two TURN servers, not five, leave out interfaces that lead nowhere, and give ICE more time."},
		Sources: []string{"RFC 8445 section 6.1.2.5", "RFC 8445 section 14.2", "algesten/str0m#405"},
		Related: []string{"B18", "E14", "C10"},
	},
	{
		Code: "E14", Name: "ICE_TIMEOUT_SHORT", Title: "The application gives up before ICE does",
		Looks: Looks{
			Wire:   "Checks are answered, or the answer to the offer arrives, after the connection was closed.",
			ICE:    "Failed or closed after a round number of seconds (5, 10), while pairs are still in progress.",
			Server: "An allocation freed before its first data.",
		},
		Remedy:  Remedy{Application, "Wait longer: 15 s at least, and count from when both descriptions are there. ICE itself may take 39.5 s before it calls a failure."},
		Sources: []string{"RFC 8863 section 4", "bigbluebutton/bigbluebutton#8418", "coturn/coturn#910"},
		Related: []string{"C10", "E13"},
	},
}
