package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/icelab-go/icelab/turnserver"
)

type turnFlags struct {
	listen, alternate, relay, advertise, relayPorts string
	tls, dtls                                       bool
	tlsPort                                         uint16
	cert, key                                       string
	realm, secret                                   string
	users, deny, transports, faults                 []string
	quota                                           int

	allocationLifetime, permissionLifetime, channelLifetime time.Duration
}

// turnMade is what the flags left to be made up, and clients need to know.
type turnMade struct {
	user, password string
	until          time.Time // when the two expire, if they do
	certificate    string    // PEM
}

func (f turnFlags) config(now time.Time) (config turnserver.Config, made turnMade, err error) {
	listen, err := netip.ParseAddrPort(f.listen)
	if addr, addrErr := netip.ParseAddr(f.listen); err != nil && addrErr == nil {
		listen, err = netip.AddrPortFrom(addr, turnserver.DefaultPort), nil
	}
	if err != nil {
		return config, made, fmt.Errorf("--listen %s: write ADDR:PORT, such as 127.0.0.1:3478", f.listen)
	}
	faults, err := parseFaults(f.faults)
	if err != nil {
		return config, made, err
	}
	config = turnserver.Config{
		Realm:  f.realm,
		Users:  map[string]string{},
		Secret: f.secret,
		Quota:  f.quota,

		AllocationLifetime: f.allocationLifetime,
		PermissionLifetime: f.permissionLifetime,
		ChannelLifetime:    f.channelLifetime,
		Faults:             faults.Faults,
	}
	for _, transport := range f.transports {
		if transport != "udp" && transport != "tcp" {
			return config, made, fmt.Errorf("--transports %s: write udp, tcp or udp,tcp; the encrypted ones are --tls and --dtls", transport)
		}
		config.Listen = append(config.Listen, turnserver.Listener{Network: transport, Address: listen})
	}
	if f.alternate != "" {
		if config.Alternate, err = netip.ParseAddrPort(f.alternate); err != nil {
			return config, made, fmt.Errorf("--alternate %s: write IP:PORT, such as 198.18.0.11:3479", f.alternate)
		}
	}
	if config.RelayAddress, err = f.relayAddress(listen.Addr()); err != nil {
		return config, made, err
	}
	if f.advertise != "" {
		if config.AdvertiseAddress, err = netip.ParseAddr(f.advertise); err != nil {
			return config, made, fmt.Errorf("--advertise %s: write the IPv4 address that peers reach the relay on", f.advertise)
		}
	}
	if config.RelayPorts, err = parsePortRange(f.relayPorts); err != nil {
		return config, made, err
	}
	if made.certificate, err = f.secure(&config, faults, listen.Addr(), now); err != nil {
		return config, made, err
	}
	for _, user := range f.users {
		name, password, ok := strings.Cut(user, ":")
		if !ok || name == "" || password == "" {
			return config, made, fmt.Errorf("--user %s: write NAME:PASSWORD", name)
		}
		config.Users[name] = password
	}
	switch {
	case f.secret != "":
		const lasts = 24 * time.Hour
		made.user, made.password = turnserver.TimeLimitedCredentials(f.secret, "icelab", lasts, now)
		made.until = now.Add(lasts).Truncate(time.Second)
	case len(config.Users) == 0:
		made.user, made.password = turnserver.GenerateCredentials()
		config.Users[made.user] = made.password
	}
	for _, s := range f.deny {
		prefix, err := netip.ParsePrefix(s)
		if addr, addrErr := netip.ParseAddr(s); err != nil && addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return config, made, fmt.Errorf("--deny %s: write ADDRESS/BITS, such as 10.0.0.0/8", s)
		}
		config.DenyPeers = append(config.DenyPeers, prefix)
	}
	return config, made, nil
}

// secure adds the listeners of --tls and --dtls, and returns the certificate if it made one.
func (f turnFlags) secure(config *turnserver.Config, faults turnFaults, listen netip.Addr, now time.Time) (made string, err error) {
	switch {
	case !f.tls && faults.TLSMax != 0:
		return "", errors.New("--fault tls-max is for --tls: give that too")
	case faults.badCertificate != "" && (f.cert != "" || f.key != ""):
		return "", errors.New("--fault certificate is for a certificate made for this run: give it without --cert and --key")
	case !f.tls && !f.dtls && faults.badCertificate != "":
		return "", errors.New("--fault certificate is for --tls and --dtls: give one of these too")
	case !f.tls && !f.dtls && (f.cert != "" || f.key != ""):
		return "", errors.New("--cert and --key are for --tls and --dtls: give one of these too")
	case !f.tls && !f.dtls:
		return "", nil
	case (f.cert == "") != (f.key == ""):
		return "", errors.New("--cert and --key belong together: give both, or neither for a certificate made for this run")
	}
	at := netip.AddrPortFrom(listen, f.tlsPort)
	if f.tls {
		config.Listen = append(config.Listen, turnserver.Listener{Network: "tls", Address: at})
	}
	if f.dtls {
		config.Listen = append(config.Listen, turnserver.Listener{Network: "dtls", Address: at})
	}
	if f.cert == "" {
		config.Certificate, config.Key, err = selfSignedBut(faults.badCertificate, now, listen, config.RelayAddress, config.AdvertiseAddress)
		return config.Certificate, err
	}
	for _, file := range []struct {
		flag, path string
		content    *string
	}{{"--cert", f.cert, &config.Certificate}, {"--key", f.key, &config.Key}} {
		pem, err := os.ReadFile(file.path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file.flag, err)
		}
		*file.content = string(pem)
	}
	if _, err := tls.X509KeyPair([]byte(config.Certificate), []byte(config.Key)); err != nil {
		return "", fmt.Errorf("--cert %s --key %s: %w", f.cert, f.key, err)
	}
	return "", nil
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
