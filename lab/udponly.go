package lab

import (
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/scenarios"
)

// fitted is the scenario as this lab's fabric can play it: one that carries UDP
// only has no TURN over TCP and TLS, and no ICMP. Where that would make another story
// of it, the error is a *node.Unsupported.
func (l *Lab) fitted(s scenarios.Scenario) (scenarios.Scenario, error) {
	on, limited := l.fabric.(fabric.UDPOnly)
	if !limited {
		return s, nil
	}
	if slices.Contains(s.Faults.Turn.Listen, scenarios.ListenNone) {
		return s, &node.Unsupported{Why: "this fabric has no ICMP, which says that nothing listens"}
	}
	udp, same, err := overUDP(s)
	if err == nil && !same {
		err = &node.Unsupported{Why: on.UDPOnly() + ", which this scenario needs"}
	}
	return udp, err
}

// overUDP is a scenario without TURN over TCP and TLS, and whether these make no
// difference: nothing asks for them, UDP is never cut while they are there, no fault
// counts their candidates, and what ICE can reach after each step stays the same.
func overUDP(s scenarios.Scenario) (udp scenarios.Scenario, same bool, err error) {
	// Of fewer relay candidates others are the ones that are lost.
	counts := func(f scenarios.SignallingFault) bool {
		return f.Every > 1 && (slices.Contains(f.Drop, scenarios.AnyType) || slices.Contains(f.Drop, scenarios.Relay))
	}
	stream := func(transport string) bool { return transport == scenarios.TCP || transport == scenarios.TLS }
	if faultsNeedTCP(s.Faults) {
		return s, false, nil
	}
	if s.Turn.Off || !slices.ContainsFunc(s.Turn.Transports, stream) {
		return s, true, nil
	}
	udp = s
	udp.Turn.Transports = slices.DeleteFunc(slices.Clone(s.Turn.Transports), stream)
	udp.Turn.Off = len(udp.Turn.Transports) == 0
	asks := func(step scenarios.Step) bool {
		return step.Echo != nil && stream(step.Echo.Transport) || step.Cut != nil && step.Cut.Protocol == scenarios.UDP
	}
	if stream(s.Expect.Transport) || slices.ContainsFunc(s.Steps, asks) || slices.ContainsFunc(s.Faults.Signalling, counts) {
		return udp, false, nil
	}
	for i := range s.Steps {
		with, err := s.PredictedAfter(i)
		if err != nil {
			return udp, false, err
		}
		without, err := udp.PredictedAfter(i)
		if err != nil || with.Path != without.Path || with.Transport != without.Transport {
			return udp, false, err
		}
	}
	return udp, true, nil
}

// faultsNeedTCP reports whether faults are about TURN over TCP or TLS.
func faultsNeedTCP(f scenarios.Faults) bool {
	if f.Turn.Certificate != "" || f.Turn.TLSMax != "" ||
		slices.ContainsFunc(f.Turn.Listen, func(t string) bool { return t == scenarios.TCP || t == scenarios.TLS }) ||
		slices.ContainsFunc(f.Filters, func(f scenarios.Filter) bool { return f.Protocol == scenarios.TCP }) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(f.Caller.URLs, f.Callee.URLs), func(url string) bool {
		return strings.HasPrefix(url, "turns:") || strings.HasSuffix(url, "transport=tcp")
	})
}
