package scenarios

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
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
