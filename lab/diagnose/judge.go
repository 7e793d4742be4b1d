package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
)

// judge finds how the call went, and the one cause that is behind it.
func (f *facts) judge(list []finding) Verdict {
	path := f.path()
	v := Verdict{Proven: path, Benign: f.benign(), Ladders: f.ladders(), Pairs: f.pairs()}
	if relayed(path) && f.Transport != "" {
		v.Proven += "/" + f.Transport
	}
	predicted := ""
	if p := f.Predicted; p != nil {
		predicted = string(p.Path)
		v.Predicted = predicted
		if relayed(predicted) && p.Transport != "" {
			v.Predicted += "/" + p.Transport
		}
	}

	worked, known := f.worked()
	var main *finding
	switch {
	case !known && path == "":
		v.Outcome, main = ConnectFailed, f.mainOf(list, nil)
		if main == nil {
			v.Cause, v.Sentence = Inconclusive, "No witness tells how the call went."
			return v
		}
	case !worked:
		main = f.failure(list)
		v.Outcome = f.failed(main)
	default:
		v.Outcome, main = f.success(list, predicted, path)
	}
	f.conclude(&v, main, list)
	v.Sentence = f.sentence(v, main)
	return v
}

// path is the one that the witnesses agreed on, or else that of the selected pair.
func (f *facts) path() string {
	if f.Proven != "" {
		return f.Proven
	}
	worked, known := f.worked()
	if known && !worked {
		return string(nat.PathNone)
	}
	for _, p := range f.peers {
		if p.Report == nil || p.Report.Selected == nil {
			continue
		}
		s := p.Report.Selected
		switch local, remote := s.Local.Type == peers.Relay, f.relayAddress(s.Remote); {
		case local && remote:
			return string(nat.PathRelayBoth)
		case local || remote:
			return string(nat.PathRelay)
		default:
			return string(nat.PathDirect)
		}
	}
	return ""
}

// success is for a call that works in the end.
func (f *facts) success(list []finding, predicted, path string) (Outcome, *finding) {
	leaves := func(x finding) bool { return x.breaks&better != 0 }
	direct := func(x finding) bool { return x.breaks&theDirect != 0 && !leaves(x) }
	fault := func(x finding) bool { return !leaves(x) && !x.midcall }
	if !relayed(path) {
		if main := f.mainOf(list, fault); main != nil && main.Confidence > SureSilent {
			return Degraded, main
		}
		return DirectOK, nil
	}
	expected := f.mainOf(list, leaves)
	avoidable := predicted == string(nat.PathDirect) && expected == nil
	switch {
	case avoidable:
		main := f.mainOf(list, direct)
		if main == nil {
			main = f.mainOf(list, fault)
		}
		return RelayAvoidable, main
	case predicted == "" && expected == nil:
		if main := f.mainOf(list, direct); main != nil {
			return RelayAvoidable, main
		}
	case predicted == string(nat.PathRelay) && path == string(nat.PathRelayBoth) && !f.bothBlocked():
		return Degraded, f.mainOf(list, fault)
	}
	if main := f.mainOf(list, fault); main != nil && main.Confidence > SureSilent {
		return Degraded, main
	}
	return RelayExpected, expected
}

// bothBlocked reports whether neither peer has UDP.
func (f *facts) bothBlocked() bool {
	for _, p := range f.peers {
		if blocked, _, _ := f.udpBlocked(p); !blocked {
			return false
		}
	}
	return true
}

// failure finds the cause of there being no path.
func (f *facts) failure(list []finding) *finding {
	if f.midcall() {
		// What was wrong from the beginning did not keep the call from coming up; a
		// restart of ICE may have met what is new.
		restart := f.Attempts[len(f.Attempts)-1].What == AttemptedRestart
		if main := f.mainOf(list, func(x finding) bool { return x.midcall || restart && x.breaks&theCall != 0 }); main != nil {
			return main
		}
	}
	// Where a pair was nominated, what kept others from being there decides nothing.
	if main := f.mainOf(list, func(x finding) bool { return slices.Contains(afterNomination, x.Cause) }); main != nil && main.Confidence > SureSilent {
		return main
	}
	offered := f.offered()
	fatal := func(x finding) bool {
		if x.breaks&theCall != 0 {
			return true
		}
		if !offered {
			return x.breaks&better != 0
		}
		return x.breaks&bothRelays != 0
	}
	if main := f.mainOf(list, fatal); main != nil {
		return main
	}
	if offered && f.Predicted != nil && relayed(string(f.Predicted.Path)) {
		return nil // that there is no direct path is not why there is no relay
	}
	return f.mainOf(list, func(x finding) bool { return x.breaks&theDirect != 0 })
}

// offered reports whether any peer was given TURN, as far as is known.
func (f *facts) offered() bool {
	known := false
	for _, p := range f.peers {
		known = known || p.configured()
		if len(p.turns()) > 0 || f.granted(p) || len(p.allocates()) > 0 {
			return true
		}
	}
	return !known
}

// failed tells a relay that failed from another failure.
func (f *facts) failed(main *finding) Outcome {
	switch {
	case main == nil:
		if f.offered() && f.Predicted != nil && relayed(string(f.Predicted.Path)) {
			return RelayFailed
		}
		return ConnectFailed
	case main.Cause == "A9":
		return ConnectFailed
	case strings.Contains("ABCDG", main.Cause[:1]) && f.offered():
		return RelayFailed
	case main.midcall && f.wasRelayed() && main.breaks&theCall == 0:
		return RelayFailed
	}
	return ConnectFailed
}

// wasRelayed reports whether the path that died was over a relay, or else whether
// one was to be expected.
func (f *facts) wasRelayed() bool {
	known := false
	for _, p := range f.peers {
		if p.Report == nil || len(p.Report.Selections) == 0 {
			continue
		}
		known = true
		for _, s := range p.Report.Selections {
			if s.Local.Type == peers.Relay || f.relayAddress(s.Remote) {
				return true
			}
		}
	}
	return !known && f.Predicted != nil && relayed(string(f.Predicted.Path))
}

// afterNomination are causes that are found only on a pair that ICE has chosen.
var afterNomination = []string{"F10", "F11"}

// lastResort are causes that any other explains better.
var lastResort = []string{"F13", "A11", "F9", "E9", "E14"}

// mainOf is the finding that comes first among those of a kind: a sure one before
// one that is not, and then by the stage of the connection, for what breaks first
// brings the rest with it.
func (f *facts) mainOf(list []finding, is func(finding) bool) *finding {
	var fit []finding
	for _, x := range list {
		if is == nil || is(x) {
			fit = append(fit, x)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	slices.SortStableFunc(fit, func(a, b finding) int {
		return cmp.Or(
			later(a.Confidence <= SureSilent)-later(b.Confidence <= SureSilent),
			later(slices.Contains(lastResort, a.Cause))-later(slices.Contains(lastResort, b.Cause)),
			byCode(a.Cause, b.Cause))
	})
	return &fit[0]
}

func later(is bool) int {
	if is {
		return 1
	}
	return 0
}

// near is how close an alternative's confidence has to be for a doubtful cause not
// to be named.
const near = 0.15

// conclude fills in the cause, and what else was found.
func (f *facts) conclude(v *Verdict, main *finding, list []finding) {
	if main == nil {
		if v.Outcome == DirectOK || v.Outcome == RelayExpected {
			v.Confidence = SureObserved
			if f.Predicted != nil && f.Proven != "" {
				v.Confidence = SureBoth
			}
			if v.Outcome == RelayExpected && f.Predicted == nil {
				v.Cause, v.Confidence = Inconclusive, SureSilent
			}
		} else {
			v.Cause = Inconclusive
		}
	} else {
		v.Confidence, v.Where = main.Confidence, main.Where
		v.Evidence, v.Against, v.Alternatives = main.Evidence, main.Against, main.Alternatives
		if doubtful(main.Finding) {
			v.Cause = Inconclusive
			v.Alternatives = append([]Alternative{{main.Cause, main.Confidence, "see the others"}}, v.Alternatives...)
		} else {
			v.Cause = main.Cause
		}
	}
	for _, x := range list {
		if main != nil && x.Cause == main.Cause || x.breaks == better|theDirect && v.Outcome == DirectOK {
			continue
		}
		if doubtful(x.Finding) || x.Confidence <= SureSilent {
			if v.Cause == Inconclusive && x.Confidence > 0 {
				v.Alternatives = append(v.Alternatives, Alternative{x.Cause, x.Confidence, "see the evidence"})
			}
			continue
		}
		v.Also = append(v.Also, x.Finding)
	}
	slices.SortStableFunc(v.Alternatives, func(a, b Alternative) int { return cmp.Compare(b.Confidence, a.Confidence) })
	if c, is := Find(v.Cause); is {
		v.Name, v.Remedy = c.Name, f.remedy(c)
	}
}

// doubtful reports whether a cause is hardly likelier than another one.
func doubtful(x Finding) bool {
	return x.Confidence <= SureSilent && slices.ContainsFunc(x.Alternatives, func(a Alternative) bool { return a.Confidence > x.Confidence-near })
}

// sentence says it in one.
func (f *facts) sentence(v Verdict, main *finding) string {
	var b strings.Builder
	how := f.how(v.Proven)
	switch v.Outcome {
	case DirectOK:
		b.WriteString("Direct, as it should be")
		if f.Predicted != nil {
			b.WriteString(": " + f.whyDirect())
		}
		return b.String() + "."
	case RelayExpected:
		b.WriteString(how + ", and nothing better is possible")
		if main == nil && f.Predicted != nil {
			return b.String() + ": " + f.Predicted.Reason + "."
		}
	case RelayAvoidable:
		b.WriteString(how + " although " + f.allow())
	case Degraded:
		b.WriteString(how)
		if main != nil {
			return fmt.Sprintf("%s, but %s.", how, main.because)
		}
	case RelayFailed:
		b.WriteString(f.none() + ", where a relay would have carried the call")
	case ConnectFailed:
		b.WriteString(f.none())
	}
	switch {
	case main == nil:
		b.WriteString(", and the evidence does not tell why")
	case v.Cause == Inconclusive:
		var codes []string
		for _, a := range v.Alternatives[:min(3, len(v.Alternatives))] {
			codes = append(codes, a.Cause)
		}
		fmt.Fprintf(&b, "; %s, and the evidence does not decide between %s", main.because, strings.Join(codes, ", "))
	default:
		b.WriteString(", because " + main.because)
	}
	return b.String() + "."
}

func (f *facts) how(proven string) string {
	path, transport, _ := strings.Cut(proven, "/")
	over := ""
	if transport != "" {
		over = " (" + transport + ")"
	}
	switch path {
	case string(nat.PathDirect):
		return "Direct"
	case string(nat.PathRelay):
		return "Relayed through " + topology.Turn + over
	case string(nat.PathRelayBoth):
		return "Relayed through two relays at " + topology.Turn + over
	}
	return "Connected"
}

func (f *facts) allow() string {
	if f.Predicted == nil {
		return "a direct path may be possible"
	}
	return "the NATs allow a direct path"
}

func (f *facts) none() string {
	if f.midcall() {
		return "The call went dead"
	}
	return "No path"
}
