package turnserver

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/stun/v3"
)

// exchange is the message of a client's that turn/v4 is handling, and what was found out about it
// so far. It begins when a leg reads a message and ends when the leg reads again.
type exchange struct {
	client netip.AddrPort
	raw    []byte // turn/v4's buffer

	authFailure string
	refusal     string       // of an allocation
	denied      []deniedPeer // of a permission
	username    string       // whose quota holds one more allocation until it is created
	relay       *relaySocket // opened for the allocation in the making
	explained   bool         // answered, or its drop logged
}

type deniedPeer struct {
	addr   netip.Addr
	reason string
}

const noPermission = "no permission for this peer (RFC 8656 section 9)"

const noAllocation = "no allocation for this client: it ended, the server restarted, or the client's NAT gave it a new address"

// request decodes the message, or returns an empty one for what is not STUN.
func (x *exchange) request() *stun.Message {
	m := new(stun.Message)
	if err := stun.Decode(x.raw, m); err != nil {
		return new(stun.Message)
	}

	return m
}

// target is the peer of a Send indication or of the first permission asked for.
func (x *exchange) target() netip.AddrPort {
	if peers := peersOf(x.request()); len(peers) > 0 {
		return peers[0]
	}

	return netip.AddrPort{}
}

func peersOf(m *stun.Message) (peers []netip.AddrPort) {
	_ = m.ForEach(stun.AttrXORPeerAddress, func(m *stun.Message) error {
		var peer stun.XORMappedAddress
		if err := peer.GetFromAs(m, stun.AttrXORPeerAddress); err != nil {
			return err
		}
		ip, _ := netip.AddrFromSlice(peer.IP)
		peers = append(peers, netip.AddrPortFrom(ip.Unmap(), uint16(peer.Port)))

		return nil
	})

	return peers
}

func usernameOf(m *stun.Message) string {
	var name stun.Username
	_ = name.GetFrom(m)

	return name.String()
}

// finishExchange runs when turn/v4 is done with a message, answered or not.
func (l *leg) finishExchange() {
	if name := l.exchange.username; name != "" {
		l.server.allocations.release(l.server.holder(name))
	}
	l.exchange = exchange{}
}

// answerItself answers what turn/v4 must not see, and reports whether it did.
//
// turn/v4 binds any channel number, and then sends the client messages that begin like STUN.
func (l *leg) answerItself(to net.Addr) bool {
	if messageType(l.exchange.raw) != stun.NewType(stun.MethodChannelBind, stun.ClassRequest) {
		return false
	}
	req := l.exchange.request()
	number, err := req.Get(stun.AttrChannelNumber)
	if err != nil || len(number) != 4 || number[0]>>6 == 1 {
		return false
	}
	l.log(Event{
		Kind: ChannelRefused, Method: req.Type.Method.String(), Username: usernameOf(req), Peer: l.exchange.target(),
		Channel: binary.BigEndian.Uint16(number), Code: int(stun.CodeBadRequest),
		Reason: "channel number outside 0x4000-0x7FFF (RFC 8656 section 12)",
	})
	answer, err := stun.Build(req, stun.NewType(stun.MethodChannelBind, stun.ClassErrorResponse), stun.CodeBadRequest)
	if err == nil {
		_ = l.send(answer.Raw, to)
	}

	return true
}

// asksForCredentials answers a Binding request that is not signed by a user with 401, where the
// faults have it so, and reports whether it did.
func (l *leg) asksForCredentials(to net.Addr) bool {
	if !l.server.faults.SecureSTUN || messageType(l.exchange.raw) != stun.BindingRequest {
		return false
	}
	req := l.exchange.request()
	key, refusal := l.server.key(usernameOf(req))
	if refusal == "" && stun.MessageIntegrity(key).Check(req) == nil {
		return false
	}
	challenge, err := stun.Build(req, stun.BindingError, stun.CodeUnauthorized,
		stun.NewRealm(l.server.config.Realm), stun.NewNonce(secureNonce), stun.Fingerprint)
	if err == nil {
		l.server.faults.act("secure_stun")
		_ = l.send(challenge.Raw, to)
	}

	return true
}

// secureNonce is in the challenges of Binding requests, which no client of ICE answers.
const secureNonce = "binding"

// forbidding returns the refusal that RFC 8656 (sections 10.2 and 12.2) wants for a denied peer,
// 403 (Forbidden), in place of turn/v4's: that is 401 for a channel and no code for a permission.
func (l *leg) forbidding(p []byte) []byte {
	t := messageType(p)
	if len(l.exchange.denied) == 0 || t.Class != stun.ClassErrorResponse {
		return p
	}

	return l.refusing(p, t, stun.CodeForbidden)
}

const noUDPRelay = "relaying over UDP is switched off in the server's configuration"

// refusingUDP returns 442 (Unsupported Transport Protocol, RFC 8656 section 7.2) in place of
// turn/v4's refusal of an allocation that was refused for being one over UDP.
func (l *leg) refusingUDP(p []byte) []byte {
	t := messageType(p)
	if l.exchange.refusal != noUDPRelay || t.Class != stun.ClassErrorResponse {
		return p
	}

	return l.refusing(p, t, stun.CodeUnsupportedTransProto)
}

// refusing returns a signed refusal of the request in hand, or p where it cannot be signed.
func (l *leg) refusing(p []byte, t stun.MessageType, code stun.ErrorCode) []byte {
	req := l.exchange.request()
	key, refusal := l.server.key(usernameOf(req))
	if refusal != "" {
		return p
	}
	answer, err := stun.Build(req, t, code, stun.MessageIntegrity(key))
	if err != nil {
		return p
	}

	return answer.Raw
}

// answering logs what the answer, about to be sent, refuses.
func (l *leg) answering(p []byte) {
	x := &l.exchange
	x.explained = true
	answer := new(stun.Message)
	if err := stun.Decode(p, answer); err != nil {
		return
	}
	if answer.Type.Class == stun.ClassSuccessResponse {
		l.succeeding(answer.Type.Method)
	}
	if answer.Type.Class != stun.ClassErrorResponse {
		return
	}
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(answer)
	req := x.request()
	e := Event{Method: answer.Type.Method.String(), Username: usernameOf(req), Code: int(code.Code)}

	switch {
	case !req.Contains(stun.AttrMessageIntegrity):
		return // the challenge that begins every allocation (RFC 8489 section 9.2.4)
	case code.Code == stun.CodeStaleNonce:
		e.Kind, e.Reason = NonceStale, "the nonce expired or is not this socket's: the client shall retry with the new one"
	case x.authFailure != "":
		e.Kind, e.Reason = AuthFailed, x.authFailure
	case l.server.servesTURN() && lacksCredentials(req):
		e.Kind, e.Reason = AuthFailed, "USERNAME, REALM or NONCE is missing"
	case answer.Type.Method == stun.MethodAllocate:
		e.Kind, e.Reason = AllocationRefused, l.allocateRefusal(code.Code)
	case answer.Type.Method == stun.MethodChannelBind && len(x.denied) == 0:
		e.Kind, e.Peer, e.Channel = ChannelRefused, x.target(), channelOf(req)
		e.Reason = "the channel is bound to another peer, or the peer to another channel (RFC 8656 section 12.2)"
	case answer.Type.Method == stun.MethodCreatePermission, answer.Type.Method == stun.MethodChannelBind:
		l.permissionRefused(e, req)

		return
	default:
		return
	}
	l.log(e)
}

// succeeding takes note of the permissions that the answer, about to be sent, grants.
func (l *leg) succeeding(method stun.Method) {
	relay := l.relayOf(l.exchange.client)
	grants := method == stun.MethodCreatePermission || method == stun.MethodChannelBind
	if relay != nil && grants && l.server.config.PermissionLifetime > 0 {
		relay.granted(l.exchange.request())
	}
}

func lacksCredentials(req *stun.Message) bool {
	return !req.Contains(stun.AttrUsername) || !req.Contains(stun.AttrRealm) || !req.Contains(stun.AttrNonce)
}

func channelOf(req *stun.Message) uint16 {
	number, err := req.Get(stun.AttrChannelNumber)
	if err != nil || len(number) < 2 {
		return 0
	}

	return binary.BigEndian.Uint16(number)
}

func (l *leg) allocateRefusal(code stun.ErrorCode) string {
	switch {
	case l.exchange.refusal != "":
		return l.exchange.refusal
	case !l.server.servesTURN():
		return "the server has no users: it serves STUN only"
	case code == stun.CodeAllocMismatch:
		return "this client address holds an allocation already (RFC 8656 section 7.2)"
	case code == stun.CodeUnsupportedTransProto:
		return "REQUESTED-TRANSPORT is not UDP"
	case code == stun.CodeUnknownAttribute:
		return "DONT-FRAGMENT is not supported by turn/v4"
	case code == stun.CodeBadRequest:
		return "REQUESTED-TRANSPORT is missing, or RESERVATION-TOKEN comes with EVEN-PORT"
	default:
		return "turn/v4 gave no reason"
	}
}

// permissionRefused logs every peer of the request: one answer refuses them all, though turn/v4
// keeps the permissions it created before it met the denied peer.
func (l *leg) permissionRefused(e Event, req *stun.Message) {
	e.Kind = PermissionRefused
	peers := peersOf(req)
	if len(peers) == 0 {
		e.Reason = "the request names no peer"
		l.log(e)
	}
	for _, peer := range peers {
		e.Peer = peer
		if req.Type.Method == stun.MethodCreatePermission {
			e.Peer = netip.AddrPortFrom(peer.Addr(), 0)
		}
		e.Reason = "the request names a peer that is denied, beside this one"
		for _, denied := range l.exchange.denied {
			if denied.addr == peer.Addr() {
				e.Reason = denied.reason
			}
		}
		l.log(e)
	}
}

// unanswered logs what turn/v4 reports as an error without having answered it.
func (l *leg) unanswered() {
	x := &l.exchange
	t := messageType(x.raw)
	hasAllocation := l.relayOf(x.client) != nil
	switch {
	case x.explained || len(x.raw) < 4:
	case x.raw[0]>>6 == 1:
		reason := fmt.Sprintf("channel %#x is not bound", binary.BigEndian.Uint16(x.raw))
		if int(binary.BigEndian.Uint16(x.raw[2:])) > len(x.raw)-4 {
			reason = "malformed ChannelData"
		} else if !hasAllocation {
			reason = noAllocation
		}
		l.dropFromClient(reason)
	case t == stun.NewType(stun.MethodSend, stun.ClassIndication):
		reason := noPermission
		if !hasAllocation {
			reason = noAllocation
		} else if !x.request().Contains(stun.AttrData) || !x.target().IsValid() {
			reason = "malformed Send indication"
		}
		l.dropFromClient(reason)
	case t.Class == stun.ClassRequest && isSTUN(x.raw):
		req := x.request()
		reason := "turn/v4 does not know the method, or could not read the request"
		switch t.Method {
		case stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind:
			if !hasAllocation {
				reason = noAllocation
			}
		}
		l.log(Event{
			Kind: RequestUnanswered, Method: t.Method.String(), Username: usernameOf(req),
			Peer: x.target(), Reason: reason,
		})
	}
}
