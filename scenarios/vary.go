package scenarios

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// Vary returns s with other parameters, which the seed decides, and the same truth:
// what is expected is left as it is, and so is what is wrong. Who is the caller,
// the conditions, ports, sizes, words and times may change. The result is
// complete; of a scenario that is mistaken it is that scenario.
//
// What would make the scenario impossible, or change the path that can be had at
// best, is left out.
func Vary(s Scenario, seed uint64) Scenario {
	varied, err := s.Complete()
	if err != nil {
		return s
	}
	for _, v := range variations() {
		next := varied.clone()
		v.change(&next, source(s.Name, v.name, seed))
		next, err := next.Complete()
		if err == nil && samePredictions(varied, next) {
			varied = next
		}
	}
	return varied
}

// variation changes one kind of parameter.
type variation struct {
	// name keeps the draws of one from those of another.
	name   string
	change func(*Scenario, *rand.Rand)
}

func variations() []variation {
	return []variation{
		{"sides", varySides},
		{"caller condition", func(s *Scenario, r *rand.Rand) { varyCondition(s, SideCaller, r) }},
		{"callee condition", func(s *Scenario, r *rand.Rand) { varyCondition(s, SideCallee, r) }},
		{"caller port", func(s *Scenario, r *rand.Rand) { varyPort(s, SideCaller, r) }},
		{"callee port", func(s *Scenario, r *rand.Rand) { varyPort(s, SideCallee, r) }},
		{"relay ports", varyRelayPorts},
		{"advertised address", varyAddress},
		{"echoes", varyEchoes},
		{"larger than", varyLargerThan},
		{"words", varyWords},
		{"times", varyTimes},
	}
}

// source draws for one kind of parameter of one scenario.
func source(scenario, variation string, seed uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(scenario + "\x00" + variation))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// samePredictions reports whether the best paths there can be are the same after
// every step, and so those between the NATs were nothing forbidden or left out.
func samePredictions(a, b Scenario) bool {
	before, err := a.worlds()
	if err != nil {
		return false
	}
	after, err := b.worlds()
	if err != nil {
		return false
	}
	return slices.EqualFunc(before, after, func(a, b world) bool {
		return samePath(a.predict(), b.predict()) && samePath(a.unrestricted(), b.unrestricted())
	})
}

func samePath(a, b nat.Prediction) bool { return a.Path == b.Path && a.Transport == b.Transport }

// unrestricted is the best path between the NATs alone: with every candidate type,
// and TURN over everything.
func (w world) unrestricted() nat.Prediction {
	s := *w.story
	s.Caller.Candidates, s.Callee.Candidates = nil, nil
	s.Turn = Turn{Transports: transports()}
	w.story = &s
	return w.predict()
}

// clone returns a copy whose lists and steps are its own.
func (s Scenario) clone() Scenario {
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		s.Steps[i] = s.Steps[i].complete()
	}
	s.Faults.Filters = slices.Clone(s.Faults.Filters)
	s.Faults.Signalling = slices.Clone(s.Faults.Signalling)
	s.Faults.Turn.DenyPeers = slices.Clone(s.Faults.Turn.DenyPeers)
	return s
}

// filters are all there are, those of steps too.
func (s *Scenario) filters() []*Filter {
	var all []*Filter
	for i := range s.Faults.Filters {
		all = append(all, &s.Faults.Filters[i])
	}
	for _, step := range s.Steps {
		if step.Filter != nil {
			all = append(all, step.Filter)
		}
	}
	return all
}

// end is the peer of a side.
func (s *Scenario) end(side string) *Peer {
	if side == SideCallee {
		return &s.Callee
	}
	return &s.Caller
}
