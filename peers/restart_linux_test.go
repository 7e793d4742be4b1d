package peers

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/internal/require"
)

// restartICE carries a restart of ICE from the caller to the callee and back.
func restartICE(t testing.TB, ctx context.Context, caller, callee *Peer) {
	t.Helper()
	offer, err := caller.Restart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	carry(t, caller, callee)
	carry(t, callee, caller)
}

// reconnected waits until both are connected again, and checks that an echo tells
// the same and the reports the truth.
func reconnected(t testing.TB, ctx context.Context, restarts int, caller, callee *Peer) {
	t.Helper()
	for _, p := range []*Peer{caller, callee} {
		if err := p.WaitConnected(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if result, err := caller.Echo(ctx, EchoPlan{Messages: 1, Bytes: 100, PaceMS: 20, UntilEcho: true}); err != nil || result.Ended != "echo" {
		t.Fatalf("echo: %v, %+v", err, result)
	}
	for _, p := range []*Peer{caller, callee} {
		r := p.Report()
		if len(r.Restarts) != restarts || r.ICE != "connected" || r.Channel != "open" {
			t.Fatalf("%d restarts, ICE %s, channel %s", len(r.Restarts), r.ICE, r.Channel)
		}
		last := r.Restarts[restarts-1]
		if last.ICEConnectedMS == nil || *last.ICEConnectedMS < last.AtMS || r.Selected == nil || r.Selected.AtMS < last.AtMS {
			t.Errorf("restart %+v, selected %+v", last, r.Selected)
			continue
		}
		// pion tells of candidates from a queue of its own.
		if err := p.until(ctx, func(states) bool {
			return slices.ContainsFunc(p.Report().Local, func(c LocalCandidate) bool {
				return c.Generation == restarts && transportAddress(c.Candidate) == transportAddress(r.Selected.Local)
			})
		}); err != nil {
			t.Errorf("the pair in use, %+v, is none of this generation: %+v", r.Selected, p.Report().Local)
		}
		for _, pair := range r.Pairs {
			if pair.Nominated && transportAddress(pair.Local) != transportAddress(r.Selected.Local) {
				t.Errorf("selected %+v, but %+v is nominated", r.Selected, pair)
			}
		}
	}
}

// link is a network of this machine; an address can move from one to another.
func link(t testing.TB, name string, addresses ...string) netlink.Link {
	t.Helper()
	require.Namespace(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	l := &netlink.Veth{LinkAttrs: attrs, PeerName: name + "-end"}
	if err := netlink.LinkAdd(l); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(l) })
	for _, a := range addresses {
		readdress(t, l, a, netlink.AddrAdd)
	}
	end, err := netlink.LinkByName(l.PeerName)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(netlink.LinkSetUp(l), netlink.LinkSetUp(end)); err != nil {
		t.Fatal(err)
	}
	return l
}

func readdress(t testing.TB, l netlink.Link, address string, change func(netlink.Link, *netlink.Addr) error) {
	t.Helper()
	a, err := netlink.ParseAddr(address)
	if err == nil {
		err = change(l, a)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// block drops what this machine sends to or from an IPv4 address and UDP port,
// port 0 being any, until mend is called.
func block(t testing.TB, at netip.AddrPort) (mend func()) {
	t.Helper()
	require.Namespace(t)
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "block" + strings.ReplaceAll(at.String(), ":", "p")})
	chain := conn.AddChain(&nftables.Chain{
		Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	for _, side := range []uint32{0, 1} { // source, destination
		match := func(base expr.PayloadBase, offset uint32, data []byte) []expr.Any {
			return []expr.Any{
				&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: uint32(len(data))},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data},
			}
		}
		rule := []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		}
		rule = append(rule, match(expr.PayloadBaseNetworkHeader, 12+4*side, at.Addr().AsSlice())...)
		if at.Port() != 0 {
			rule = append(rule, match(expr.PayloadBaseTransportHeader, 2*side, binary.BigEndian.AppendUint16(nil, at.Port()))...)
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(rule, &expr.Verdict{Kind: expr.VerdictDrop})})
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	mended := false
	mend = func() {
		if mended {
			return
		}
		mended = true
		conn.DelTable(table)
		if err := conn.Flush(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(mend)
	return mend
}

func freePort(t testing.TB) uint16 {
	t.Helper()
	port, release := takePort(t)
	release()
	return port
}

func TestICERestartsAgainAndAgain(t *testing.T) {
	for name, config := range map[string]func() Config{
		"any port": func() Config { return Config{} },
		"one port": func() Config { return Config{Port: freePort(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 20*time.Second)
			caller, callee := newPeer(t, onLoopback(config())), newPeer(t, onLoopback(config()))
			signal(t, ctx, caller, callee)
			if err := caller.WaitOpen(ctx); err != nil {
				t.Fatal(err)
			}
			if err := caller.WaitConnected(ctx); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				// Messages are under way all the time.
				echoed := make(chan error, 1)
				go func() {
					_, err := caller.Echo(ctx, EchoPlan{Messages: 500, Bytes: 1000, PaceMS: 0.2})
					echoed <- err
				}()
				for before := caller.Report().Traffic.MessagesReceived; caller.Report().Traffic.MessagesReceived < before+50 && ctx.Err() == nil; {
					time.Sleep(time.Millisecond)
				}
				restartICE(t, ctx, caller, callee)
				for _, p := range []*Peer{caller, callee} {
					if err := p.WaitConnected(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-echoed; err != nil {
					t.Fatal(err)
				}
				reconnected(t, ctx, i+1, caller, callee)
			}
		})
	}
}

func TestARestartForgetsThePairInUse(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	if _, err := caller.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	r := caller.Report()
	if r.Selected != nil || len(r.Selections) == 0 || len(r.Restarts) != 1 || r.Restarts[0].ICEConnectedMS != nil || len(r.Pairs) > 0 {
		t.Errorf("selected %+v, restarts %+v, pairs %+v", r.Selected, r.Restarts, r.Pairs)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := caller.WaitConnected(short); err == nil || !strings.Contains(err.Error(), "after the restart of ICE: no candidate of the other side arrived") {
		t.Errorf("error %v", err)
	}
	if err := callee.WaitConnected(ctx); err != nil {
		t.Error(err) // it knows of nothing yet
	}
}

// The callee has one address throughout; the caller's changes, as with another
// network. Old sockets are of no use then.
func TestAPeerMovesToAnotherNetwork(t *testing.T) {
	for name, port := range map[string]uint16{"any port": 0, "one port": 50123} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			home := link(t, "home", "10.71.0.10/24")
			link(t, "callee", "10.72.0.10/24")
			caller := newPeer(t, Config{Interfaces: []string{"home", "away"}, Port: port})
			callee := newPeer(t, Config{Interfaces: []string{"callee"}, Port: port})
			signal(t, ctx, caller, callee)
			if err := caller.WaitOpen(ctx); err != nil {
				t.Fatal(err)
			}
			if r := caller.Report(); r.Selected == nil || r.Selected.Local.Address != "10.71.0.10" {
				t.Fatalf("selected %+v", r.Selected)
			}
			if err := netlink.LinkDel(home); err != nil {
				t.Fatal(err)
			}
			link(t, "away", "10.73.0.10/24")
			lost, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			if result, err := caller.Echo(lost, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true}); err == nil || result.Ended != "time" || result.FirstEchoMS != nil || result.Sent < 5 {
				t.Errorf("echo without a network: %v, %+v", err, result)
			}

			restartICE(t, ctx, caller, callee)
			reconnected(t, ctx, 1, caller, callee)
			r := caller.Report()
			if r.Selected.Local.Address != "10.73.0.10" || port != 0 && r.Selected.Local.Port != port {
				t.Errorf("selected %+v", r.Selected)
			}
		})
	}
}

func TestARestartBringsAFailedConnectionBack(t *testing.T) {
	for name, config := range map[string]Config{"any port": {}, "one port": {Port: 50124}} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			link(t, "caller", "10.71.0.10/24")
			link(t, "callee", "10.72.0.10/24")
			config.iceTimeout = time.Second
			config.Interfaces = []string{"caller"}
			caller := newPeer(t, config)
			config.Interfaces = []string{"callee"}
			callee := newPeer(t, config)
			signal(t, ctx, caller, callee)
			if err := caller.WaitOpen(ctx); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				mend := block(t, netip.MustParseAddrPort("10.71.0.10:0"))
				began := time.Now()
				result, err := caller.Echo(ctx, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true})
				if err == nil || result.Ended != "failed" || !strings.Contains(err.Error(), "came back: ICE failed") {
					t.Fatalf("echo %v, %+v", err, result)
				}
				t.Logf("failed after %v", time.Since(began).Round(time.Millisecond))
				if result, err := caller.Echo(ctx, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true}); err == nil || result.Ended != "failed" || result.Sent != 0 {
					t.Errorf("echo over a failed connection: %v, %+v", err, result)
				}
				<-callee.down.done()
				mend()
				restartICE(t, ctx, caller, callee)
				reconnected(t, ctx, i+1, caller, callee)
			}
		})
	}
}

func TestARestartFindsTURNOverTCPWhereUDPIsBlocked(t *testing.T) {
	ctx := within(t, 60*time.Second)
	server := startTURN(t)
	config := onLoopback(Config{Servers: []Server{server.overUDP(), server.overTCP()}, Candidates: []CandidateType{Relay}})
	caller, callee := connected(t, ctx, config)
	protocol := func() string { return caller.Report().Selected.Local.RelayProtocol }
	restarts := 0
	for ; protocol() != "udp" && restarts < 20; restarts++ { // the first relay that works is taken
		restartICE(t, ctx, caller, callee)
		reconnected(t, ctx, restarts+1, caller, callee)
	}
	if _, err := caller.Echo(ctx, EchoPlan{Messages: 10, Bytes: 1000}); err != nil || protocol() != "udp" {
		t.Fatalf("echo %v, relay over %s", err, protocol())
	}
	block(t, netip.MustParseAddrPort(server.udp))
	lost, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if result, err := caller.Echo(lost, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true}); err == nil || result.Ended != "time" {
		t.Errorf("echo over what is blocked: %v, %+v", err, result)
	}
	began := time.Now()
	restartICE(t, ctx, caller, callee)
	reconnected(t, ctx, restarts+1, caller, callee)
	t.Logf("echo over TCP %v after the restart", time.Since(began).Round(time.Millisecond))
	if protocol() != "tcp" || caller.Report().Selected.Local.Type != Relay {
		t.Errorf("selected %+v", caller.Report().Selected)
	}
}

// An outage longer than SCTP's first timeouts: with pion's own, 1 s, 2 s, 4 s, 8 s
// and so on, what fills the congestion window would be sent again at 15 s.
func TestTheTunedChannelGoesOnWithinASecondOfTheNetwork(t *testing.T) {
	ctx := within(t, 40*time.Second)
	link(t, "caller", "10.71.0.10/24")
	link(t, "callee", "10.72.0.10/24")
	caller, callee := newPeer(t, Config{Interfaces: []string{"caller"}}), newPeer(t, Config{Interfaces: []string{"callee"}})
	signal(t, ctx, caller, callee)
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	mend := block(t, netip.MustParseAddrPort("10.71.0.10:0"))
	const outage = 8300 * time.Millisecond
	out, cancel := context.WithTimeout(ctx, outage)
	defer cancel()
	if result, err := caller.Echo(out, EchoPlan{Bytes: 1000, PaceMS: 50, UntilEcho: true}); err == nil || result.Ended != "time" {
		t.Errorf("echo: %v, %+v", err, result)
	}
	mend()
	result, err := caller.Echo(ctx, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true})
	if err != nil || result.FirstEchoMS == nil || *result.FirstEchoMS > 1500 || result.Late < 100 {
		t.Fatalf("echo: %v, %+v", err, result)
	}
	t.Logf("%.0f ms after an outage of %v, %d messages sent", *result.FirstEchoMS, outage, result.Sent)
}
