package scenarios

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// between draws from both ends and what is in between.
func between(r *rand.Rand, least, most int) int { return least + r.IntN(most-least+1) }

// scaled draws within 30 % of n.
func scaled(r *rand.Rand, n int) int { return int(float64(n) * factor(r)) }

// factor draws from 0.7 to 1.3.
func factor(r *rand.Rand) float64 { return 0.7 + 0.6*r.Float64() }

// varyPort gives a peer another port, below those that sockets and relays are on
// by themselves. One that both peers have stays theirs, a range of ports that a
// filter knows is about the ports there are, and a stale allocation about another.
func varyPort(s *Scenario, side string, r *rand.Rand) {
	own := s.end(side)
	ranges := slices.ContainsFunc(s.filters(), func(f *Filter) bool { return f.At != AtTurn && f.Ports != (Ports{}) && f.Far != FarTurn })
	if ranges || s.Faults.Of(side).StaleAllocation || s.Caller.Port != 0 && s.Caller.Port == s.Callee.Port {
		return
	}
	if own.Port != 0 || r.IntN(2) == 0 {
		own.Port = uint16(between(r, 20_000, 29_999))
	}
}

// varyRelayPorts moves the range of relays, and what a filter at the TURN server
// knows of it.
func varyRelayPorts(s *Scenario, r *rand.Rand) {
	p := &s.Faults.Turn.RelayPorts
	if *p == (Ports{}) {
		return
	}
	old := *p
	size := old.Max - old.Min
	p.Min = uint16(between(r, 49_152, maxPort-int(size)))
	p.Max = p.Min + size
	for _, f := range s.filters() {
		switch {
		case f.Ports == old:
			f.Ports = *p
		case f.Ports.Min <= old.Max && f.Ports.Max >= old.Min: // a part of them, or more
			*p = old
			return
		}
	}
}

// varyAddress draws another relayed address beside the wrong one. Nobody is at
// either, unless it is one of the lab's.
func varyAddress(s *Scenario, r *rand.Rand) {
	a, err := netip.ParseAddr(s.Faults.Turn.AdvertiseAddress)
	if err != nil || !a.Is4() {
		return
	}
	for _, lab := range []string{"10.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15"} {
		if netip.MustParsePrefix(lab).Contains(a) {
			return
		}
	}
	bytes := a.As4()
	bytes[3] = byte(between(r, 1, 254))
	s.Faults.Turn.AdvertiseAddress = netip.AddrFrom4(bytes).String()
}

// onePacket is how many bytes of a message fit into one packet everywhere.
const onePacket = 1100

// varyEchoes changes how many messages are sent and how large they are. What is one
// packet stays one, and where size matters none gets smaller.
func varyEchoes(s *Scenario, r *rand.Rand) {
	sized := slices.ContainsFunc(s.filters(), func(f *Filter) bool { return f.LargerThan != 0 })
	for _, step := range s.Steps {
		if step.Echo == nil {
			continue
		}
		e := step.Echo
		e.Messages = min(max(minMessages, scaled(r, e.Messages)), maxMessages)
		bytes := max(minBytes, scaled(r, e.Bytes))
		switch {
		case sized:
			bytes = max(bytes, e.Bytes)
		case e.Bytes <= onePacket:
			bytes = min(bytes, onePacket)
		default:
			bytes = max(bytes, onePacket+1)
		}
		e.Bytes = min(bytes, maxBytes)
	}
}

// varyLargerThan moves the size from which on packets are lost, above that of
// checks, which have less than 200 bytes. The largest packets of a DTLS handshake
// have 600 to 700 bytes: a size stays on its side of them. Messages are larger.
func varyLargerThan(s *Scenario, r *rand.Rand) {
	for _, f := range s.filters() {
		switch size := f.LargerThan; {
		case size >= 200 && size <= 600:
			f.LargerThan = between(r, 450, 600)
		case size >= 700 && size <= 1000:
			f.LargerThan = between(r, 750, 1000)
		}
	}
}

// varyWords draws other wrong words for those that are just not the right ones.
func varyWords(s *Scenario, r *rand.Rand) {
	for _, f := range []*PeerFaults{&s.Faults.Caller, &s.Faults.Callee} {
		if f.Password != "" {
			f.Password = word(r, between(r, 6, 24))
		}
		// A colon is between a time and a name.
		if f.Username != "" && !strings.Contains(f.Username, ":") {
			f.Username = word(r, between(r, 6, 24))
		}
	}
	for i := range s.Faults.Signalling {
		f := &s.Faults.Signalling[i]
		if f.Ufrag != "" && f.Ufrag != StaleUfrag {
			f.Ufrag = word(r, between(r, 8, 16))
		}
		if f.Password != "" {
			f.Password = word(r, between(r, 24, 32))
		}
		if f.Mid != "" {
			f.Mid = strconv.Itoa(between(r, 5, 99))
		}
	}
}

// word is made of ice-chars (RFC 8839 §5.4).
func word(r *rand.Rand, length int) string {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b strings.Builder
	for range length {
		b.WriteByte(chars[r.IntN(len(chars))])
	}
	return b.String()
}

// varyTimes scales all times by one factor, so that what comes after another still
// does. What has to be over when a wait ends only gets shorter, and what waits for
// it only longer. Where nothing is wrong delays do not grow.
func varyTimes(s *Scenario, r *rand.Rand) {
	f := factor(r)
	longer := max(f, 1)
	t := &s.Faults.Turn
	for _, d := range []*Duration{&t.AllocationLifetime, &t.PermissionLifetime, &t.ChannelLifetime} {
		*d = seconds(*d, f)
	}
	// An offset of the clock is more or less than a credential's time.
	t.ClockOffset = Offset(seconds(Duration(t.ClockOffset), longer))
	for _, p := range []*PeerFaults{&s.Faults.Caller, &s.Faults.Callee} {
		p.CredentialTTL = Offset(seconds(Duration(p.CredentialTTL), longer))
	}
	for i := range s.Faults.Signalling {
		d := &s.Faults.Signalling[i].Delay
		if cmp.Or(s.Expect.Cause, NoCause) == NoCause {
			*d = milliseconds(*d, min(f, 1))
		} else {
			*d = min(milliseconds(*d, longer), maxWait)
		}
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		step.Wait = min(milliseconds(step.Wait, longer), maxWait)
		if step.NoEcho != nil {
			step.NoEcho.For = milliseconds(step.NoEcho.For, longer)
		}
	}
}

// seconds scales what is counted in whole ones, of which one is left at least.
func seconds(d Duration, by float64) Duration { return rounded(d, by, time.Second) }

func milliseconds(d Duration, by float64) Duration { return rounded(d, by, time.Millisecond) }

func rounded(d Duration, by float64, unit time.Duration) Duration {
	if d == 0 {
		return 0
	}
	to := time.Duration(float64(d) * by).Round(unit)
	if to == 0 {
		to = unit
	}
	return Duration(to)
}
