package diagnose

// config is family A.
var config = []Cause{
	{
		Code: "A1", Name: "AUTH_BAD_PASSWORD", Title: "The TURN password is wrong",
		Looks: Looks{
			Wire:   "Allocate is challenged with 401, realm and nonce; the client repeats it with MESSAGE-INTEGRITY and is refused again. The first 401 belongs to every allocation and means nothing.",
			ICE:    "Host and srflx candidates, no relay. Browsers fire icecandidateerror with the server's code; pion only logs that it failed to allocate. If the other peer has a relay, the call works over that one and hides the fault.",
			Server: "coturn logs that the credentials of the user are incorrect; pion/turn reports a failed authentication (OnAuth).",
		},
		Answers: &Answers{
			Standard: "401 again, with a new challenge",
			Coturn:   "401 again, with a new challenge",
			Pion:     "400 without realm, nonce or reason",
		},
		Remedy:  Remedy{Application, "Compare username and credential with what the server has, character by character. With a shared secret the password is base64(HMAC-SHA1(secret, username)): not hex, not MD5, not the secret itself."},
		Sources: []string{"RFC 8489 section 9.2.4", "RFC 8656 section 7.4", "draft-uberti-rtcweb-turn-rest-00 section 2.2", "coturn/coturn#1573", "coturn/coturn#452", "Atlantis-Software/node-turn#5"},
		Related: []string{"A2", "A3", "A5"},
	},
	{
		Code: "A2", Name: "AUTH_UNKNOWN_USER", Title: "The TURN server does not know the user",
		Looks: Looks{
			Wire:   "As with a wrong password: the repeated Allocate, with MESSAGE-INTEGRITY, is refused.",
			ICE:    "Host and srflx candidates, no relay. The client cannot tell this from a wrong password.",
			Server: "coturn logs that it cannot find credentials of the user. Often the server expects the other mechanism: time-limited credentials (use-auth-secret) where the client has a fixed user (lt-cred-mech), or the other way round.",
		},
		Answers: &Answers{
			Standard: "401 again, with a new challenge",
			Coturn:   "401 again, with a new challenge",
			Pion:     "400 without realm, nonce or reason",
		},
		Remedy:  Remedy{Operator, "Use one credential mechanism on both sides: fixed users, or time-limited ones from a shared secret. Do not enable both, and add the user that the application sends."},
		Sources: []string{"RFC 8489 section 9.2.4", "draft-uberti-rtcweb-turn-rest-00 section 4.2", "coturn/coturn#112", "coturn/coturn#180", "coturn/coturn#1533", "coturn/coturn#148"},
		Related: []string{"A1", "A3"},
	},
	{
		Code: "A3", Name: "AUTH_EXPIRED", Title: "The TURN credential has expired",
		Looks: Looks{
			Wire:   "As with a wrong password, and the username begins with a Unix time that lies in the past.",
			ICE:    "Host and srflx candidates, no relay; it worked when the page was loaded. A running call goes on until its allocation or its ICE session is renewed.",
			Server: "pion/turn logs an expired time-windowed username; coturn finds no credentials for it. coturn looks at the time when a session is created.",
		},
		Answers: &Answers{
			Standard: "401 again, with a new challenge",
			Coturn:   "401 again, with a new challenge",
			Pion:     "400 without realm, nonce or reason",
		},
		Remedy:  Remedy{Application, "Fetch credentials when a call starts, not when the page loads, with a lifetime longer than the longest call. Fetch new ones before every ICE restart."},
		Sources: []string{"draft-uberti-rtcweb-turn-rest-00 section 2.2", "RFC 8656 section 7.4", "gradio-app/fastrtc#283", "coturn/coturn#774"},
		Related: []string{"A1", "A4", "G6"},
	},
	{
		Code: "A4", Name: "CLOCK_SKEW", Title: "Two servers disagree about the time",
		Looks: Looks{
			Wire:   "As with an expired credential, though the time in the username lies in the future for the client.",
			ICE:    "Host and srflx candidates, no relay, for every user at once and however fresh the credential is.",
			Server: "The username counts as expired. The Date of the credential service's HTTP answer and the TURN server's clock differ by more than the lifetime.",
		},
		Answers: &Answers{
			Standard: "401 again, with a new challenge",
			Coturn:   "401 again, with a new challenge",
			Pion:     "400 without realm, nonce or reason",
		},
		Remedy:  Remedy{Operator, "Run NTP on the TURN server and on the host that issues credentials, and compare their clocks. Do not issue lifetimes of a few seconds."},
		Sources: []string{"draft-uberti-rtcweb-turn-rest-00 section 2.2", "coturn/coturn#505", "awslabs/amazon-kinesis-video-streams-webrtc-sdk-c#1440"},
		Related: []string{"A3"},
	},
	{
		Code: "A5", Name: "REALM_MISMATCH", Title: "The realm is missing or not the server's",
		Looks: Looks{
			Wire:   "The 401 carries no REALM or an empty one, so that the client has nothing to make its key from; or the client answers with another realm than the server sent.",
			ICE:    "No relay. Implementations differ: Chrome gathers no relay candidate where Firefox does.",
			Server: "coturn logs that the realm value is incorrect.",
		},
		Answers: &Answers{
			Standard: "401 or 441",
			Coturn:   "441, or 437 on an allocation that exists",
			Pion:     "accepted, unless the AuthHandler looks at the realm",
		},
		Remedy:  Remedy{Operator, "Set a realm on the server (coturn: realm=example.org) and let no proxy remove it from the answers."},
		Sources: []string{"RFC 8489 section 9.2.2", "RFC 8489 section 14.9", "webrtc/samples#1227", "coturn/coturn#1453"},
		Related: []string{"A1"},
	},
	{
		Code: "A6", Name: "NO_CREDS_IN_URL", Title: "A TURN URL has no username or credential",
		Looks: Looks{
			Wire:   "No packet leaves for the TURN server.",
			ICE:    "Browsers throw InvalidAccessError when the connection is created. pion logs that the username is empty and skips all URLs that come after it too, good ones included.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{Application, "Give every turn: and turns: URL its username and credential. Check that the call to the credential service did not fail silently."},
		Sources: []string{"RFC 8489 section 9.2.3", "pion/ice: gather.go"},
		Related: []string{"A7", "A1"},
	},
	{
		Code: "A7", Name: "BAD_URI", Title: "A STUN or TURN URL is malformed",
		Looks: Looks{
			Wire:   "No packet leaves for that server, or packets go to a port nobody meant.",
			ICE:    "SyntaxError when the connection is created, or no candidate from that URL: a transport on a stun: URL (Chrome refuses it), udp on turns: (browsers have no DTLS to TURN), a relay wanted from stun:.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{Application, "Write stun:host:port, turn:host:port?transport=udp or tcp, and turns:host:port?transport=tcp. No slashes after the scheme, no credentials in the URL."},
		Sources: []string{"RFC 7064 section 3.1", "RFC 7065", "coturn/coturn#1183", "coturn/coturn#873", "element-hq/element-ios#2712"},
		Related: []string{"A6", "A8", "A12"},
	},
	{
		Code: "A8", Name: "PORT_FORBIDDEN_BY_BROWSER", Title: "The browser refuses the TURN port",
		Looks: Looks{
			Wire:   "No packet leaves Chrome for the server, while other clients reach it.",
			ICE:    "No relay from that URL in Chrome and what is built on libwebrtc: it talks to ports 53, 80, 443 and from 1024 up only.",
			Server: "Nothing from these clients.",
		},
		Remedy:  Remedy{Operator, "Listen on 3478, 5349 or 443, or on another port from 1024 up."},
		Sources: []string{"libwebrtc: p2p/base/turn_port.cc"},
		Related: []string{"A7"},
	},
	{
		Code: "A9", Name: "POLICY_RELAY_NO_TURN", Title: "Relay only is asked for, without TURN",
		Looks: Looks{
			Wire:   "Nothing: no STUN, no TURN.",
			ICE:    "Gathering completes at once with no candidate; there is no pair to check. The policy is relay and the list has no usable turn: URL.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{Application, "Add a TURN server with credentials, or set iceTransportPolicy to all."},
		Sources: []string{"RFC 8829 section 3.5.3", "mdn/content#26284", "versatica/JsSIP#417"},
		Related: []string{"A10", "A6"},
	},
	{
		Code: "A10", Name: "POLICY_RELAY_FORCED", Title: "Relay is forced though direct would work",
		Looks: Looks{
			Wire:   "One side sends nothing but TURN; no check goes from it to the other peer directly.",
			ICE:    "That side offers relay candidates only (iceTransportPolicy relay, or an application that filters the others). The other side has all types.",
			Server: "Relays every call of this application, whatever the NATs.",
		},
		Remedy:  Remedy{Application, "Set iceTransportPolicy to all, unless hiding addresses from the other peer is the purpose."},
		Sources: []string{"RFC 8829 section 3.5.3", "RFC 8828 section 5.2", "bigbluebutton/bigbluebutton#17716"},
		Related: []string{"A9", "E2", "E9"},
	},
	{
		Code: "A11", Name: "ONE_SIDED_TURN", Title: "Only one side has a TURN server",
		Looks: Looks{
			Wire:   "One peer allocates, the other never speaks TURN.",
			ICE:    "relay on one side only. It works: one relay is enough for any pair of NATs that let UDP through. It fails when that one server does, or when the other side cannot send UDP.",
			Server: "One allocation a call where there could be two.",
		},
		Remedy:  Remedy{Application, "Give both peers TURN servers, over UDP, TCP and TLS, so that neither depends on the other's."},
		Sources: []string{"RFC 8445 section 5.1.1.2", "awslabs/amazon-kinesis-video-streams-webrtc-sdk-c#982"},
		Related: []string{"A12", "B3"},
	},
	{
		Code: "A12", Name: "TURN_ONLY_UDP_URI", Title: "No TURN URL works without UDP",
		Looks: Looks{
			Wire:   "Requests over UDP go out and nothing returns; TCP to the server is never tried.",
			ICE:    "No srflx, no relay, on networks that block UDP; everywhere else all is well.",
			Server: "Nothing from these networks.",
		},
		Remedy:  Remedy{Application, "Add turn:host:3478?transport=tcp and turns:host:443?transport=tcp to the list."},
		Sources: []string{"RFC 8835 section 3.4", "RFC 8656 section 3.1", "deathandmayhem/jolly-roger#1363"},
		Related: []string{"B3", "B7"},
	},
	{
		Code: "A13", Name: "WRONG_SERVER_ROLE", Title: "The server speaks STUN only, not TURN",
		Looks: Looks{
			Wire:   "Binding is answered; Allocate is refused or never answered, whatever the credentials.",
			ICE:    "srflx from that server, never a relay.",
			Server: "No relay is configured, or TURN is switched off (coturn: stun-only).",
		},
		Answers: &Answers{
			Standard: "an error response; TURN is optional for a STUN server",
			Coturn:   "401 or another error; with stun-only, Allocate is not served",
			Pion:     "401, then 400 to any credentials when no AuthHandler is set",
		},
		Remedy:  Remedy{Operator, "Enable TURN on the server, or use one that has it. A public STUN server is not a TURN server."},
		Sources: []string{"RFC 8489 section 6.3.1", "RFC 8656 section 7.2", "pion/turn: internal/server/util.go"},
		Related: []string{"A1", "A2"},
	},
	{
		Code: "A14", Name: "SECURE_STUN", Title: "The server wants a password even for STUN",
		Looks: Looks{
			Wire:   "Binding requests are answered with 401.",
			ICE:    "No srflx candidates; relay may still be there. Connections that could be direct use the relay.",
			Server: "coturn runs with secure-stun.",
		},
		Remedy:  Remedy{Operator, "Remove secure-stun: ICE sends Binding requests to STUN servers without credentials."},
		Sources: []string{"RFC 8489 section 9.2", "RFC 8445 section 5.1.1.2", "coturn/coturn#389"},
		Related: []string{"A1", "B20"},
	},
}
