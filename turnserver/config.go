package turnserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"

	"github.com/icelab-go/icelab/wire"
)

// DefaultPort is the port of STUN and TURN over UDP and TCP (RFC 8489 section 18.6).
const DefaultPort = 3478

// DefaultRealm is the realm of a server whose Config names none.
const DefaultRealm = "icelab"

// Config says where a Server listens, what it relays and for whom. It travels as JSON, but for its
// Net and for whom it tells.
type Config struct {
	// Listen are the sockets clients reach the server on: at least one. Port 0 asks the
	// system for a free one, which Server.Addresses then tells.
	Listen []Listener `json:"listen"`

	// Alternate is a second address of this host and a second port. With it the server answers
	// NAT behaviour discovery (RFC 5780): Binding requests on the first UDP socket of Listen,
	// which must name its address, and on the other three combinations of two addresses and
	// two ports. Port 0 asks the system for a free one. TURN stays where Listen says. Zero
	// turns it off.
	Alternate netip.AddrPort `json:"alternate,omitzero"`

	// RelayAddress is the IPv4 address that relay sockets are bound to and that clients are
	// told. It must be one of this host's, and never the unspecified address: a host with two
	// addresses would answer from the wrong one.
	RelayAddress netip.Addr `json:"relay_address"`

	// AdvertiseAddress is the IPv4 address that clients are told instead of RelayAddress: the
	// outer one of a server behind a 1:1 NAT. Advertising an address that peers do not reach the
	// relay sockets on is the commonest way to have relay candidates that carry nothing.
	// Allocation.Relay and Event.Relay say what was advertised. Zero means RelayAddress.
	AdvertiseAddress netip.Addr `json:"advertise_address,omitzero"`

	// RelayPorts are the ports relay sockets are bound to. Zero means 49152-65535, as
	// RFC 8656 section 7.2 recommends.
	RelayPorts PortRange `json:"relay_ports,omitzero"`

	// Net replaces the system's network stack, for example by a pion vnet. Nil is the
	// system's own.
	Net transport.Net `json:"-"`

	// Realm scopes the credentials (RFC 8489 section 14.9), at most 127 bytes. Empty means
	// DefaultRealm.
	Realm string `json:"realm,omitempty"`

	// Users maps a username to its password, for the long-term credential mechanism
	// (RFC 8489 section 9.2). Without users and Secret the server answers STUN and refuses TURN.
	Users map[string]string `json:"users,omitempty"`

	// Secret is shared with whoever mints time-limited credentials: see TimeLimitedCredentials.
	// They are judged anew at every request, so what an allocation needs to be refreshed with
	// may expire under it, as with turn/v4's own handler; coturn judges them once. Empty takes
	// none.
	Secret string `json:"secret,omitempty"`

	// DenyPeers are refused as relay targets, beside those that always are: unspecified,
	// loopback, link-local, multicast and broadcast addresses, IPv6 addresses (relays are
	// IPv4), and the server's own UDP listening addresses (that address and port only, so that
	// one relay of this server can reach another).
	DenyPeers []netip.Prefix `json:"deny_peers,omitempty"`

	// Quota is how many allocations one user may hold at once, whatever the time limit in the
	// username. 0 means no limit.
	Quota int `json:"quota,omitempty"`

	// AllocationLifetime is how long an allocation lives without a Refresh at most; a client may
	// ask for less (RFC 8656 section 7.2). Zero means 10 min, and up to 1 h to who asks for it.
	AllocationLifetime time.Duration `json:"allocation_lifetime,omitempty"`

	// PermissionLifetime and ChannelLifetime are how long a permission (RFC 8656 section 9) and
	// the binding of a channel (section 12) live without a refresh. Zero means 5 min and 10 min,
	// which clients count on without being told: shorter ones let data lapse that a client
	// believes to pass.
	PermissionLifetime time.Duration `json:"permission_lifetime,omitempty"`
	ChannelLifetime    time.Duration `json:"channel_lifetime,omitempty"`

	// Certificate and Key, in PEM, are what "tls" and "dtls" listeners show: a chain, leaf first,
	// and its private key.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`

	// Faults are what is wrong with the server on purpose.
	Faults Faults `json:"faults,omitzero"`

	// Recorder keeps the packets from and to clients, above TLS and DTLS, and from and to
	// peers, redacted. Nil is nobody.
	Recorder *wire.Recorder `json:"-"`
	// KeyLog gets the secrets of TLS and DTLS, in the format of SSLKEYLOGFILE, that decrypt a
	// capture. Several goroutines may write at once.
	KeyLog io.Writer `json:"-"`

	// LoggerFactory receives turn/v4's own log. Nil means silence.
	LoggerFactory logging.LoggerFactory `json:"-"`
}

// Listener is a socket on which clients reach the server.
type Listener struct {
	Network string         `json:"network"` // "udp", "tcp", "tls" over TCP, or "dtls" over UDP (RFC 7350)
	Address netip.AddrPort `json:"address"`
}

func (l Listener) String() string { return l.Network + " " + l.Address.String() }

// PortRange is a range of ports, both ends included.
type PortRange struct {
	Min uint16 `json:"min"`
	Max uint16 `json:"max"`
}

func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.Min, r.Max) }

// withDefaults returns a copy that shares nothing with the caller, or says what is wrong.
func (c Config) withDefaults() (Config, error) {
	if c.RelayPorts == (PortRange{}) {
		c.RelayPorts = PortRange{Min: 49152, Max: 65535}
	}
	if c.Realm == "" {
		c.Realm = DefaultRealm
	}
	if c.LoggerFactory == nil {
		c.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	}
	if c.Net == nil {
		system, err := stdnet.NewNet()
		if err != nil {
			return c, fmt.Errorf("turn server: read this host's addresses: %w", err)
		}
		c.Net = system
	}
	c.Listen = slices.Clone(c.Listen)
	c.Users = maps.Clone(c.Users)
	c.DenyPeers = slices.Clone(c.DenyPeers)
	c.Faults.DropAnswers = maps.Clone(c.Faults.DropAnswers)

	return c, c.validate()
}

func (c Config) validate() error {
	if len(c.Listen) == 0 {
		return errors.New("turn server: nothing to listen on: give at least one address")
	}
	for _, l := range c.Listen {
		if !slices.Contains([]string{"udp", "tcp", "tls", "dtls"}, l.Network) {
			return fmt.Errorf("turn server: listen %s: unknown network %q: use udp, tcp, tls or dtls", l.Address, l.Network)
		}
		if !l.Address.IsValid() {
			return fmt.Errorf("turn server: listen %s: no address: give one as IP:PORT", l.Network)
		}
		if l.Network == "tls" || l.Network == "dtls" {
			if _, err := c.certificate(); err != nil {
				return fmt.Errorf("turn server: listen %s: %w", l, err)
			}
		}
	}
	if err := c.validateAlternate(); err != nil {
		return err
	}
	if err := c.validateRelay(); err != nil {
		return err
	}
	if err := c.validateLifetimes(); err != nil {
		return err
	}
	if len(c.Realm) > 127 {
		return fmt.Errorf("turn server: realm of %d bytes: use at most 127 (RFC 8489 section 14.9)", len(c.Realm))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		switch {
		case name == "":
			return errors.New("turn server: empty username: name every user")
		case len(name) > 508:
			return fmt.Errorf("turn server: username of %d bytes: use at most 508 (RFC 8489 section 14.3)", len(name))
		case c.Users[name] == "":
			return fmt.Errorf("turn server: user %q: empty password: give one", name)
		}
	}
	for _, prefix := range c.DenyPeers {
		if !prefix.IsValid() {
			return errors.New("turn server: invalid prefix among the denied peers: give it as ADDRESS/BITS")
		}
	}
	if c.Quota < 0 {
		return fmt.Errorf("turn server: quota %d: use 0 for no limit, or more", c.Quota)
	}

	return c.Faults.validate()
}

func (c Config) certificate() (tls.Certificate, error) {
	switch {
	case c.Certificate == "":
		return tls.Certificate{}, errors.New("no certificate: give one and its key, in PEM")
	case c.Key == "":
		return tls.Certificate{}, errors.New("no key: give the certificate's, in PEM")
	}
	pair, err := tls.X509KeyPair([]byte(c.Certificate), []byte(c.Key))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%w: give a certificate and its key, in PEM", err)
	}

	return pair, nil
}

func (c Config) validateAlternate() error {
	if c.Alternate == (netip.AddrPort{}) {
		return nil
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("turn server: alternate %s: "+format, append([]any{c.Alternate}, args...)...)
	}
	i := c.primary()
	if i < 0 {
		return wrong("RFC 5780 needs UDP: listen on a UDP address too")
	}
	primary := c.Listen[i].Address
	switch {
	case !c.Alternate.IsValid() || c.Alternate.Addr().IsUnspecified():
		return wrong("give a second address of this host, as IP:PORT")
	case primary.Addr().IsUnspecified():
		return wrong("the server listens on every address: listen on one, so that the alternate is another")
	case c.Alternate.Addr().Is4() != primary.Addr().Is4():
		return wrong("not of the same IP version as %s", primary)
	case c.Alternate.Addr() == primary.Addr():
		return wrong("the address is the primary one, %s: give a second address of this host", primary)
	case c.Alternate.Port() == primary.Port() && primary.Port() != 0:
		return wrong("the port is the primary one, of %s: give another port", primary)
	}

	return nil
}

// primary is the listener that the alternate address belongs to, -1 if there is none.
func (c Config) primary() int {
	return slices.IndexFunc(c.Listen, func(l Listener) bool { return l.Network == "udp" })
}

func (c Config) validateRelay() error {
	switch {
	case !c.RelayAddress.IsValid():
		return errors.New("turn server: no relay address: give the IPv4 address that peers reach this host on")
	case !c.RelayAddress.Is4():
		return fmt.Errorf("turn server: relay address %s: turn/v4 relays over IPv4 only: give an IPv4 address", c.RelayAddress)
	case c.RelayAddress.IsUnspecified():
		return fmt.Errorf("turn server: relay address %s: give the one address that peers reach this host on", c.RelayAddress)
	case c.AdvertiseAddress.IsValid() && (!c.AdvertiseAddress.Is4() || c.AdvertiseAddress.IsUnspecified()):
		return fmt.Errorf("turn server: advertised address %s: give the one IPv4 address that peers reach the relay on", c.AdvertiseAddress)
	case c.RelayPorts.Min == 0 || c.RelayPorts.Min > c.RelayPorts.Max:
		return fmt.Errorf("turn server: relay ports %s: give MIN-MAX with 1 <= MIN <= MAX", c.RelayPorts)
	}

	return nil
}
