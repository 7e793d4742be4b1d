package peers

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// CandidateType is the type of an ICE candidate (RFC 8445 section 5.1.1).
type CandidateType string

const (
	Host  CandidateType = "host"
	Srflx CandidateType = "srflx"
	Relay CandidateType = "relay"

	// Prflx candidates are learnt from the other side's checks (RFC 8445
	// section 7.3.1.3): they are observed, never gathered nor asked for.
	Prflx CandidateType = "prflx"
)

// ParseCandidateTypes reads a comma-separated list such as "srflx,relay".
// An empty text means every type and yields nil.
func ParseCandidateTypes(text string) ([]CandidateType, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var types []CandidateType
	for field := range strings.SplitSeq(text, ",") {
		types = append(types, CandidateType(strings.TrimSpace(field)))
	}
	if _, err := newTypeSet(types); err != nil {
		return nil, err
	}
	return types, nil
}

// CandidateLine is a candidate on its way from one peer to the other, as
// trickle ICE carries it (RFC 8838, RFC 8839 section 5.1).
type CandidateLine struct {
	// Candidate is the value of the SDP attribute: "candidate:..."; a leading
	// "a=" is tolerated.
	Candidate string `json:"candidate"`

	// Mid and MLineIndex name the media section it belongs to. A peer of this
	// package has one section only: AddCandidate takes a line without a Mid to be of
	// that, and does not read MLineIndex.
	Mid        string `json:"mid"`
	MLineIndex uint16 `json:"mline_index"`
}

// Candidate is a candidate as a report shows it.
type Candidate struct {
	Type     CandidateType `json:"type"`
	Address  string        `json:"address"`
	Port     uint16        `json:"port"`
	Protocol string        `json:"protocol"` // between the two ends of a pair: "udp" or "tcp"

	// RelatedAddress and RelatedPort: the base of a srflx candidate; pion puts
	// the client's own socket there for a relay candidate, where RFC 8839
	// section 5.1 wants the mapped address. "0.0.0.0" when the socket is bound
	// to every address.
	RelatedAddress string `json:"related_address,omitempty"`
	RelatedPort    uint16 `json:"related_port,omitempty"`

	// RelayProtocol is how a local relay candidate reaches its TURN server:
	// "udp", "tcp", "tls" or "dtls". Empty for every other candidate.
	RelayProtocol string `json:"relay_protocol,omitempty"`

	Priority uint32 `json:"priority"`
}

// String reads "relay 198.18.0.10:50000/udp via tcp".
func (c Candidate) String() string {
	address := fmt.Sprintf("%s:%d", c.Address, c.Port)
	if ip, err := netip.ParseAddr(c.Address); err == nil {
		address = netip.AddrPortFrom(ip, c.Port).String()
	}
	text := fmt.Sprintf("%s %s/%s", c.Type, address, c.Protocol)
	if c.RelayProtocol != "" {
		text += " via " + c.RelayProtocol
	}
	return text
}

func candidateFromPion(c *webrtc.ICECandidate) Candidate {
	return Candidate{
		Type:           CandidateType(c.Typ.String()),
		Address:        c.Address,
		Port:           c.Port,
		Protocol:       c.Protocol.String(),
		RelatedAddress: c.RelatedAddress,
		RelatedPort:    c.RelatedPort,
		Priority:       c.Priority,
	}
}

// parseCandidate reads the value of a candidate attribute.
func parseCandidate(line string) (Candidate, error) {
	value := strings.TrimPrefix(strings.TrimSpace(line), "a=")
	parsed, err := ice.UnmarshalCandidate(strings.TrimPrefix(value, "candidate:"))
	if err != nil {
		return Candidate{}, fmt.Errorf("candidate %q: %w", shorten(line, 120), err)
	}
	c := Candidate{
		Type:     CandidateType(parsed.Type().String()),
		Address:  parsed.Address(),
		Port:     uint16(parsed.Port()),
		Protocol: parsed.NetworkType().NetworkShort(),
		Priority: parsed.Priority(),
	}
	if related := parsed.RelatedAddress(); related != nil {
		c.RelatedAddress, c.RelatedPort = related.Address, uint16(related.Port)
	}
	return c, nil
}

var errNoCandidate = errors.New("no candidate in it")

// unusable says why this peer could never use a remote candidate whatever its
// type, or "".
func (c Candidate) unusable() string {
	if strings.HasSuffix(c.Address, ".local") {
		return "mDNS name: this peer resolves none"
	}
	if c.Protocol != "udp" {
		return "ICE-TCP: this peer speaks UDP only"
	}
	if ip, err := netip.ParseAddr(c.Address); err == nil && !ip.Unmap().Is4() {
		return "IPv6: this peer uses IPv4 only"
	}
	return ""
}

// shorten cuts a text from outside to a length that fits an error message.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "..."
}
