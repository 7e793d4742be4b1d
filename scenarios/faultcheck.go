package scenarios

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Whether the values of the faults are sound by themselves.

const (
	maxOffset = Offset(24 * time.Hour)
	maxEvery  = 1000
)

func checkFaults(s Scenario) *problem {
	f := s.Faults
	if p := checkTurnFaults(s.Turn, f); p != nil {
		return p
	}
	if p := checkEmpty("faults.filters", len(f.Filters), f.Filters != nil); p != nil {
		return p
	}
	for i, filter := range f.Filters {
		if p := checkFilter(fmt.Sprintf("faults.filters[%d]", i), filter); p != nil {
			return p
		}
	}
	if s.Turn.Off {
		if p := checkWithoutTurn(f); p != nil {
			return p
		}
	}
	for _, side := range sides() {
		if p := checkPeerFaults("faults."+side, f.Of(side)); p != nil {
			return p
		}
	}
	if p := checkEmpty("faults.signalling", len(f.Signalling), f.Signalling != nil); p != nil {
		return p
	}
	for i, fault := range f.Signalling {
		if p := checkSignalling(fmt.Sprintf("faults.signalling[%d]", i), fault); p != nil {
			return p
		}
	}
	if f.DNS != "" {
		return checkWord("faults.dns", f.DNS, dnsFaults())
	}
	return nil
}

// checkWithoutTurn refuses what is wrong with a TURN that no peer is given. URLs of
// one's own can give it.
func checkWithoutTurn(f Faults) *problem {
	if f.Caller.URLs != nil || f.Callee.URLs != nil {
		return nil
	}
	type fault struct {
		place string
		set   bool
	}
	t := f.Turn
	faults := []fault{
		{"faults.turn.advertise-address", t.AdvertiseAddress != ""},
		{"faults.turn.relay-ports", t.RelayPorts != Ports{}},
		{"faults.turn.quota", t.Quota != 0},
		{"faults.turn.deny-peers", t.DenyPeers != nil},
		{"faults.turn.allocation-lifetime", t.AllocationLifetime != 0},
		{"faults.turn.permission-lifetime", t.PermissionLifetime != 0},
		{"faults.turn.channel-lifetime", t.ChannelLifetime != 0},
		{"faults.turn.no-realm", t.NoRealm},
		{"faults.turn.stun-only", t.STUNOnly},
		{"faults.turn.no-udp-relay", t.NoUDPRelay},
	}
	for _, side := range sides() {
		of := f.Of(side)
		faults = append(faults,
			fault{"faults." + side + ".username", of.Username != ""},
			fault{"faults." + side + ".password", of.Password != ""},
			fault{"faults." + side + ".no-credentials", of.NoCredentials},
			fault{"faults." + side + ".credential-ttl", of.CredentialTTL != 0},
			fault{"faults." + side + ".no-turn", of.NoTurn},
			fault{"faults." + side + ".relay-at-once", of.RelayAtOnce},
			fault{"faults." + side + ".stale-allocation", of.StaleAllocation},
		)
	}
	for _, one := range faults {
		if one.set {
			return problemf(one.place, "%s is about TURN, which is off; leave it out, or write turn: {transports: [udp]}", one.place)
		}
	}
	return nil
}

func checkTurnFaults(turn Turn, f Faults) *problem {
	const place = "faults.turn"
	t := f.Turn
	if t.Listen != nil {
		if p := checkAlone(place+".listen", "transport", t.Listen, listenable(), ListenNone); p != nil {
			return p
		}
	}
	if a := t.AdvertiseAddress; a != "" {
		if ip, err := netip.ParseAddr(a); err != nil || !ip.Is4() || ip.IsUnspecified() {
			return problemf(place+".advertise-address", "%s.advertise-address is %s; write an IPv4 address, for example 192.0.2.1", place, quote(a))
		}
	}
	if t.Quota != 0 {
		if p := checkRange(place+".quota", t.Quota, 1, 1000); p != nil {
			return p
		}
	}
	if p := checkDenied(place+".deny-peers", t.DenyPeers); p != nil {
		return p
	}
	for _, l := range []struct {
		key         string
		value, most Duration
	}{
		{"allocation-lifetime", t.AllocationLifetime, Duration(10 * time.Minute)},
		{"permission-lifetime", t.PermissionLifetime, Duration(5 * time.Minute)},
		{"channel-lifetime", t.ChannelLifetime, Duration(10 * time.Minute)},
	} {
		if l.value == 0 {
			continue
		}
		at := join(place, l.key)
		if p := checkDuration(at, l.value, l.most); p != nil {
			return p
		}
		if l.value%Duration(time.Second) != 0 {
			return problemf(at, "%s is %s; TURN counts whole seconds, write for example %s", at, l.value, max(Duration(time.Second), l.value/Duration(time.Second)*Duration(time.Second)))
		}
	}
	for _, d := range []struct {
		key   string
		every int
	}{
		{"binding", t.DropAnswers.Binding}, {"allocate", t.DropAnswers.Allocate}, {"refresh", t.DropAnswers.Refresh},
		{"create-permission", t.DropAnswers.CreatePermission}, {"channel-bind", t.DropAnswers.ChannelBind},
	} {
		if d.every != 0 {
			if p := checkRange(place+".drop-answers."+d.key, d.every, 1, maxEvery); p != nil {
				return p
			}
		}
	}
	if p := checkOffset(place+".clock-offset", t.ClockOffset); p != nil {
		return p
	}
	if t.ClockOffset != 0 && !f.TimeLimited() {
		return problemf(place+".clock-offset", "%s.clock-offset matters to time-limited credentials only; add for example faults: {caller: {credential-ttl: 1h}}", place)
	}
	return checkTLS(place, turn, f)
}

// checkTLS checks what is wrong with the TLS of the TURN server.
func checkTLS(place string, turn Turn, f Faults) *problem {
	t := f.Turn
	if t.Certificate != "" {
		if p := checkWord(place+".certificate", t.Certificate, certificates()); p != nil {
			return p
		}
	}
	if t.TLSMax != "" {
		if p := checkWord(place+".tls-max", t.TLSMax, tlsVersions()); p != nil {
			return p
		}
	}
	offered := slices.Contains(turn.Transports, TLS) || slices.Contains(t.Listen, TLS)
	for _, about := range []struct{ key, value string }{{"certificate", t.Certificate}, {"tls-max", t.TLSMax}} {
		if about.value != "" && !offered {
			return problemf(join(place, about.key), "%s.%s is about TURN over TLS, which is not offered; write turn: {transports: [tls]}", place, about.key)
		}
	}
	return nil
}

func checkDenied(place string, denied []string) *problem {
	if p := checkEmpty(place, len(denied), denied != nil); p != nil {
		return p
	}
	for i, d := range denied {
		if slices.Contains(sides(), d) {
			continue
		}
		if _, err := DeniedPrefix(d); err != nil {
			at := fmt.Sprintf("%s[%d]", place, i)
			return problemf(at, "%s is %s; write an IPv4 prefix such as 10.0.0.0/8, an address, caller, or callee", at, quote(d))
		}
	}
	return nil
}

// DeniedPrefix reads a value of TurnFaults.DenyPeers that is no side: a prefix, or
// an address for the prefix of it alone.
func DeniedPrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && !p.Addr().Is4() {
		err = fmt.Errorf("%s is no IPv4 prefix", text)
	}
	return p.Masked(), err
}

func checkFilter(place string, f Filter) *problem {
	if f.At == "" {
		return problemf(place, "%s does not say where; add at: caller, callee, both or turn", place)
	}
	if p := checkWord(place+".at", f.At, places()); p != nil {
		return p
	}
	for _, w := range []struct {
		key, word string
		words     []string
	}{
		{"direction", f.Direction, directions()}, {"protocol", f.Protocol, filterProtocols()}, {"far", f.Far, farEnds()},
	} {
		if w.word != "" {
			if p := checkWord(join(place, w.key), w.word, w.words); p != nil {
				return p
			}
		}
	}
	if p := checkFar(place, f); p != nil {
		return p
	}
	if f.STUN != nil {
		if p := checkAlone(place+".stun", "method", f.STUN, stunMethods(), AnySTUN); p != nil {
			return p
		}
	}
	var kinds []string
	for _, kind := range []struct {
		key string
		set bool
	}{{"stun", f.STUN != nil}, {"channel-data", f.ChannelData}, {"dtls", f.DTLS}} {
		if kind.set {
			kinds = append(kinds, kind.key)
		}
	}
	if len(kinds) > 0 && f.Protocol == TCP {
		return problemf(place+".protocol", "%s.protocol is tcp, but %s is told apart over udp only; leave one of the two out", place, enumerate(kinds, " and "))
	}
	if f.LargerThan != 0 {
		if p := checkRange(place+".larger-than", f.LargerThan, 28, 65534); p != nil {
			return p
		}
	}
	return checkNth(place+".every", f.Every)
}

// checkFar compares the far end with the place.
func checkFar(place string, f Filter) *problem {
	switch atTurn, ofSide := f.At == AtTurn, slices.Contains(sides(), f.Far); {
	case f.Far == "" || atTurn == ofSide:
		return nil
	case atTurn:
		return problemf(place+".far", "%s.far is %s, but at the TURN server the far end is the caller or the callee; write one of these, or leave it out", place, f.Far)
	default:
		return problemf(place+".far", "%s.far is %s, but at a gateway the far end is turn or peer; write one of these, or leave it out", place, f.Far)
	}
}

func checkPeerFaults(place string, f PeerFaults) *problem {
	for _, other := range []struct {
		key string
		set bool
	}{{"username", f.Username != ""}, {"password", f.Password != ""}, {"credential-ttl", f.CredentialTTL != 0}} {
		switch {
		case other.set && f.NoCredentials:
			return problemf(place+".no-credentials", "%s has no-credentials and %s; leave one of the two out", place, other.key)
		case other.set && f.CredentialTTL != 0 && other.key != "credential-ttl":
			return problemf(join(place, other.key), "%s has %s and credential-ttl, which makes another; leave one of the two out", place, other.key)
		}
	}
	if f.NoTurn && f.URLs != nil {
		return problemf(place+".urls", "%s has no-turn and urls; leave one of the two out", place)
	}
	if p := checkEmpty(place+".urls", len(f.URLs), f.URLs != nil); p != nil {
		return p
	}
	for i, url := range f.URLs {
		at := fmt.Sprintf("%s.urls[%d]", place, i)
		if scheme, rest, _ := strings.Cut(url, ":"); rest == "" || !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme) {
			return problemf(at, "%s is %s; write for example turn:%s:3478?transport=udp", at, quote(url), TurnPlaceholder)
		}
	}
	return checkOffset(place+".credential-ttl", f.CredentialTTL)
}

// iceChars is RFC 8839's ice-char (section 5.4), of a ufrag and of a password.
var (
	ufragRegexp    = regexp.MustCompile(`^` + ufragPattern + `$`)
	passwordRegexp = regexp.MustCompile(`^` + passwordPattern + `$`)
)

const (
	ufragPattern    = `[a-zA-Z0-9+/]{4,256}`
	passwordPattern = `[a-zA-Z0-9+/]{22,256}`
)

func checkSignalling(place string, f SignallingFault) *problem {
	if f.From == "" {
		return problemf(place, "%s does not say whose; add from: caller, callee or both", place)
	}
	if p := checkWord(place+".from", f.From, senders()); p != nil {
		return p
	}
	if f.Drop != nil {
		if p := checkAlone(place+".drop", "candidate type", f.Drop, droppable(), AnyType); p != nil {
			return p
		}
	}
	if p := checkNth(place+".every", f.Every); p != nil {
		return p
	}
	if f.Every != 0 && f.Drop == nil {
		return problemf(place+".every", "%s.every says how many of nothing are dropped; add for example drop: [any]", place)
	}
	if f.Delay != 0 {
		if p := checkDuration(place+".delay", f.Delay, maxWait); p != nil {
			return p
		}
	}
	if f.Delayed != nil {
		if p := checkWords(place+".delayed", "candidate type", f.Delayed, candidateTypes()); p != nil {
			return p
		}
		if f.Delay == 0 {
			return problemf(place+".delayed", "%s.delayed says what arrives later, but not how much; add for example delay: 500ms", place)
		}
	}
	switch {
	case f.BeforeDescription && f.Delay != 0:
		return problemf(place+".before-description", "%s has before-description and delay; leave one of the two out", place)
	case f.Ufrag != "" && !ufragRegexp.MatchString(f.Ufrag):
		return problemf(place+".ufrag", "%s.ufrag is %s; use 4 to 256 letters, digits, + or /", place, quote(f.Ufrag))
	case f.Password != "" && !passwordRegexp.MatchString(f.Password):
		return problemf(place+".password", "%s.password is %s; use 22 to 256 letters, digits, + or /", place, quote(f.Password))
	case f.Drop == nil && f.Delay == 0 && !f.BeforeDescription && f.Mid == "" && f.Ufrag == "" && f.Password == "":
		return problemf(place, "%s says nothing that is wrong; add for example drop: [relay]", place)
	}
	return nil
}

// checkAlone checks a list of words, one of which stands for all, or for none, and
// so stands alone.
func checkAlone(place, kind string, words, names []string, alone string) *problem {
	if p := checkWords(place, kind, words, names); p != nil {
		return p
	}
	if len(words) > 1 && slices.Contains(words, alone) {
		return problemf(place, "%s has %s and others; leave either out", place, alone)
	}
	return nil
}

// checkEmpty refuses a list that is there and says nothing.
func checkEmpty(place string, length int, there bool) *problem {
	if there && length == 0 {
		return problemf(place, "%s is an empty list; leave the key out", place)
	}
	return nil
}

// checkNth checks how many are spared; each first would be all.
func checkNth(place string, every int) *problem {
	if every == 0 {
		return nil
	}
	return checkRange(place, every, 2, maxEvery)
}

func checkOffset(place string, o Offset) *problem {
	if o < -maxOffset || o > maxOffset {
		return problemf(place, "%s is %s; want -24h to 24h", place, o)
	}
	return nil
}
