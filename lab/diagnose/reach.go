package diagnose

// reach is family B.
var reach = []Cause{
	{
		Code: "B1", Name: "DNS_FAIL", Title: "The TURN server's name does not resolve",
		Looks: Looks{
			Wire:   "DNS answers NXDOMAIN or SERVFAIL, or not at all. No packet goes to the server.",
			ICE:    "Browsers fire icecandidateerror 701 with a host lookup error. The same code for the AAAA lookup of a name that has only an A record is harmless.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{ClientNetwork, "Resolve the name where the client is (dig A and AAAA) and repair the record or the resolver. A proxy that resolves names itself may get through meanwhile."},
		Sources: []string{"RFC 8489 section 8", "W3C webrtc: icecandidateerror", "coturn/coturn#891", "coturn/coturn#639", "awslabs/amazon-kinesis-video-streams-webrtc-sdk-c#913"},
		Related: []string{"B2", "B6"},
	},
	{
		Code: "B2", Name: "DNS_WRONG_FAMILY", Title: "The name has no address of that IP version",
		Looks: Looks{
			Wire:   "Only AAAA is answered on an IPv4 network, or only A on one that has IPv6 alone.",
			ICE:    "icecandidateerror 701 for one family. It is harmless as long as the other family gives candidates.",
			Server: "Nothing from these clients, or from one family only.",
		},
		Remedy:  Remedy{Operator, "Publish A and AAAA records for the server and let it listen on both, or remove the record of the family that it does not serve."},
		Sources: []string{"RFC 8656 section 3.9", "coturn/coturn#1552", "bigbluebutton/bigbluebutton#8345"},
		Related: []string{"B1", "B19"},
	},
	{
		Code: "B3", Name: "UDP_BLOCKED", Title: "The network lets no UDP out",
		Looks: Looks{
			Wire:   "Every UDP request is repeated without answer, to any server and port; TCP to the same server opens at once.",
			ICE:    "No srflx and no relay over UDP; icecandidateerror 701, allocate timed out. With a TCP or TLS URL there is a relay whose relayProtocol is tcp or tls.",
			Server: "Nothing over UDP from this network, while others are served.",
		},
		Remedy:  Remedy{ClientNetwork, "Allow UDP to the TURN server's port. Until then the application needs TURN over TCP and over TLS on port 443."},
		Sources: []string{"RFC 8835 section 3.4", "RFC 5780 section 4.2", "jitsi/docker-jitsi-meet#186", "sipsorcery-org/sipsorcery#1294"},
		Related: []string{"B4", "B6", "B7", "B15", "A12"},
	},
	{
		Code: "B4", Name: "UDP_3478_BLOCKED_OTHER_OK", Title: "Only the TURN server's UDP port is blocked",
		Looks: Looks{
			Wire:   "Binding to port 3478 stays unanswered; Binding to another UDP port, or to another STUN server on another port, is answered.",
			ICE:    "No candidate from URLs with that port; others work.",
			Server: "Nothing on UDP 3478 from this network.",
		},
		Remedy:  Remedy{Operator, "Let the server listen on UDP 443 as well and give the application that URL; or have the network allow 3478."},
		Sources: []string{"RFC 8489 section 18.6"},
		Related: []string{"B3", "B6"},
	},
	{
		Code: "B5", Name: "TURN_PORT_CLOSED", Title: "Nothing listens on the TURN port",
		Looks: Looks{
			Wire:   "UDP is answered with ICMP port unreachable, TCP with a reset.",
			ICE:    "No relay. pion does not report the ICMP message: UDP looks like 7.8 s of silence, TCP says connection refused.",
			Server: "The process is not running, listens on another address or port, or its container does not publish the port.",
		},
		Remedy:  Remedy{Operator, "Start the server and check that it listens on the public address (ss -lunt). In Docker publish both 3478/udp and 3478/tcp."},
		Sources: []string{"RFC 8445 section 7.2.5.2.2", "coturn/coturn#21", "coturn/coturn#884", "coturn/coturn#819"},
		Related: []string{"B6", "G1"},
	},
	{
		Code: "B6", Name: "TURN_BLACKHOLE", Title: "The TURN server is down or firewalled",
		Looks: Looks{
			Wire:   "UDP and TCP to the server stay unanswered; other servers answer.",
			ICE:    "No relay; icecandidateerror 701, allocate timed out. pion gives up after 7.8 s: all retransmissions failed.",
			Server: "Nothing arrives, from any client: a host firewall or a cloud security group drops it.",
		},
		Remedy:  Remedy{Operator, "Open UDP and TCP 3478 (and the TLS port) in the host's firewall and in the cloud's security group, and check that the host is up."},
		Sources: []string{"RFC 8489 section 6.2.1", "RFC 8656 section 7.4", "coturn/coturn#678", "coturn/coturn#634"},
		Related: []string{"B3", "B4", "B5"},
	},
	{
		Code: "B7", Name: "TCP_ONLY_443", Title: "The network lets only TCP port 443 out",
		Looks: Looks{
			Wire:   "UDP is silent, SYN to 3478 is silent, SYN to 443 is answered.",
			ICE:    "A relay appears only from a turns: URL on port 443.",
			Server: "From this network connections to 443 alone.",
		},
		Remedy:  Remedy{Operator, "Offer TURN over TLS on port 443 of an address of its own, and put turns:host:443?transport=tcp in the application's list."},
		Sources: []string{"RFC 8835 section 3.4", "RFC 8656 section 3.1", "coturn/coturn#904", "coturn/coturn#508", "instrumentisto/coturn-docker-image#22"},
		Related: []string{"B3", "B14", "A12"},
	},
	{
		Code: "B8", Name: "TLS_CERT_INVALID", Title: "The TURN certificate is not trusted",
		Looks: Looks{
			Wire:   "TCP opens, the server's certificate arrives, the client ends with alert bad_certificate (42), certificate_unknown (46) or unknown_ca (48).",
			ICE:    "No relay over TLS; Chrome's icecandidateerror 701 has no text. libwebrtc outside the browser trusts a short list of its own, so an app may refuse what the browser takes.",
			Server: "A TLS handshake that ended with the client's alert.",
		},
		Remedy:  Remedy{Operator, "Install a certificate of a public CA with its whole chain (fullchain.pem). With a private CA, install that on the clients."},
		Sources: []string{"RFC 8446 section 6.2", "RFC 8489 section 6.2.3", "livekit/rust-sdks#1301", "coturn/coturn#247", "processone/eturnal#70", "element-hq/element-ios#2712"},
		Related: []string{"B9", "B10", "B13"},
	},
	{
		Code: "B9", Name: "TLS_HOST_MISMATCH", Title: "The certificate is for another name",
		Looks: Looks{
			Wire:   "TLS ends with the client's alert 42 or 46, or with a silent close, after a certificate without the host of the URL.",
			ICE:    "No relay over TLS. The usual reason is an IP address in the turns: URL.",
			Server: "A TLS handshake that the client ended.",
		},
		Remedy:  Remedy{Application, "Use the DNS name in the turns: URL that stands in the certificate's subjectAltName, or have that name added to it."},
		Sources: []string{"RFC 8489 section 6.2.3", "RFC 8446 section 6.2", "coturn/coturn#113"},
		Related: []string{"B8", "B11"},
	},
	{
		Code: "B10", Name: "TLS_EXPIRED", Title: "The TURN certificate has expired",
		Looks: Looks{
			Wire:   "TLS ends with alert certificate_expired (45) or another certificate alert; notAfter lies in the past, of the certificate or of one in its chain.",
			ICE:    "Relay over TLS vanishes for all clients on one day; UDP and TCP go on.",
			Server: "Handshakes that end with the client's alert. The file may be renewed while the process still holds the old one.",
		},
		Remedy:  Remedy{Operator, "Renew the certificate and let the server read it: restart it, or send SIGUSR2 to coturn. Do so from the renewal hook."},
		Sources: []string{"RFC 8446 section 6.2", "element-hq/element-ios#2712"},
		Related: []string{"B8"},
	},
	{
		Code: "B11", Name: "TLS_SNI_MISROUTED", Title: "A front end sends TLS to the wrong service",
		Looks: Looks{
			Wire:   "The certificate is the web server's, or the handshake ends with unrecognized_name (112), or it succeeds and STUN is answered with HTTP or a close.",
			ICE:    "No relay over TLS on the port that web and TURN share.",
			Server: "The TURN server sees nothing, or bytes that are no STUN, such as a PROXY protocol header it does not expect.",
		},
		Remedy:  Remedy{Operator, "Map the TURN host name to the TURN backend in the front end (SNI) and send the PROXY protocol only if the backend takes it; or give TURN an address of its own."},
		Sources: []string{"RFC 6066 section 3", "RFC 8446 section 6.2", "livekit/livekit#3186", "coturn/coturn#1642"},
		Related: []string{"B8", "B9"},
	},
	{
		Code: "B12", Name: "TLS_VERSION", Title: "Client and server share no TLS version",
		Looks: Looks{
			Wire:   "TLS ends with alert protocol_version (70) or handshake_failure (40) right after ClientHello.",
			ICE:    "No relay over TLS (or DTLS), with old clients only, or with an old server for all.",
			Server: "Logs a handshake without a common version or cipher.",
		},
		Remedy:  Remedy{Operator, "Enable TLS 1.2 and 1.3 (and DTLS 1.2) on the server and on any middlebox that ends TLS."},
		Sources: []string{"RFC 8446 section 6.2", "coturn/coturn#376", "coturn/coturn#127"},
		Related: []string{"B8", "B13"},
	},
	{
		Code: "B13", Name: "TLS_MITM", Title: "An inspecting proxy breaks into TLS",
		Looks: Looks{
			Wire:   "The certificate's issuer is the company's or an antivirus product's CA, and ALPN is gone. The connection often ends at the first STUN message, which is no HTTP.",
			ICE:    "No relay over TLS inside this network; from elsewhere all is well.",
			Server: "A TLS client that is the proxy, or nothing.",
		},
		Remedy:  Remedy{ClientNetwork, "Exempt the TURN host from TLS inspection."},
		Sources: []string{"RFC 8446 section 6.2", "nextcloud/spreed#257"},
		Related: []string{"B8", "B14", "B16"},
	},
	{
		Code: "B14", Name: "HTTP_PROXY_ONLY", Title: "Only the web proxy leads out",
		Looks: Looks{
			Wire:   "Every direct SYN is dropped; CONNECT at the proxy works, or is refused with 403 or 407.",
			ICE:    "Browsers use their proxy for TURN over TCP and TLS. pion needs a proxy dialler, and with one set it sends turns: without TLS unless the dialler adds it.",
			Server: "Connections from the proxy's address, or none.",
		},
		Remedy:  Remedy{ClientNetwork, "Allow CONNECT to the TURN host on port 443, without authentication that the client cannot give."},
		Sources: []string{"RFC 9110 section 9.3.6", "RFC 8835 section 3.4", "sipsorcery-org/sipsorcery#1171", "mpromonet/webrtc-streamer#81", "jitsi/jitsi-meet#324"},
		Related: []string{"B7", "B13"},
	},
	{
		Code: "B15", Name: "DPI_STUN_UDP", Title: "A middlebox drops STUN, whatever the port",
		Looks: Looks{
			Wire:   "Binding and Allocate over UDP stay unanswered on every port, while other UDP to the same port passes.",
			ICE:    "No srflx and no relay over UDP; relay over TCP or TLS works. Looks like blocked UDP.",
			Server: "No STUN from this network; other UDP arrives.",
		},
		Remedy:  Remedy{ClientNetwork, "Have the filter's rule for STUN or peer-to-peer traffic removed. Until then use TURN over TLS on port 443."},
		Sources: []string{"RFC 8489 section 5", "jitsi/docker-jitsi-meet#186"},
		Related: []string{"B3", "B16", "F11"},
	},
	{
		Code: "B16", Name: "DPI_TURN_OVER_TLS", Title: "A middlebox ends TURN inside TLS",
		Looks: Looks{
			Wire:   "TCP and TLS succeed; after the first bytes of TURN comes a reset or a close. From another network the same URL works.",
			ICE:    "No relay over TLS from this network only.",
			Server: "A client that goes away right after the handshake, without an error of its own.",
		},
		Remedy:  Remedy{ClientNetwork, "Exempt the TURN host from traffic classification. Another port or ALPN value may pass meanwhile."},
		Sources: []string{"RFC 8656 section 3.1"},
		Related: []string{"B13", "B15"},
	},
	{
		Code: "B17", Name: "CAPTIVE_PORTAL", Title: "The network waits for a sign-in",
		Looks: Looks{
			Wire:   "Plain HTTP to any site is redirected; UDP goes nowhere; DNS may answer with the portal's address.",
			ICE:    "Host candidates only.",
			Server: "Nothing.",
		},
		Remedy:  Remedy{ClientNetwork, "Open a web page, sign in at the portal and connect again."},
		Sources: []string{"RFC 8952"},
		Related: []string{"B1", "B3"},
	},
	{
		Code: "B18", Name: "WRONG_INTERFACE", Title: "ICE uses an interface that leads nowhere",
		Looks: Looks{
			Wire:   "Requests leave through a VPN, a container bridge or a second card and are not answered; through the default route they are.",
			ICE:    "Host candidates of several interfaces; pairs of one of them all fail. Chrome may fire icecandidateerror 600, address not associated with the desired network interface.",
			Server: "Requests from the VPN's address, or none.",
		},
		Remedy:  Remedy{Application, "Leave out interfaces that cannot reach the peers (pion: SetInterfaceFilter) or use the default route only. As a user, switch the VPN off and try again."},
		Sources: []string{"RFC 8828 section 5.2", "RFC 8445 section 5.1.1.1", "coturn/coturn#553", "coturn/coturn#678", "bigbluebutton/bigbluebutton#10708"},
		Related: []string{"B6", "E13", "F14"},
	},
	{
		Code: "B19", Name: "IPV6_ONLY_NAT64", Title: "The client has only IPv6, the server IPv4",
		Looks: Looks{
			Wire:   "Nothing goes to the IPv4 address of the URL. A name is translated by DNS64 and reached through NAT64.",
			ICE:    "No srflx, no relay. pion does not gather relay candidates over IPv6 at all.",
			Server: "Nothing, or requests from the NAT64's IPv4 address.",
		},
		Remedy:  Remedy{Operator, "Give the server an IPv6 address and an AAAA record; in URLs use its name, never an IPv4 address."},
		Sources: []string{"RFC 6146", "RFC 6147", "RFC 8656 section 3.9", "TelegramMessenger/Telegram-iOS#487", "firezone/firezone#10233", "pion/ice: gather.go"},
		Related: []string{"B2", "C8", "D6"},
	},
	{
		Code: "B20", Name: "RATE_LIMITED_401", Title: "The server limits its first answers",
		Looks: Looks{
			Wire:   "Some first Allocates over UDP stay unanswered; Binding and TCP are answered every time.",
			ICE:    "Relay comes late or not at all, and at random; worse for many users behind one address.",
			Server: "coturn counts 401 answers per address and is silent above its unauthorized-ratelimit.",
		},
		Answers: &Answers{
			Standard: "401 to every request without credentials",
			Coturn:   "silence over UDP above the limit, when one is set",
			Pion:     "401 every time",
		},
		Remedy:  Remedy{Operator, "Raise the limit: a carrier's NAT puts hundreds of clients behind one address. Offer TCP beside UDP."},
		Sources: []string{"RFC 8489 section 9.2.4", "coturn: docs/401-ratelimit.md"},
		Related: []string{"B6", "A14", "C1"},
	},
	{
		Code: "B21", Name: "REDIRECT_300", Title: "The server redirects and the client stays",
		Looks: Looks{
			Wire:   "Allocate is answered with 300 and ALTERNATE-SERVER; no request goes to that address.",
			ICE:    "No relay with pion, whose client does not follow; libwebrtc does.",
			Server: "The first server sends 300, the second sees nobody.",
		},
		Answers: &Answers{
			Standard: "300 with ALTERNATE-SERVER",
			Coturn:   "300 when an alternate-server is set",
			Pion:     "never sends 300, and its client ignores it",
		},
		Remedy:  Remedy{Application, "Name the target server in the list directly, or use a client that follows redirection."},
		Sources: []string{"RFC 8489 section 10", "RFC 8656 section 7.4", "pion/turn#544"},
		Related: []string{"C11"},
	},
}
