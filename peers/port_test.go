package peers

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// takePort holds a UDP port of 127.0.0.1 until it is released.
func takePort(t testing.TB) (port uint16, release func()) {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return uint16(socket.LocalAddr().(*net.UDPAddr).Port), func() { _ = socket.Close() }
}

// gather returns all candidates of a peer.
func gather(t testing.TB, p *Peer) map[CandidateType][]LocalCandidate {
	t.Helper()
	ctx := within(t, 10*time.Second)
	if _, err := p.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	for range p.Candidates(ctx) {
	}
	if ctx.Err() != nil {
		t.Fatal("gathering does not end")
	}
	byType := map[CandidateType][]LocalCandidate{}
	for _, c := range p.Report().Local {
		byType[c.Type] = append(byType[c.Type], c)
	}
	return byType
}

func TestHostCandidatesAreOnTheirPort(t *testing.T) {
	server := startTURN(t)
	for range 10 { // pion's own range of one port is a race
		port, release := takePort(t)
		release()
		p := newPeer(t, onLoopback(Config{Servers: []Server{server.stun(), server.overUDP()}, Port: port}))
		got := gather(t, p)
		if len(got[Host]) != 1 || got[Host][0].Port != port {
			t.Errorf("host candidates %+v, want one on port %d", got[Host], port)
		}
		if len(got[Srflx]) == 0 || got[Srflx][0].Port == port || len(got[Relay]) != 1 {
			t.Errorf("srflx %+v, relay %+v, want both from other ports", got[Srflx], got[Relay])
		}
		if log := p.Report().Log; len(log) > 0 {
			t.Errorf("log %+v", log)
		}
	}
}

func TestServerReflexiveCandidatesAreOnThePortWhereNoHostIs(t *testing.T) {
	server := startTURN(t)
	port, release := takePort(t)
	release()
	p := newPeer(t, onLoopback(Config{Servers: []Server{server.stun()}, Candidates: []CandidateType{Srflx}, Port: port}))
	if got := gather(t, p); len(got) != 1 || len(got[Srflx]) != 1 || got[Srflx][0].Port != port || got[Srflx][0].RelatedPort != port {
		t.Errorf("candidates %+v, want one on port %d", got, port)
	}
}

func TestPeersWithAPortConnectAndLeaveIt(t *testing.T) {
	ctx := within(t, 10*time.Second)
	port, release := takePort(t)
	otherPort, releaseOther := takePort(t)
	release()
	releaseOther()
	machine, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	// Each pair needs what the one before has left.
	for _, network := range []transport.Net{nil, machine, machine, nil} {
		caller := newPeer(t, onLoopback(Config{Port: port, Net: network}))
		callee := newPeer(t, onLoopback(Config{Port: otherPort, Net: network}))
		signal(t, ctx, caller, callee)
		if err := caller.WaitOpen(ctx); err != nil {
			t.Fatal(err)
		}
		if result, err := caller.Echo(ctx, EchoPlan{Messages: 20, Bytes: 1200}); err != nil {
			t.Errorf("echo: %v, %+v", err, result)
		}
		r := caller.Report()
		if r.Selected == nil || r.Selected.Local.Port != port || r.Selected.Remote.Port != otherPort {
			t.Errorf("selected %+v, want %d to %d", r.Selected, port, otherPort)
		}
		for _, p := range []*Peer{caller, callee} {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	port, release := takePort(t)
	p, err := New(onLoopback(Config{Port: port}))
	if err == nil {
		_ = p.Close()
		t.Fatal("no error")
	}
	want := fmt.Sprintf("port %d: listen udp 127.0.0.1:%d: bind: address already in use: another program has it: choose another port", port, port)
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}

	// Without host candidates it is found only when a STUN server is asked.
	config := onLoopback(Config{Servers: []Server{startTURN(t).stun()}, Candidates: []CandidateType{Srflx}, Port: port})
	p = newPeer(t, config)
	ctx := within(t, 10*time.Second)
	if _, err := p.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	err = p.WaitOpen(ctx)
	want = fmt.Sprintf("127.0.0.1:%d: bind: address already in use", port)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v lacks %q", err, want)
	}

	// A peer of relays only needs no port.
	config.Candidates = []CandidateType{Relay}
	newPeer(t, config)

	release()
	newPeer(t, onLoopback(Config{Port: port}))
}
