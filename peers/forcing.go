package peers

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v4"
)

// typeSet is the set of candidate types a peer gathers, sends and accepts.
// Prflx is in it only when nothing is forced.
type typeSet map[CandidateType]bool

func newTypeSet(types []CandidateType) (typeSet, error) {
	if len(types) == 0 {
		return typeSet{Host: true, Srflx: true, Relay: true, Prflx: true}, nil
	}
	set := typeSet{}
	for _, t := range types {
		switch t {
		case Host, Srflx, Relay:
			set[t] = true
		case Prflx:
			return nil, fmt.Errorf("candidate type %q cannot be asked for: ICE learns it from checks; use host, srflx or relay", t)
		default:
			return nil, fmt.Errorf("candidate type %q is unknown; use host, srflx or relay", t)
		}
	}
	return set, nil
}

func (s typeSet) onlyRelay() bool { return s[Relay] && !s[Host] && !s[Srflx] }

// String lists the types in the order of preference.
func (s typeSet) String() string {
	var names []string
	for _, t := range []CandidateType{Host, Srflx, Relay} {
		if s[t] {
			names = append(names, string(t))
		}
	}
	return strings.Join(names, ",")
}

// forcing is what pion has to be told so that it gathers the types of a set and
// no other. A filter on what is sent is not enough: ICE would still send checks
// from a candidate it gathered, and the other side would learn it as prflx.
type forcing struct {
	types   typeSet
	servers []webrtc.ICEServer
	policy  webrtc.ICETransportPolicy
	rewrite []webrtc.ICEAddressRewriteRule
}

// force works from what pion/ice v4.4 gathers (gather.go):
//   - the policies choose: all = host, srflx, relay; "nohost" = srflx, relay;
//     relay = relay;
//   - srflx comes from stun: URLs and from turn: URLs over UDP, never from
//     TURN over TCP, TLS or DTLS;
//   - an address-rewrite rule that replaces srflx addresses by nothing stops the
//     srflx gathering altogether.
//
// pion/webrtc refuses a TURN server without a username, and pion/ice passes over its
// first URL without a username or without a password, and over those after it. With
// bare set a server without either keeps its place by a name that is never sent.
func force(types []CandidateType, servers []Server, bare bool) (forcing, error) {
	set, err := newTypeSet(types)
	if err != nil {
		return forcing{}, err
	}
	f := forcing{types: set, policy: webrtc.ICETransportPolicyAll}
	switch {
	case set.onlyRelay():
		f.policy = webrtc.ICETransportPolicyRelay
	case !set[Host]:
		f.policy = webrtc.ICETransportPolicyNoHost
	}

	turnOverUDP := false
	for _, server := range servers {
		if bare && server.Credential == "" {
			server.Username = cmp.Or(server.Username, "none")
		}
		var urls []string
		for _, raw := range server.URLs {
			uri, err := stun.ParseURI(raw)
			if err != nil {
				return forcing{}, fmt.Errorf("ICE server %q: %w; write stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT, with ?transport=tcp for TURN over TCP", raw, err)
			}
			isTURN := uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS
			if isTURN && set[Relay] && (server.Username == "" || server.Credential == "") && !bare {
				return forcing{}, fmt.Errorf("ICE server %q: a TURN server needs a user name and a password", raw)
			}
			switch {
			case isTURN && set[Relay]:
				urls = append(urls, raw)
				turnOverUDP = turnOverUDP || uri.Scheme == stun.SchemeTypeTURN && uri.Proto == stun.ProtoTypeUDP
			case set[Srflx] && uri.Scheme == stun.SchemeTypeTURN && uri.Proto == stun.ProtoTypeUDP:
				// A TURN server answers Binding requests too (RFC 8656 section 2).
				urls = append(urls, "stun:"+net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)))
			case set[Srflx] && !isTURN:
				urls = append(urls, raw)
			}
		}
		if len(urls) > 0 {
			f.servers = append(f.servers, webrtc.ICEServer{
				URLs: urls, Username: server.Username, Credential: server.Credential,
			})
		}
	}
	if set[Host] && set[Relay] && !set[Srflx] && turnOverUDP {
		// pion documents an empty External for this and refuses it (ice v4.4.0,
		// sanitizeExternalIPs). An IPv6 address in a rule for IPv4 maps nothing
		// either.
		f.rewrite = []webrtc.ICEAddressRewriteRule{{
			External:        []string{"::1"},
			Networks:        []webrtc.NetworkType{webrtc.NetworkTypeUDP4},
			AsCandidateType: webrtc.ICECandidateTypeSrflx,
			Mode:            webrtc.ICEAddressRewriteReplace,
		}}
	}
	return f, nil
}

// withoutCandidates leaves the candidates to Candidates: ICE gathers before the
// description of a restart is made.
func withoutCandidates(sdp string) string {
	return filterSDP(sdp, func(string) bool { return false })
}

// filterSDP drops the candidate lines keep refuses; everything else stays as it
// is, line ends included.
func filterSDP(sdp string, keep func(line string) bool) string {
	if !strings.Contains(sdp, "a=candidate:") {
		return sdp
	}
	var out strings.Builder
	out.Grow(len(sdp))
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "a=candidate:") && !keep(strings.TrimRight(line, "\r\n")) {
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}
