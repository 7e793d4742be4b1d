package diagnose

import (
	"slices"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/wire"
)

// Without returns e without any evidence of a kind. e is left as it is.
func (e Evidence) Without(k Kind) Evidence {
	switch k {
	case OfSockets:
		e.Packets = e.packetsBut(func(node string) bool { return node == e.Caller.Node || node == e.Callee.Node })
	case OfGateways:
		e.Packets = e.packetsBut(e.isGateway)
		e.Gateways = slices.Clone(e.Gateways)
		for i := range e.Gateways {
			e.Gateways[i].Flows, e.Gateways[i].Drops = nil, nil
		}
	case OfServer:
		e.Server = nil
		e.Packets = e.packetsBut(func(node string) bool { return node == topology.Turn })
	case OfReports:
		e.Caller.Report, e.Callee.Report = onlySignalled(e.Caller.Report), onlySignalled(e.Callee.Report)
	case OfSignalling:
		e.Caller.Report, e.Callee.Report = notSignalled(e.Caller.Report), notSignalled(e.Callee.Report)
	case OfLadders:
		e.Caller.Ladder, e.Callee.Ladder = nil, nil
	case OfNATs:
		e.Caller.NAT, e.Callee.NAT, e.Predicted = nil, nil, nil
	case OfConfig:
		e.Caller.Config, e.Callee.Config = Config{}, Config{}
	case OfAttempts:
		e.Attempts = nil
	}
	return e
}

// packetsBut leaves out those of some nodes. IDs stay what they were.
func (e Evidence) packetsBut(of func(node string) bool) []wire.Packet {
	var kept []wire.Packet
	for _, p := range e.Packets {
		if !of(p.Node) {
			kept = append(kept, p)
		}
	}
	return kept
}

func (e Evidence) isGateway(node string) bool {
	return slices.ContainsFunc(e.Gateways, func(g Gateway) bool { return g.Name == node })
}

// onlySignalled leaves of a report what signalling carried, which the lab saw too.
func onlySignalled(r *peers.Report) *peers.Report {
	if r == nil {
		return nil
	}
	return &peers.Report{Role: r.Role, Started: r.Started, Local: r.Local, Remote: r.Remote, Credentials: r.Credentials}
}

// notSignalled leaves it out.
func notSignalled(r *peers.Report) *peers.Report {
	if r == nil {
		return nil
	}
	bare := *r
	bare.Remote, bare.Credentials = nil, nil
	bare.Local = slices.Clone(r.Local)
	for i := range bare.Local {
		bare.Local[i].Sent = false
	}
	return &bare
}
