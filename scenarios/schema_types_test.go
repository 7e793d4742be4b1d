package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/icelab-go/icelab/lab/nat"
)

// makeSchema reflects the types, with their comments as descriptions.
func makeSchema() ([]byte, error) {
	r := &jsonschema.Reflector{ExpandedStruct: true, Namer: func(t reflect.Type) string {
		first := t.Name()[:min(1, len(t.Name()))] // a pointer has no name
		return strings.ToUpper(first) + strings.TrimPrefix(t.Name(), first)
	}}
	if err := r.AddGoComments(reflect.TypeFor[Scenario]().PkgPath(), "."); err != nil {
		return nil, err
	}
	for key, text := range r.CommentMap {
		r.CommentMap[key] = strings.Join(strings.Fields(text), " ")
	}
	// Some types are not written as they are: what a file has stands in for them.
	written := map[reflect.Type]struct {
		name string
		form any
	}{
		reflect.TypeFor[nat.Behavior](): {"NAT", behavior{}},
		reflect.TypeFor[nat.Link]():     {"Link", link{}},
		reflect.TypeFor[LinkChange]():   {"LinkChange", linkChange{}},
	}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema {
		if w, ok := written[t]; ok {
			return &jsonschema.Schema{Ref: "#/$defs/" + w.name}
		}
		return nil
	}
	s := r.Reflect(Scenario{})
	for _, w := range written {
		form := r.Reflect(w.form)
		maps.Copy(s.Definitions, form.Definitions)
		form.Version, form.ID, form.Definitions = "", "", nil
		s.Definitions[w.name] = form
	}
	s.Title = "icelab scenario"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(s)
	return b.Bytes(), err
}

// What the types cannot say by themselves: the words, the ranges, the short
// forms.

func (Scenario) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "name").Pattern = namePattern
	property(s, "timing").Enum = anys(timings())
	property(s, "timing").Default = Tuned
	atLeastOne(property(s, "steps"), false)
	s.Examples = []any{json.RawMessage(`{"name":"two-symmetric-nats","caller":"symmetric","callee":"symmetric","turn":{"transports":["udp"]},"steps":["connect",{"echo":{"messages":100,"bytes":1200}}],"expect":{"path":"relay","transport":"udp"}}`)}
}

func (Peer) JSONSchemaExtend(s *jsonschema.Schema) {
	conditions := &jsonschema.Schema{Type: "string", Enum: anys(nat.ConditionNames()), Description: conditionsProse()}
	c := property(s, "condition")
	c.Enum, c.Default = conditions.Enum, defaultCondition
	c.Description += " " + conditions.Description
	words(property(s, "candidates"), candidateTypes())
	property(s, "lan").Enum = anys([]string{CallerLAN, CalleeLAN})
	limit(property(s, "port"), minPort, maxPort)
	s.Not = &jsonschema.Schema{Required: []string{"condition", "nat"}}
	orWord(s, conditions)
}

func (behavior) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Description = "A NAT, in the words of RFC 4787."
	for key, p := range map[string]struct {
		enum        []any
		def         any
		description string
	}{
		"mapping": {anys(mappings()), nil,
			"When an external port is used again: for every destination (eim), for every port of one address (adm), or for one address and port only (apdm)."},
		"filtering": {anys(filterings()), nil,
			"What a mapping lets in: packets from anyone (eif), from the addresses that the inside has sent to (adf), or from their ports only (apdf)."},
		"ports": {anys(portAssignments()), defaultPorts,
			"How the external port of a new mapping is chosen: the internal one while it is free (preserving), a random one, or the next one."},
		"hairpin": {nil, false, "Whether two hosts inside reach each other through their external addresses."},
		"lifetime": {nil, Duration(nat.DefaultLifetime),
			"How long an idle UDP mapping lives, in whole seconds. Outbound packets refresh it."},
		"unsolicited": {anys(unsolicited()), nat.Drop,
			"What becomes of a packet that is not let in: nothing is said (drop), or ICMP port unreachable and a TCP reset (reject)."},
	} {
		in := property(s, key)
		in.Enum, in.Default, in.Description = p.enum, p.def, p.description
	}
}

func (Turn) JSONSchemaExtend(s *jsonschema.Schema) {
	words(property(s, "transports"), transports())
	property(s, "transports").Default = defaultTransports()
	orWord(s, &jsonschema.Schema{Type: "string", Enum: []any{turnOff}})
}

func (Channel) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "ordered").Default = true
	for _, key := range []string{"maxRetransmits", "maxPacketLifeTime"} {
		limit(property(s, key), 0, 65535)
	}
	s.Not = &jsonschema.Schema{Required: []string{"maxRetransmits", "maxPacketLifeTime"}}
}

func (Step) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "kill").Enum = []any{KillTurn}
	property(s, "start").Enum = []any{KillTurn}
	one := uint64(1)
	s.MinProperties, s.MaxProperties = &one, &one
	bare := slices.DeleteFunc(stepKinds(), func(kind string) bool { return new(Step).fromWord(kind) != "" })
	orWord(s, &jsonschema.Schema{Type: "string", Enum: anys(bare), Description: "A step with its defaults."})
}

func (Event) JSONSchemaExtend(s *jsonschema.Schema) { orSide(s) }

func (Cut) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "protocol").Enum = anys(protocols())
	property(s, "protocol").Default = CutAll
	orSide(s)
}

func (Reboot) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "down").Default = defaultDown
	orSide(s)
}

func (Move) JSONSchemaExtend(s *jsonschema.Schema) {
	names := slices.DeleteFunc(nat.ConditionNames(), func(name string) bool { return checkVisited("", name) != nil })
	property(s, "to").Enum = anys(names)
	property(s, "to").Default = defaultMove
	orSide(s)
}

func (RestartICE) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "within").Default = defaultWithin
	property(s, "path").Ref, property(s, "path").Type = "", "string"
	property(s, "path").Enum = []any{PathNone}
}

func (impairment) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Description = "What one direction of a line does to packets."
	describeImpairment(s)
}

func (link) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Description = "How good a line is: the same in both directions, or up and down each by itself."
	describeLink(s)
}

func (linkChange) JSONSchemaExtend(s *jsonschema.Schema) {
	s.Description = "How good the line of one side is from now on. The side alone stands for a perfect line."
	property(s, "side").Description = "Whose line it is."
	describeLink(s)
	orSide(s)
}

func describeLink(s *jsonschema.Schema) {
	describeImpairment(s)
	property(s, "up").Description = "The direction from the peer to the WAN."
	property(s, "down").Description = "The direction from the WAN to the peer."
	var mixed []*jsonschema.Schema
	for _, key := range impairmentKeys() {
		for _, way := range []string{"up", "down"} {
			mixed = append(mixed, &jsonschema.Schema{Required: []string{key, way}})
		}
	}
	s.Not = &jsonschema.Schema{AnyOf: mixed}
}

func describeImpairment(s *jsonschema.Schema) {
	for key, description := range map[string]string{
		"delay":   "What is added to the way of every packet, at most 10s.",
		"jitter":  "How far the delay of each packet is spread to either side, so that packets overtake each other; at most the delay.",
		"loss":    "The share of packets that are lost, each drawn on its own.",
		"reorder": "The share of packets that are sent at once, ahead of those that are being delayed. It needs a delay.",
		"rate":    "How many bits a second pass, whole IP packets counted, at least 8kbit; packets queue for 500 ms and are lost beyond that. The default is without a limit.",
	} {
		property(s, key).Description = description
	}
}

// orSide lets a side stand for the whole of s.
func orSide(s *jsonschema.Schema) {
	property(s, "side").Enum = anys(sides())
	orWord(s, &jsonschema.Schema{Type: "string", Enum: anys(sides())})
}

func (share) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: sharePattern, Examples: []any{"2%", "0.5%"}}
}

func (rate) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: ratePattern, Examples: []any{"500kbit", "5mbit"}}
}

func (Connect) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "within").Default = defaultWithin
}

func (Echo) JSONSchemaExtend(s *jsonschema.Schema) {
	limit(property(s, "messages"), minMessages, maxMessages)
	property(s, "messages").Default = defaultMessages
	limit(property(s, "bytes"), minBytes, maxBytes)
	property(s, "bytes").Default = defaultBytes
	property(s, "within").Default = defaultWithin
	property(s, "path").Enum = anys(slices.DeleteFunc(paths(), func(p Path) bool { return p == PathNone }))
	property(s, "transport").Enum = anys(transports())
}

func (NoEcho) JSONSchemaExtend(s *jsonschema.Schema) { property(s, "for").Default = defaultSilence }

func (Expect) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "transport").Enum = anys(transports())
	property(s, "verdict").Enum = anys(verdicts())
	property(s, "cause").Pattern = `^([A-G][1-9][0-9]*|` + NoCause + `)$`
}

func (Ports) JSONSchema() *jsonschema.Schema {
	one := &jsonschema.Schema{Type: "integer"}
	limit(one, 1, 65535)
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{one, {Type: "string", Pattern: portsPattern}}}
}

func (Offset) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[+-]?` + spanPattern + `$`, Examples: []any{"1h", "-1h"}}
}

// spanPattern is a length of time, in the words of Go.
const spanPattern = `(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+`

func (Path) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: anys(paths())}
}

func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:     "string",
		Pattern:  `^\+?` + spanPattern + `$`,
		Examples: []any{"5s", "300ms"},
	}
}

func property(s *jsonschema.Schema, key string) *jsonschema.Schema {
	p, ok := s.Properties.Get(key)
	if !ok {
		panic("no key " + key)
	}
	return p
}

func words(list *jsonschema.Schema, names []string) {
	list.Items.Enum = anys(names)
	list.Default = names
	atLeastOne(list, true)
}

func atLeastOne(list *jsonschema.Schema, unique bool) {
	one := uint64(1)
	list.MinItems, list.UniqueItems = &one, unique
}

func limit(number *jsonschema.Schema, least, most int) {
	number.Minimum = json.Number(fmt.Sprint(least))
	number.Maximum = json.Number(fmt.Sprint(most))
}

// orWord lets word stand for the whole of s.
func orWord(s, word *jsonschema.Schema) {
	mapping := *s
	*s = jsonschema.Schema{AnyOf: []*jsonschema.Schema{word, &mapping}, Description: mapping.Description}
	mapping.Description = ""
}

func conditionsProse() string {
	var b strings.Builder
	for _, c := range nat.Conditions() {
		fmt.Fprintf(&b, "%s: %s ", c.Name, c.About)
	}
	return strings.TrimSpace(b.String())
}

func anys[T any](values []T) []any {
	var all []any
	for _, v := range values {
		all = append(all, v)
	}
	return all
}
