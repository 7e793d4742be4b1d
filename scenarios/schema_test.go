package scenarios

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/icelab-go/icelab/lab/nat"
)

var update = flag.Bool("update", false, "write schema.json anew")

// The file is generated here and not in the program, which has no comments.
func TestSchemaIsMadeFromTheTypes(t *testing.T) {
	want, err := makeSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("schema.json is not what the types say; run go generate ./scenarios (-want +got):\n%s", diff)
	}
}

func TestEveryKeyOfTheSchemaHasADescription(t *testing.T) {
	s := parsedSchema(t)
	objects := map[string]map[string]any{"": s}
	for name, def := range s["$defs"].(map[string]any) {
		objects[name] = def.(map[string]any)
	}
	for name, o := range objects {
		for _, form := range append([]any{o}, asList(o["anyOf"])...) {
			properties, _ := form.(map[string]any)["properties"].(map[string]any)
			for key, property := range properties {
				if text, _ := property.(map[string]any)["description"].(string); text == "" {
					t.Errorf("%s.%s has no description", name, key)
				}
			}
		}
	}
}

func TestBundledScenariosConformToTheSchema(t *testing.T) {
	v := validator{root: parsedSchema(t)}
	for file, data := range yamlFiles(t) {
		if err := v.check(plain(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	v := validator{root: parsedSchema(t)}
	for _, tt := range []struct{ name, yaml string }{
		{"no name", "expect: {path: direct}"},
		{"no expect", "name: x"},
		{"no path", "name: x\nexpect: {transport: udp}"},
		{"name with capitals", "name: X\nexpect: {path: direct}"},
		{"unknown key", "name: x\nexpects: {path: direct}\nexpect: {path: direct}"},
		{"unknown key of a peer", "name: x\ncaller: {candidate: [host]}\nexpect: {path: direct}"},
		{"unknown key of a step", "name: x\nsteps: [{connect: {for: 1s}}]\nexpect: {path: direct}"},
		{"unknown condition as a word", "name: x\ncaller: symetric\nexpect: {path: direct}"},
		{"unknown condition", "name: x\ncaller: {condition: symetric}\nexpect: {path: direct}"},
		{"unknown candidate type", "name: x\ncaller: {candidates: [prflx]}\nexpect: {path: direct}"},
		{"no candidate types", "name: x\ncaller: {candidates: []}\nexpect: {path: direct}"},
		{"candidate type twice", "name: x\ncaller: {candidates: [host, host]}\nexpect: {path: direct}"},
		{"NAT by a name", "name: x\ncaller: {nat: symmetric}\nexpect: {path: direct}"},
		{"NAT and condition", "name: x\ncaller: {condition: open, nat: {mapping: eim, filtering: eif}}\nexpect: {path: direct}"},
		{"NAT without mapping", "name: x\ncaller: {nat: {filtering: eif}}\nexpect: {path: direct}"},
		{"NAT without filtering", "name: x\ncaller: {nat: {mapping: eim}}\nexpect: {path: direct}"},
		{"unknown mapping", "name: x\ncaller: {nat: {mapping: cone, filtering: eif}}\nexpect: {path: direct}"},
		{"unknown filtering", "name: x\ncaller: {nat: {mapping: eim, filtering: cone}}\nexpect: {path: direct}"},
		{"unknown port assignment", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, ports: parity}}\nexpect: {path: direct}"},
		{"unknown answer", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, unsolicited: ignore}}\nexpect: {path: direct}"},
		{"unknown key of a NAT", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, carrier: x}}\nexpect: {path: direct}"},
		{"lifetime as a number", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, lifetime: 5}}\nexpect: {path: direct}"},
		{"carrier without filtering", "name: x\ncarrier: {mapping: eim}\nexpect: {path: direct}"},
		{"same prefix as a word", "name: x\ncaller: symmetric\ncallee: symmetric\nsame-prefix: on\nexpect: {path: none}"},
		{"port of a service", "name: x\ncaller: {port: 443}\nexpect: {path: direct}"},
		{"unknown LAN", "name: x\ncallee: {lan: wan}\nexpect: {path: direct}"},
		{"turn on", "name: x\nturn: on\nexpect: {path: direct}"},
		{"unknown transport", "name: x\nturn: {transports: [quic]}\nexpect: {path: direct}"},
		{"unknown timing", "name: x\ntiming: fast\nexpect: {path: direct}"},
		{"ordered as a word", "name: x\nchannel: {ordered: yes}\nexpect: {path: direct}"},
		{"two kinds of partial reliability", "name: x\nchannel: {maxRetransmits: 0, maxPacketLifeTime: 1}\nexpect: {path: direct}"},
		{"too many retransmissions", "name: x\nchannel: {maxRetransmits: 65536}\nexpect: {path: direct}"},
		{"no steps", "name: x\nsteps: []\nexpect: {path: direct}"},
		{"unknown step", "name: x\nsteps: [conect]\nexpect: {path: direct}"},
		{"bare wait", "name: x\nsteps: [connect, wait]\nexpect: {path: none}"},
		{"wait for a number", "name: x\nsteps: [connect, {wait: 4}]\nexpect: {path: none}"},
		{"bare kill", "name: x\nsteps: [connect, kill]\nexpect: {path: direct}"},
		{"two things in a step", "name: x\nsteps: [{connect: {}, echo: {}}]\nexpect: {path: direct}"},
		{"nothing in a step", "name: x\nsteps: [{}]\nexpect: {path: direct}"},
		{"kill of another node", "name: x\nsteps: [connect, {kill: caller}]\nexpect: {path: direct}"},
		{"bare cut", "name: x\nsteps: [connect, cut, echo]\nexpect: {path: direct}"},
		{"cut of a node", "name: x\nsteps: [connect, {cut: turn}, echo]\nexpect: {path: direct}"},
		{"cut without a side", "name: x\nsteps: [connect, {cut: {protocol: udp}}, echo]\nexpect: {path: direct}"},
		{"cut of TCP", "name: x\nsteps: [connect, {cut: {side: caller, protocol: tcp}}, echo]\nexpect: {path: direct}"},
		{"unknown key of an event", "name: x\nsteps: [connect, {rebind: {side: caller, down: 1s}}, echo]\nexpect: {path: direct}"},
		{"reboot for a number", "name: x\nsteps: [connect, {reboot: {side: caller, down: 1}}, echo]\nexpect: {path: direct}"},
		{"move below a carrier", "name: x\nsteps: [connect, {move: {side: caller, to: cgnat}}, echo]\nexpect: {path: direct}"},
		{"restart of a side", "name: x\nsteps: [connect, {restart-ice: caller}, echo]\nexpect: {path: direct}"},
		{"start of another node", "name: x\nsteps: [connect, {start: caller}]\nexpect: {path: direct}"},
		{"change of nobody's line", "name: x\nsteps: [connect, {link: {delay: 1s}}, echo]\nexpect: {path: direct}"},
		{"line by a word", "name: x\ncaller: {link: slow}\nexpect: {path: direct}"},
		{"loss as a number", "name: x\ncaller: {link: {loss: 2}}\nexpect: {path: direct}"},
		{"rate as a number", "name: x\ncaller: {link: {rate: 8000}}\nexpect: {path: direct}"},
		{"rate with a fraction", "name: x\ncaller: {link: {up: {rate: 1.5mbit}}}\nexpect: {path: direct}"},
		{"both directions and one", "name: x\ncaller: {link: {delay: 1s, up: {}}}\nexpect: {path: direct}"},
		{"direction in a direction", "name: x\ncaller: {link: {up: {down: {}}}}\nexpect: {path: direct}"},
		{"change of both directions and one", "name: x\nsteps: [connect, {link: {side: caller, loss: 1%, down: {}}}, echo]\nexpect: {path: direct}"},
		{"echo over no path", "name: x\nsteps: [connect, {echo: {path: none}}]\nexpect: {path: direct}"},
		{"echo over an unknown transport", "name: x\nsteps: [connect, {echo: {path: relay, transport: quic}}]\nexpect: {path: relay}"},
		{"echo of nothing", "name: x\nsteps: [connect, {echo: {messages: 0}}]\nexpect: {path: direct}"},
		{"echo too short for a checksum", "name: x\nsteps: [connect, {echo: {bytes: 19}}]\nexpect: {path: direct}"},
		{"duration without unit", "name: x\nsteps: [{connect: {within: 5}}]\nexpect: {path: direct}"},
		{"negative duration", "name: x\nsteps: [{connect: {within: -5s}}]\nexpect: {path: direct}"},
		{"unknown path", "name: x\nexpect: {path: turn}"},
		{"unknown transport of the path", "name: x\nexpect: {path: relay, transport: quic}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := v.check(plain(t, []byte(tt.yaml))); err == nil {
				t.Error("the schema takes it")
			}
			if _, err := Parse("x.yaml", []byte(tt.yaml)); err == nil {
				t.Error("the loader takes it")
			}
		})
	}
}

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
}

func (Path) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Enum: anys(paths())}
}

func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:     "string",
		Pattern:  `^\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`,
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
