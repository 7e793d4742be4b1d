package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/turnserver"
)

// newTurnCommand is `icelab turn`: the TURN server alone.
func newTurnCommand() *cobra.Command {
	var (
		flags  turnFlags
		format string
	)
	cmd := &cobra.Command{
		Use:   "turn",
		Short: "Run the STUN and TURN server alone and show what it does",
		Long: `Run the lab's STUN and TURN server by itself, on UDP and TCP, and print a line
for everything that happens to its clients: above all each refusal, with its
reason.

Two addresses matter. Clients reach the server on --listen. It relays from
--relay, the address that the peers of its clients reach it on, and that its
clients are told. Peers on loopback addresses are always refused, so a server
that relays from 127.0.0.1 grants allocations that reach nobody. Therefore,
when --listen is a loopback address, the server relays from this machine's own
address: programs on this machine then connect through it, and no other machine
can log in.`,
		Example: `  icelab turn
  icelab turn --listen 192.168.1.5:3478 --user alice:secret
  icelab turn --quota 1 --deny 10.0.0.0/8 --relay-ports 50000-50099
  icelab turn --format json | jq 'select(.reason)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			config, generated, err := flags.config()
			if err != nil {
				return exit{exitUsage, err}
			}
			server, err := turnserver.Start(config)
			if errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("%w with --listen", err)
			}
			if err != nil {
				return err
			}
			defer server.Close()

			var out turnOutput = turnText{cmd.OutOrStdout()}
			if format == "json" {
				out = turnJSON{json.NewEncoder(cmd.OutOrStdout())}
			}
			out.start(newTurnReady(server, config, generated))
			return followTurn(cmd.Context(), server, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:"+strconv.Itoa(turnserver.DefaultPort), "serve UDP and TCP on this `ADDR:PORT`")
	f.StringVar(&flags.alternate, "alternate", "", "answer NAT behaviour discovery too (RFC 5780), from this second `IP:PORT`; both differ from those of --listen")
	f.StringVar(&flags.relay, "relay", "", "relay from this `IP`, one of this machine's (default: that of --listen, or this machine's own when that is loopback or 0.0.0.0)")
	f.StringVar(&flags.relayPorts, "relay-ports", "49152-65535", "relay from these ports, as `MIN-MAX`")
	f.StringVar(&flags.realm, "realm", turnserver.DefaultRealm, "`realm` of the credentials")
	f.StringArrayVar(&flags.users, "user", nil, "let this `NAME:PASSWORD` allocate; may be given again (default: a fresh pair, printed)")
	f.IntVar(&flags.quota, "quota", 0, "allocations a user may hold at once; 0 is no limit")
	f.StringArrayVar(&flags.deny, "deny", nil, "refuse peers in this `PREFIX`, such as 10.0.0.0/8; may be given again")
	f.StringVar(&format, "format", "text", "text, or json: one object per line")
	return cmd
}

type turnFlags struct {
	listen, alternate, relay, relayPorts, realm string
	users, deny                                 []string
	quota                                       int
}

// config also returns whether it made up the credentials.
func (f turnFlags) config() (config turnserver.Config, generated bool, err error) {
	listen, err := netip.ParseAddrPort(f.listen)
	if addr, addrErr := netip.ParseAddr(f.listen); err != nil && addrErr == nil {
		listen, err = netip.AddrPortFrom(addr, turnserver.DefaultPort), nil
	}
	if err != nil {
		return config, false, fmt.Errorf("--listen %s: write ADDR:PORT, such as 127.0.0.1:3478", f.listen)
	}
	config = turnserver.Config{
		Listen: []turnserver.Listener{{Network: "udp", Address: listen}, {Network: "tcp", Address: listen}},
		Realm:  f.realm,
		Users:  map[string]string{},
		Quota:  f.quota,
	}
	if f.alternate != "" {
		if config.Alternate, err = netip.ParseAddrPort(f.alternate); err != nil {
			return config, false, fmt.Errorf("--alternate %s: write IP:PORT, such as 198.18.0.11:3479", f.alternate)
		}
	}
	if config.RelayAddress, err = f.relayAddress(listen.Addr()); err != nil {
		return config, false, err
	}
	if config.RelayPorts, err = parsePortRange(f.relayPorts); err != nil {
		return config, false, err
	}
	for _, user := range f.users {
		name, password, ok := strings.Cut(user, ":")
		if !ok || name == "" || password == "" {
			return config, false, fmt.Errorf("--user %s: write NAME:PASSWORD", name)
		}
		config.Users[name] = password
	}
	if len(config.Users) == 0 {
		name, password := turnserver.GenerateCredentials()
		config.Users[name] = password
		generated = true
	}
	for _, s := range f.deny {
		prefix, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); err != nil && addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return config, false, fmt.Errorf("--deny %s: write ADDRESS/BITS, such as 10.0.0.0/8", s)
		}
		config.DenyPeers = append(config.DenyPeers, prefix)
	}
	return config, generated, nil
}

func (f turnFlags) relayAddress(listen netip.Addr) (netip.Addr, error) {
	if f.relay != "" {
		addr, err := netip.ParseAddr(f.relay)
		if err != nil {
			return addr, fmt.Errorf("--relay %s: write an IPv4 address of this machine", f.relay)
		}
		return addr, nil
	}
	if listen.Is4() && !listen.IsLoopback() && !listen.IsUnspecified() {
		return listen, nil
	}
	if own := ownAddress(); own.IsValid() {
		return own, nil
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
}

// ownAddress is the address this machine talks to others from, or the zero Addr when it has but
// loopback addresses.
func ownAddress() netip.Addr {
	// Connecting a UDP socket looks up the route and sends nothing.
	if conn, err := net.Dial("udp4", "198.51.100.1:9"); err == nil {
		defer conn.Close()
		return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	}
	addrs, _ := net.InterfaceAddrs()
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err == nil && prefix.Addr().Is4() && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

func parsePortRange(s string) (turnserver.PortRange, error) {
	low, high, ok := strings.Cut(s, "-")
	if !ok {
		high = low
	}
	first, err := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err != nil || err2 != nil || first == 0 || first > last {
		return turnserver.PortRange{}, fmt.Errorf("--relay-ports %s: write MIN-MAX, such as 50000-50099", s)
	}
	return turnserver.PortRange{Min: uint16(first), Max: uint16(last)}, nil
}

// followTurn prints events until ctx ends, and then those of the end itself.
func followTurn(ctx context.Context, server *turnserver.Server, out turnOutput) error {
	var last uint64
	print := func(events []turnserver.Event) {
		for _, e := range events {
			out.event(e, e.Seq-last-1)
			last = e.Seq
		}
	}
	for {
		events, err := server.WaitEvents(ctx, last)
		if err != nil {
			break
		}
		print(events)
	}
	err := server.Close()
	print(server.Events(last))
	out.end(server.Allocations())
	return err
}

// turnReady is what a client needs to know.
type turnReady struct {
	Kind       string               `json:"kind"` // "listening"
	URLs       []string             `json:"urls"`
	Users      []string             `json:"users"`
	Password   string               `json:"password,omitempty"` // of the one user, when it was generated
	Realm      string               `json:"realm"`
	Relay      netip.Addr           `json:"relay"`
	RelayPorts turnserver.PortRange `json:"relay_ports"`
}

func newTurnReady(server *turnserver.Server, config turnserver.Config, generated bool) turnReady {
	r := turnReady{
		Kind: "listening", Users: slices.Sorted(maps.Keys(config.Users)),
		Realm: config.Realm, Relay: config.RelayAddress, RelayPorts: config.RelayPorts,
	}
	if generated {
		r.Password = config.Users[r.Users[0]]
	}
	for _, l := range server.Addresses() {
		if l.Address.Addr().IsUnspecified() {
			l.Address = netip.AddrPortFrom(config.RelayAddress, l.Address.Port())
		}
		if l.Network == "udp" {
			r.URLs = append(r.URLs, "stun:"+l.Address.String())
		}
		r.URLs = append(r.URLs, "turn:"+l.Address.String()+"?transport="+l.Network)
	}
	return r
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
	fmt.Fprintf(o, "relays from %s, ports %s\n", r.Relay, r.RelayPorts)
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
