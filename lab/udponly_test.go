package lab

import (
	"errors"
	"testing"

	"github.com/icelab-go/icelab/lab/fabric/vnet"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/scenarios"
)

func TestWithoutTCPOnlyTheSameStoryIsTold(t *testing.T) {
	told := map[string]bool{
		"relay-tcp-when-udp-blocked": false,
		"tls-443-only":               false,
		"udp-cut-recovers-over-tcp":  false,
	}
	for _, s := range scenarios.Bundled() {
		udp, same, err := overUDP(s)
		if err != nil {
			t.Fatal(err)
		}
		if want, named := told[s.Name]; same != (want || !named) {
			t.Errorf("%s: the same without TCP: %t", s.Name, same)
		}
		if same && !udp.Turn.Off && (len(udp.Turn.Transports) != 1 || udp.Turn.Transports[0] != scenarios.UDP) {
			t.Errorf("%s: transports %v are left", s.Name, udp.Turn.Transports)
		}
	}
}

func TestAStoryThatMayNeedTCPIsNotToldWithoutIt(t *testing.T) {
	connect := scenarios.Step{Connect: &scenarios.Connect{}}
	for name, s := range map[string]scenarios.Scenario{
		"expects TCP":      {Turn: scenarios.Turn{Transports: []string{scenarios.UDP, scenarios.TCP}}, Expect: scenarios.Expect{Path: scenarios.PathRelay, Transport: scenarios.TCP}},
		"an echo over TLS": {Steps: []scenarios.Step{connect, {Echo: &scenarios.Echo{Path: scenarios.PathRelay, Transport: scenarios.TLS}}}},
		"TCP before a move": {Caller: scenarios.Peer{Condition: "udp-blocked"}, Callee: scenarios.Peer{Condition: "open"}, Steps: []scenarios.Step{
			connect, {Move: &scenarios.Move{Side: "caller", To: "open"}}, {RestartICE: &scenarios.RestartICE{}}, {Echo: &scenarios.Echo{Path: scenarios.PathDirect}}}},
		"UDP is cut":             {Steps: []scenarios.Step{connect, {Cut: &scenarios.Cut{Side: "caller", Protocol: scenarios.UDP}}}},
		"candidates are counted": {Faults: scenarios.Faults{Signalling: []scenarios.SignallingFault{{From: scenarios.Both, Drop: []string{scenarios.Relay}, Every: 2}}}},
		"no relay but by TCP":    {Caller: scenarios.Peer{Condition: "symmetric"}, Callee: scenarios.Peer{Condition: "symmetric"}, Turn: scenarios.Turn{Transports: []string{scenarios.TCP}}},
	} {
		if s.Turn.Transports == nil {
			s.Turn.Transports = []string{scenarios.UDP, scenarios.TCP}
		}
		if s.Caller.Condition == "" {
			s.Caller.Condition, s.Callee.Condition = "open", "open"
		}
		if s.Steps == nil {
			s.Steps = []scenarios.Step{connect}
		}
		if _, same, err := overUDP(s); err != nil || same {
			t.Errorf("%s: the same without TCP: %t, %v", name, same, err)
		}
	}
}

func TestFaultsOfTCPNeedIt(t *testing.T) {
	for name, row := range map[string]struct {
		faults scenarios.Faults
		same   bool
	}{
		"none":                   {scenarios.Faults{}, true},
		"a wrong password":       {scenarios.Faults{Caller: scenarios.PeerFaults{Password: "x"}}, true},
		"a filter of UDP":        {scenarios.Faults{Filters: []scenarios.Filter{{At: scenarios.Both, Protocol: scenarios.UDP}}}, true},
		"a URL over UDP":         {scenarios.Faults{Caller: scenarios.PeerFaults{URLs: []string{"turn:{turn}:3478?transport=udp"}}}, true},
		"a URL over TCP":         {scenarios.Faults{Caller: scenarios.PeerFaults{URLs: []string{"turn:{turn}:3478?transport=tcp"}}}, false},
		"a URL over TLS":         {scenarios.Faults{Callee: scenarios.PeerFaults{URLs: []string{"turns:{turn}:443"}}}, false},
		"a filter of TCP":        {scenarios.Faults{Filters: []scenarios.Filter{{At: scenarios.Both, Protocol: scenarios.TCP}}}, false},
		"a server on TCP":        {scenarios.Faults{Turn: scenarios.TurnFaults{Listen: []string{scenarios.TCP}}}, false},
		"a certificate":          {scenarios.Faults{Turn: scenarios.TurnFaults{Certificate: scenarios.Expired}}, false},
		"an old version of TLS":  {scenarios.Faults{Turn: scenarios.TurnFaults{TLSMax: "1.1"}}, false},
		"a server on nothing":    {scenarios.Faults{Turn: scenarios.TurnFaults{Listen: []string{scenarios.ListenNone}}}, true},
		"a server on UDP alone":  {scenarios.Faults{Turn: scenarios.TurnFaults{Listen: []string{scenarios.UDP}}}, true},
		"names that do not lead": {scenarios.Faults{DNS: scenarios.NXDomain}, true},
	} {
		s := scenarios.Scenario{
			Caller: scenarios.Peer{Condition: "symmetric"}, Callee: scenarios.Peer{Condition: "symmetric"},
			Turn: scenarios.Turn{Transports: []string{scenarios.UDP}}, Faults: row.faults,
			Steps: []scenarios.Step{{Connect: &scenarios.Connect{}}},
		}
		if _, same, err := overUDP(s); err != nil || same != row.same {
			t.Errorf("%s: the same without TCP: %t, %v; want %t", name, same, err, row.same)
		}
	}
}

func TestWhereICMPIsMissingNothingCanBeSaidNotToListen(t *testing.T) {
	l := &Lab{fabric: vnet.New()}
	for listen, supported := range map[string]bool{scenarios.ListenNone: false, scenarios.UDP: true} {
		s := scenarios.Scenario{
			Caller: scenarios.Peer{Condition: "symmetric"}, Callee: scenarios.Peer{Condition: "symmetric"},
			Turn: scenarios.Turn{Transports: []string{scenarios.UDP}}, Steps: []scenarios.Step{{Connect: &scenarios.Connect{}}},
			Faults: scenarios.Faults{Turn: scenarios.TurnFaults{Listen: []string{listen}}},
		}
		_, err := l.fitted(s)
		if _, unsupported := errors.AsType[*node.Unsupported](err); unsupported == supported {
			t.Errorf("a server on %s: %v", listen, err)
		}
	}
}
