package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// dnsClient asks one DNS server, over UDP through the peer's own network stack.
type dnsClient struct {
	ctx      context.Context // of the peer
	server   string
	resolver net.Resolver
}

// lookupPatience is how long one name may take. A server that keeps silent is asked
// once: resolvers wait for 5 s (resolv.conf(5)), and then for the next server.
const lookupPatience = 5 * time.Second

func (p *Peer) resolver() *dnsClient {
	server := net.UDPAddrFromAddrPort(p.config.Resolver)
	return &dnsClient{p.ctx, server.String(), net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			conn, err := p.net.DialUDP("udp4", nil, server)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
	}}
}

// lookup finds the IPv4 address and the port of HOST:PORT.
func (n *dnsClient) lookup(address string) (net.IP, int, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, 0, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("port %q: want a number from 0 to 65535", service)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.IP(ip.AsSlice()), int(port), nil
	}
	ctx, cancel := context.WithTimeout(n.ctx, lookupPatience)
	defer cancel()
	// The final dot keeps it from being tried with the machine's own domains.
	ips, err := n.resolver.LookupIP(ctx, "ip4", strings.TrimSuffix(host, ".")+".")
	if err != nil {
		if dns, ok := errors.AsType[*net.DNSError](err); ok {
			// Go tells the system's server, and the name with its dot; lookups at once
			// share the error.
			told := *dns
			told.Server, told.Name = n.server, host
			err = &told
		}
		return nil, 0, err
	}
	return ips[0], int(port), nil
}

func (n *ownNet) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	if n.names == nil {
		return n.Net.ResolveUDPAddr(network, address)
	}
	ip, port, err := n.names.lookup(address)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: ip, Port: port}, nil
}

func (n *ownNet) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	if n.names == nil {
		return n.Net.ResolveTCPAddr(network, address)
	}
	ip, port, err := n.names.lookup(address)
	if err != nil {
		return nil, err
	}
	return &net.TCPAddr{IP: ip, Port: port}, nil
}
