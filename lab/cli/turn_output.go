package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/turnserver"
)

// turnReady is what a client needs to know.
type turnReady struct {
	Kind       string               `json:"kind"` // "listening"
	URLs       []string             `json:"urls"`
	Users      []string             `json:"users"`
	Password   string               `json:"password,omitempty"` // of the last user, when it was made up
	Expires    time.Time            `json:"expires,omitzero"`   // when that user does
	Realm      string               `json:"realm"`
	Relay      netip.Addr           `json:"relay"`
	Advertised netip.Addr           `json:"advertised,omitzero"`
	RelayPorts turnserver.PortRange `json:"relay_ports"`
	// Certificate in PEM, when it was made for this run.
	Certificate string `json:"certificate,omitempty"`
}

func newTurnReady(server *turnserver.Server, config turnserver.Config, made turnMade) turnReady {
	r := turnReady{
		Kind: "listening", Users: slices.Sorted(maps.Keys(config.Users)),
		Realm: config.Realm, Relay: config.RelayAddress, Advertised: config.AdvertiseAddress,
		RelayPorts: config.RelayPorts, Certificate: made.certificate,
	}
	if made.user != "" {
		r.Password, r.Expires = made.password, made.until
		r.Users = append(slices.DeleteFunc(r.Users, func(name string) bool { return name == made.user }), made.user)
	}
	for _, l := range server.Addresses() {
		if l.Address.Addr().IsUnspecified() {
			l.Address = netip.AddrPortFrom(config.RelayAddress, l.Address.Port())
		}
		if l.Address.Addr() == config.RelayAddress && config.AdvertiseAddress.IsValid() {
			l.Address = netip.AddrPortFrom(config.AdvertiseAddress, l.Address.Port())
		}
		r.URLs = append(r.URLs, turnURLs(l)...)
	}
	return r
}

// turnURLs are what clients write for a listener (RFC 7064, RFC 7065).
func turnURLs(l turnserver.Listener) []string {
	at := l.Address.String()
	switch l.Network {
	case "tls":
		return []string{"turns:" + at + "?transport=tcp"}
	case "dtls":
		return []string{"turns:" + at + "?transport=udp"}
	case "udp":
		return []string{"stun:" + at, "turn:" + at + "?transport=udp"}
	}
	return []string{"turn:" + at + "?transport=" + l.Network}
}

type turnOutput interface {
	start(turnReady)
	event(e turnserver.Event, missed uint64)
	end([]turnserver.Allocation)
}

type turnJSON struct{ *json.Encoder }

func (o turnJSON) start(r turnReady)                  { _ = o.Encode(r) }
func (o turnJSON) event(e turnserver.Event, _ uint64) { _ = o.Encode(e) }
func (o turnJSON) end(allocations []turnserver.Allocation) {
	if allocations == nil {
		allocations = []turnserver.Allocation{}
	}
	_ = o.Encode(struct {
		Kind        string                  `json:"kind"`
		Allocations []turnserver.Allocation `json:"allocations"`
	}{"closed", allocations})
}

type turnText struct{ io.Writer }

func (o turnText) start(r turnReady) {
	for _, url := range r.URLs {
		fmt.Fprintln(o, url)
	}
	for _, user := range r.Users {
		fmt.Fprintf(o, "username  %s\n", user)
	}
	if r.Password != "" {
		fmt.Fprintf(o, "password  %s\n", r.Password)
	}
	if !r.Expires.IsZero() {
		fmt.Fprintf(o, "valid until %s\n", r.Expires.Format(time.RFC3339))
	}
	fmt.Fprintf(o, "relays from %s, ports %s\n", r.Relay, r.RelayPorts)
	if r.Advertised.IsValid() {
		fmt.Fprintf(o, "tells clients %s: peers must reach these ports there\n", r.Advertised)
	}
	if r.Certificate != "" {
		fmt.Fprintln(o, "The certificate was made for this run, and clients refuse it unless told to trust it.\n"+
			"Give yours with --cert and --key, or take this one from --format json.")
	}
	if r.Relay.IsLoopback() {
		fmt.Fprintln(o, "Nothing can be relayed from a loopback address: peers there are always refused.\n"+
			"Give --relay another address of this machine.")
	}
	fmt.Fprintln(o, "Ctrl-C ends it.")
}

func (o turnText) event(e turnserver.Event, missed uint64) {
	if missed > 0 {
		fmt.Fprintf(o, "(%d events came too fast to be shown)\n", missed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-18s  %s/%s", e.Time.Format("15:04:05.000"), e.Kind, e.Client, e.Transport)
	if e.Username != "" {
		fmt.Fprintf(&b, "  user %q", e.Username)
	}
	if e.Relay.IsValid() {
		fmt.Fprintf(&b, "  relay %s", e.Relay)
	}
	switch {
	case !e.Peer.IsValid():
	case e.Peer.Port() == 0: // a permission is for every port
		fmt.Fprintf(&b, "  peer %s", e.Peer.Addr())
	default:
		fmt.Fprintf(&b, "  peer %s", e.Peer)
	}
	if e.Channel != 0 {
		fmt.Fprintf(&b, "  channel %#x", e.Channel)
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, "  %s answered %d", e.Method, e.Code)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, "  (%s)", e.Reason)
	}
	fmt.Fprintln(o, b.String())
}

func (o turnText) end(allocations []turnserver.Allocation) {
	for _, a := range allocations {
		fmt.Fprintf(o, "relay %s of %s/%s: %s to peers, %s from peers, %d dropped\n",
			a.Relay, a.Client, a.Transport, turnTraffic(a.ToPeers), turnTraffic(a.FromPeers), a.Dropped)
	}
}

func turnTraffic(t turnserver.Traffic) string {
	return fmt.Sprintf("%d bytes in %d packets and %d checks", t.Bytes, t.Packets, t.Checks)
}
