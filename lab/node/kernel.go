package node

import (
	"errors"
	"net"
	"net/netip"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
)

// kernel is the host that this process runs on.
type kernel struct{}

func (kernel) Net() transport.Net                    { return nil }
func (kernel) Configure(n Network) error             { return Configure(n) }
func (kernel) Move(m Move) error                     { return moveLink(m) }
func (kernel) Program(s gateway.Spec) error          { return gateway.Program(s) }
func (kernel) Observe() (gateway.Observation, error) { return gateway.Observe() }
func (kernel) Impair(l nat.Link) error               { return gateway.Impair(l) }
func (kernel) Sever(c gateway.Cut) error             { return gateway.Sever(c) }
func (kernel) Forget(newPorts bool) error            { return gateway.Forget(newPorts) }
func (kernel) Trace() gateway.Traced                 { return gateway.Trace() }

func (kernel) Filter(f []gateway.Filter) error {
	err := gateway.SetFilters(f)
	if errors.Is(err, gateway.ErrEvery) || errors.Is(err, gateway.ErrReject) {
		return &Unsupported{Why: err.Error()}
	}
	return err
}

// Underlay lists the addresses of all interfaces but loopback.
func (kernel) Underlay() ([]netip.Prefix, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, x := range addresses {
			p, err := netip.ParsePrefix(x.String())
			if err != nil || !p.Addr().Is4() || p.Addr().IsLoopback() {
				continue
			}
			all = append(all, p)
		}
	}
	return all, nil
}
