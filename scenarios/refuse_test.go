package scenarios

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

// The rows are what people get wrong.
func TestParseRefuses(t *testing.T) {
	const end = "\nexpect: {path: direct}\n"
	conditions := enumerate(nat.ConditionNames(), " or ")
	kinds := enumerate(stepKinds(), " or ")
	for _, tt := range []struct{ name, yaml, want string }{
		// The file.
		{"empty file", "", "1:1: the file is empty; a scenario needs at least name and expect"},
		{"comments only", "# name: x\n", "1:1: the file is empty; a scenario needs at least name and expect"},
		{"marker only", "---\n", "1:1: the file is empty; a scenario needs at least name and expect"},
		{"two documents", "name: x" + end + "---\nname: y" + end, "3:1: a second document begins here; write one scenario per file"},
		{"too large", "name: x" + end + strings.Repeat("#", maxSize), "1:1: the file is larger than 16 KiB; give the path of a scenario file"},
		{"quote left open", "name: x\nabout: 'y\n", "2:8: this is not YAML: could not find end character of single-quoted text; correct the syntax here"},
		{"bracket left open", "name: x\nsteps: [connect\n", "2:8: this is not YAML: sequence end token ']' not found; correct the syntax here"},
		{"tab for indentation", "name: x\ncaller:\n\tcondition: open\n", "3:1: this is not YAML: found character '\\t' that cannot start any token; correct the syntax here"},
		{"list for a scenario", "- name: x\n", "1:1: the scenario is a list, not a mapping; its keys are name, about, caller, callee, carrier, same-prefix, turn, timing, channel, steps, faults and expect"},
		{"text for a scenario", "relay-symmetric\n", `1:1: the scenario is "relay-symmetric", not a mapping; its keys are name, about, caller, callee, carrier, same-prefix, turn, timing, channel, steps, faults and expect`},
		{"anchor", "name: &n x" + end, "1:7: name uses an anchor, alias or tag; write the value out"},
		{"alias", "name: x\nabout: *n" + end, "2:8: about uses an anchor, alias or tag; write the value out"},
		{"tag", "name: !!str x" + end, "1:7: name uses an anchor, alias or tag; write the value out"},

		// Keys.
		{"key misspelt", "name: x\nstesp: []" + end, `2:1: unknown key "stesp"; did you mean "steps"?`},
		{"key unknown", "name: x\nrouter: []" + end, `2:1: unknown key "router"; want name, about, caller, callee, carrier, same-prefix, turn, timing, channel, steps, faults or expect`},
		{"key of a peer misspelt", "name: x\ncaller: {candidate: [host]}" + end, `2:10: unknown key "candidate" in caller; did you mean "candidates"?`},
		{"key of a peer in capitals", "name: x\ncallee:\n  LAN: caller-lan" + end, `3:3: unknown key "LAN" in callee; did you mean "lan"?`},
		{"key of the channel misspelt", "name: x\nchannel: {maxRetransmit: 7}" + end, `2:11: unknown key "maxRetransmit" in channel; did you mean "maxRetransmits"?`},
		{"key of a step unknown", "name: x\nsteps:\n  - connect: {for: 5s}" + end, `3:15: unknown key "for" in steps[0].connect; want within`},
		{"key that is no text", "name: x\n5: y" + end, `2:1: unknown key "5"; want name, about, caller, callee, carrier, same-prefix, turn, timing, channel, steps, faults or expect`},
		{"key after a two-byte letter", "name: x\ncaller: {condition: 'ü', zone: y}" + end, `2:26: unknown key "zone" in caller; want condition, nat, candidates, lan, port or link`},
		{"merge key", "name: x\n<<: {about: y}" + end, `2:1: unknown key "<<"; want name, about, caller, callee, carrier, same-prefix, turn, timing, channel, steps, faults or expect`},
		{"key repeated", "name: x\n\n# again\nname: y" + end, `4:1: duplicate key "name", first on line 1; keep one of them`},
		{"key of a peer repeated", "name: x\ncaller: {condition: open, condition: open}" + end, `2:27: duplicate key "condition", first on line 2; keep one of them`},
		{"name missing", "about: y" + end, "1:1: the scenario has no name; add for example name: relay-symmetric"},
		{"expect missing", "# x\nname: x\n", "2:1: nothing says what to expect; add for example expect: {path: direct}"},
		{"expect without path", "name: x\nexpect: {transport: udp}\n", "2:9: nothing says what to expect; add for example expect: {path: direct}"},
		{"key without value", "name: x\ncaller:" + end, "2:8: caller has no value; indent what belongs to it, or leave the key out"},
		{"options of a step not indented", "name: x\nsteps:\n  - connect:\n    within: 5s" + end, "3:13: steps[0].connect has no value; indent what belongs to it, or leave the key out"},

		// Types.
		{"number for text", "name: 5" + end, "1:7: name is 5, not text; write text, in quotes if it looks like something else"},
		{"list for text", "name: [x]" + end, "1:7: name is a list, not text; write text, in quotes if it looks like something else"},
		{"empty text", `name: ""` + end, "1:7: name is empty; write something, or leave the key out"},
		{"list for a peer", "name: x\ncaller: [open]" + end, "2:9: caller is a list, not a mapping; write a condition, or {condition: symmetric, candidates: [relay]}"},
		{"text for a list", "name: x\ncaller: {candidates: host}" + end, `2:22: caller.candidates is "host", not a list; write [host]`},
		{"mapping for a list", "name: x\nsteps: {connect: {}}" + end, "2:8: steps is a mapping, not a list; write its items in brackets, or one per line after a hyphen"},
		{"boolean for turn", "name: x\nturn: false" + end, "2:7: turn is false, not a mapping; write off, or {transports: [udp, tcp]}"},
		{"word for a boolean", "name: x\nchannel: {ordered: no}" + end, `2:20: channel.ordered is "no", not a boolean; write true or false`},
		{"number too large for its type", "name: x\nchannel: {maxRetransmits: 65536}" + end, "2:27: channel.maxRetransmits is 65536, not a whole number from 0 to 65535; write one"},
		{"number below zero", "name: x\nchannel: {maxPacketLifeTime: -1}" + end, "2:30: channel.maxPacketLifeTime is -1, not a whole number from 0 to 65535; write one"},
		{"fraction", "name: x\nsteps: [connect, {echo: {bytes: 1.5}}]" + end, "2:33: steps[1].echo.bytes is 1.5, not a whole number; write digits only"},
		{"number beyond 63 bits", "name: x\nsteps: [connect, {echo: {bytes: 18446744073709551615}}]" + end, "2:33: steps[1].echo.bytes is 18446744073709551615, not a whole number; write digits only"},
		{"word for a number", "name: x\nsteps: [connect, {echo: {messages: many}}]" + end, `2:36: steps[1].echo.messages is "many", not a whole number; write digits only`},
		{"number for a step", "name: x\nsteps: [5]" + end, "2:9: steps[0] is 5, not a mapping; write for example connect, or echo: {messages: 100}"},
		{"number for a duration", "name: x\nsteps: [{connect: {within: 5}}]" + end, "2:28: steps[0].connect.within is 5, not a duration; write for example 5s or 300ms"},
		{"duration with a space", "name: x\nsteps: [{connect: {within: 5 s}}]" + end, `2:28: steps[0].connect.within is "5 s", not a duration; write for example 5s or 300ms`},
		{"duration for a step", "name: x\nsteps: [{connect: 5s}]" + end, `2:19: steps[0].connect is "5s", not a mapping; its keys are within`},
		{"path alone for expect", "name: x\nexpect: direct\n", `2:9: expect is "direct", not a mapping; its keys are path, transport, verdict and cause`},

		// Values.
		{"name in capitals", "name: Relay" + end, `1:7: name is "Relay"; use lower-case letters and digits with hyphens between them`},
		{"name with a path", "name: ../x" + end, `1:7: name is "../x"; use lower-case letters and digits with hyphens between them`},
		{"condition misspelt", "name: x\ncaller: symetric" + end, `2:9: unknown condition "symetric"; did you mean "symmetric"?`},
		{"condition misspelt in the long form", "name: x\ncallee:\n  condition: udp-bolcked" + end, `3:14: unknown condition "udp-bolcked"; did you mean "udp-blocked"?`},
		{"condition misspelt in capitals", "name: x\ncaller: UDP-Bolcked" + end, `2:9: unknown condition "UDP-Bolcked"; did you mean "udp-blocked"?`},
		{"condition half named", "name: x\ncaller: blocked" + end, `2:9: unknown condition "blocked"; did you mean "udp-blocked"?`},
		{"condition unknown", "name: x\ncaller: starlink" + end, `2:9: unknown condition "starlink"; want ` + conditions},
		{"condition on several lines", "name: x\ncaller: |\n  a\n  b" + end, `2:9: unknown condition "a\nb\n"; want ` + conditions},
		{"candidate type that cannot be asked for", "name: x\ncaller:\n  candidates:\n    - host\n    - prflx" + end, `5:7: unknown candidate type "prflx"; did you mean "srflx"?`},
		{"candidate type twice", "name: x\ncallee: {candidates: [host, host]}" + end, "2:29: host is in callee.candidates twice; remove one"},
		{"no candidate types", "name: x\ncallee: {candidates: []}" + end, "2:22: callee.candidates is an empty list; name one or more, or leave the key out for the default"},
		{"caller on the callee's LAN", "name: x\ncaller: {lan: callee-lan}" + end, `2:15: caller.lan is "callee-lan", but the caller is always on caller-lan; to have both peers on one LAN write callee: {lan: caller-lan}`},
		{"callee on the WAN", "name: x\ncallee: {lan: wan}" + end, `2:15: callee.lan is "wan"; want caller-lan or callee-lan`},
		{"condition of a callee behind the caller's gateway", "name: x\ncallee: {lan: caller-lan, condition: open}" + end, `2:38: callee.condition is "open", but on caller-lan the callee sits behind the caller's gateway; leave it out and give the caller the condition`},
		{"turn on", "name: x\nturn: on" + end, `2:7: turn is "on"; write off, or {transports: [udp, tcp]}`},
		{"transport unknown", "name: x\nturn: {transports: [udp, quic]}" + end, `2:26: unknown transport "quic"; want udp, tcp or tls`},
		{"transport twice", "name: x\nturn: {transports: [udp, udp]}" + end, "2:26: udp is in turn.transports twice; remove one"},
		{"no transports", "name: x\nturn: {transports: []}" + end, "2:20: turn.transports is an empty list; name one or more, or leave the key out for the default"},
		{"timing misspelt", "name: x\ntiming: pion-default" + end, `2:9: timing is "pion-default"; did you mean "pion-defaults"?`},
		{"both kinds of partial reliability", "name: x\nchannel: {maxRetransmits: 1, maxPacketLifeTime: 4}" + end, "2:49: channel has both maxRetransmits and maxPacketLifeTime, which W3C's createDataChannel refuses; keep one of them"},
		{"path unknown", "name: x\nexpect: {path: turn}\n", `2:16: expect.path is "turn"; want direct, relay, relay-both or none`},
		{"path misspelt", "name: x\nexpect:\n  path: relay-bth\n", `3:9: expect.path is "relay-bth"; did you mean "relay-both"?`},
		{"transport of the path unknown", "name: x\nexpect: {path: relay, transport: quic}\n", `2:34: expect.transport is "quic"; want udp, tcp or tls`},

		{"port of a service", "name: x\ncaller: {port: 443}" + end, "2:16: caller.port is 443; want 1024 to 65535"},
		{"port beyond the last", "name: x\ncallee: {port: 65536}" + end, "2:16: callee.port is 65536, not a whole number from 0 to 65535; write one"},

		// NATs that are written out.
		{"NAT by a name", "name: x\ncaller: {nat: symmetric}" + end, `2:15: caller.nat is "symmetric", not a mapping; its keys are mapping, filtering, ports, hairpin, lifetime and unsolicited`},
		{"key of a NAT misspelt", "name: x\ncaller: {nat: {maping: eim}}" + end, `2:16: unknown key "maping" in caller.nat; did you mean "mapping"?`},
		{"NAT and condition", "name: x\ncaller:\n  nat: {mapping: eim, filtering: eif}\n  condition: full-cone" + end, `3:8: caller has both condition "full-cone" and nat; keep one of them`},
		{"NAT without mapping", "name: x\ncaller: {nat: {filtering: eif}}" + end, "2:15: caller.nat has no mapping; add for example mapping: eim"},
		{"NAT without filtering", "name: x\ncallee:\n  nat:\n    mapping: adm" + end, "4:5: callee.nat has no filtering; add for example filtering: apdf"},
		{"mapping in capitals", "name: x\ncaller: {nat: {mapping: EIM, filtering: eif}}" + end, `2:25: caller.nat.mapping is "EIM"; did you mean "eim"?`},
		{"filtering unknown", "name: x\ncallee: {nat: {mapping: eim, filtering: cone}}" + end, `2:41: callee.nat.filtering is "cone"; want eif, adf or apdf`},
		{"port assignment unknown", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, ports: parity}}" + end, `2:53: caller.nat.ports is "parity"; want preserving, random or sequential`},
		{"word for hairpin", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, hairpin: on}}" + end, `2:55: caller.nat.hairpin is "on", not a boolean; write true or false`},
		{"number for a lifetime", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, lifetime: 5}}" + end, "2:56: caller.nat.lifetime is 5, not a duration; write for example 5s or 300ms"},
		{"lifetime of zero", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, lifetime: 0s}}" + end, "2:56: caller.nat.lifetime is 0s; want whole seconds, at least 1s, or leave the key out"},
		{"lifetime below zero", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, lifetime: -1s}}" + end, "2:56: caller.nat.lifetime is -1s; want more than 0s and at most 10m"},
		{"lifetime below a second", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, lifetime: 500ms}}" + end, "2:56: caller.nat.lifetime is 500ms; want whole seconds, at least 1s"},
		{"lifetime too long", "name: x\ncarrier: {mapping: eim, filtering: eif, lifetime: 11m}" + end, "2:51: carrier.lifetime is 11m0s; want more than 0s and at most 10m"},
		{"answer unknown", "name: x\ncaller: {nat: {mapping: eim, filtering: eif, unsolicited: ignore}}" + end, `2:59: caller.nat.unsolicited is "ignore"; want drop or reject`},
		{"NAT of a callee behind the caller's gateway", "name: x\ncallee: {lan: caller-lan, nat: {mapping: eim, filtering: eif}}" + end, `2:32: callee.nat is EIM/EIF, preserving ports, but on caller-lan the callee sits behind the caller's gateway; leave it out and give the caller the NAT`},
		{"carrier by a name", "name: x\ncarrier: full-cone" + end, `2:10: carrier is "full-cone", not a mapping; its keys are mapping, filtering, ports, hairpin, lifetime and unsolicited`},
		{"carrier without mapping", "name: x\ncarrier: {hairpin: true}" + end, "2:10: carrier has no mapping; add for example mapping: eim"},
		{"carrier with a mapping unknown", "name: x\ncarrier: {mapping: none, filtering: eif}" + end, `2:20: carrier.mapping is "none"; want eim, adm or apdm`},

		// What the peers share.
		{"carrier above a caller's own", "name: x\ncaller: cgnat\ncarrier: {mapping: eim, filtering: eif}" + end, "3:10: carrier is set, but the caller's cgnat has a carrier of its own; leave out carrier, or choose another condition"},
		{"carrier above a callee's own", "name: x\ncallee: cgnat\ncarrier: {mapping: eim, filtering: eif}" + end, "3:10: carrier is set, but the callee's cgnat has a carrier of its own; leave out carrier, or choose another condition"},
		{"carrier above one home", "name: x\ncallee: {lan: caller-lan}\ncarrier: {mapping: eim, filtering: eif}" + end, "3:10: carrier is what two homes are behind, but with callee.lan caller-lan there is one; leave one of the two out"},
		{"same prefix on one LAN", "name: x\ncallee: {lan: caller-lan}\nsame-prefix: true" + end, "3:14: same-prefix is about two LANs, but with callee.lan caller-lan there is one; leave one of the two out"},
		{"same prefix with routed addresses", "name: x\ncaller: full-cone\nsame-prefix: true" + end, "3:14: same-prefix is set, but the callee's open has no NAT and its addresses would be there twice; leave it out, or choose another condition"},
		{"same prefix behind a firewall alone", "name: x\ncaller: stateful-firewall\ncallee: full-cone\nsame-prefix: true" + end, "4:14: same-prefix is set, but the caller's stateful-firewall has no NAT and its addresses would be there twice; leave it out, or choose another condition"},

		// Steps.
		{"step misspelt", "name: x\nsteps:\n  - conect" + end, `3:5: unknown step "conect"; did you mean "connect"?`},
		{"step with options misspelt", "name: x\nsteps: [{ehco: {}}]" + end, `2:10: unknown key "ehco" in steps[0]; did you mean "echo"?`},
		{"step unknown", "name: x\nsteps: [explode]" + end, `2:9: unknown step "explode"; want ` + kinds},
		{"start of nothing", "name: x\nsteps: [connect, start]" + end, "2:18: start does not say what; write start: turn"},
		{"start of a peer", "name: x\nsteps: [connect, start: callee]" + end, `2:25: steps[1].start is "callee"; want turn`},
		{"cut of nothing", "name: x\nsteps: [connect, cut]" + end, "2:18: cut does not say whose; write cut: caller, or cut: callee"},
		{"cut without a side", "name: x\nsteps: [connect, cut: {protocol: udp}]" + end, "2:23: steps[1].cut does not say whose; add side: caller, or side: callee"},
		{"cut of a side misspelt", "name: x\nsteps: [connect, cut: caler]" + end, `2:23: steps[1].cut.side is "caler"; did you mean "caller"?`},
		{"cut of a list of sides", "name: x\nsteps: [connect, cut: [caller, callee]]" + end, "2:23: steps[1].cut is a list, not a mapping; write a side, or {side: caller, protocol: udp}"},
		{"cut of TCP", "name: x\nsteps: [connect, cut: {side: caller, protocol: tcp}]" + end, `2:48: steps[1].cut.protocol is "tcp"; want udp or all`},
		{"restore of a node", "name: x\nsteps: [connect, restore: {side: turn}]" + end, `2:34: steps[1].restore.side is "turn"; want caller or callee`},
		{"rebind with a key of another step", "name: x\nsteps: [connect, rebind: {side: caller, down: 1s}]" + end, `2:41: unknown key "down" in steps[1].rebind; want side or within`},
		{"expire that takes a number", "name: x\nsteps: [connect, expire: {side: caller, within: 5}]" + end, "2:49: steps[1].expire.within is 5, not a duration; write for example 5s or 300ms"},
		{"recovery before it began", "name: x\nsteps: [connect, expire: {side: caller, within: -1s}]" + end, "2:49: steps[1].expire.within is -1s; want more than 0s and at most 10m"},
		{"recovery that takes too long", "name: x\nsteps: [connect, move: {side: caller, within: 11m}]" + end, "2:47: steps[1].move.within is 11m0s; want more than 0s and at most 10m"},
		{"reboot in no time", "name: x\nsteps: [connect, reboot: {side: caller, down: 0s}]" + end, "2:47: steps[1].reboot.down is 0s; want more than 0s and at most 1m"},
		{"reboot that takes too long", "name: x\nsteps: [connect, reboot: {side: caller, down: 61s}]" + end, "2:47: steps[1].reboot.down is 1m1s; want more than 0s and at most 1m"},
		{"move to a LAN", "name: x\nsteps: [connect, move: {side: caller, to: callee-lan}]" + end, `2:43: unknown condition "callee-lan"; want ` + conditions},
		{"move to a condition misspelt", "name: x\nsteps: [connect, move: {side: caller, to: symetric}]" + end, `2:43: unknown condition "symetric"; did you mean "symmetric"?`},
		{"move below a carrier", "name: x\nsteps: [connect, move: {side: caller, to: cgnat}]" + end, "2:43: steps[1].move.to is cgnat, which has a carrier of its own, but there is one gateway where a peer moves to; choose another condition"},
		{"restart in no time", "name: x\nsteps: [connect, restart-ice: {within: 0s}]" + end, "2:40: steps[1].restart-ice.within is 0s; want more than 0s and at most 10m"},
		{"restart of one side", "name: x\nsteps: [connect, restart-ice: caller]" + end, `2:31: steps[1].restart-ice is "caller", not a mapping; its keys are within and path`},
		{"echo over no path", "name: x\nsteps: [connect, {echo: {path: none}}]" + end, "2:32: steps[1].echo.path is none, which no echo takes; write no-echo instead"},
		{"echo over a path misspelt", "name: x\nsteps: [connect, {echo: {path: dirct}}]" + end, `2:32: steps[1].echo.path is "dirct"; did you mean "direct"?`},
		{"echo over a transport unknown", "name: x\nsteps: [connect, {echo: {path: relay, transport: quic}}]" + end, `2:50: steps[1].echo.transport is "quic"; want udp, tcp or tls`},
		{"transport of a direct echo", "name: x\nsteps: [connect, {echo: {path: direct, transport: udp}}]" + end, "2:51: steps[1].echo.transport is udp, but path direct has no leg to a TURN server; leave transport out"},
		{"transport of an echo that is direct by default", "name: x\nsteps: [connect, {echo: {transport: udp}}]" + end, "2:37: steps[1].echo.transport is udp, but path direct has no leg to a TURN server; leave transport out"},

		// Lines.
		{"line by a word", "name: x\ncaller: {link: slow}" + end, `2:16: caller.link is "slow", not a mapping; its keys are delay, jitter, loss, reorder, rate, up and down`},
		{"line with a key misspelt", "name: x\ncaller: {link: {delya: 1s}}" + end, `2:17: unknown key "delya" in caller.link; did you mean "delay"?`},
		{"direction with a direction", "name: x\ncaller: {link: {up: {down: {}}}}" + end, `2:22: unknown key "down" in caller.link.up; want delay, jitter, loss, reorder or rate`},
		{"both directions and one", "name: x\ncaller:\n  link:\n    up: {loss: 1%}\n    delay: 20ms" + end, "5:12: caller.link.delay is for both directions, but up or down is there too; write it under those that it is for"},
		{"loss as a number", "name: x\ncaller: {link: {loss: 2}}" + end, "2:23: caller.link.loss is 2, not a percentage; write for example 2% or 0.5%"},
		{"loss as a fraction", "name: x\ncaller: {link: {loss: 0.02}}" + end, "2:23: caller.link.loss is 0.02, not a percentage; write for example 2% or 0.5%"},
		{"loss below nothing", "name: x\ncaller: {link: {loss: -2%}}" + end, `2:23: caller.link.loss is "-2%", not a percentage; write for example 2% or 0.5%`},
		{"loss of more than there is", "name: x\ncallee: {link: {loss: 101%}}" + end, "2:23: callee.link.loss is 101%; want 0% to 100%"},
		{"loss of more than there is in one direction", "name: x\ncaller:\n  link:\n    up: {delay: 1s}\n    down: {loss: 101%}" + end, "5:18: caller.link.down.loss is 101%; want 0% to 100%"},
		{"loss of more than there is in each direction", "name: x\ncaller: {link: {up: {loss: 101%}, down: {loss: 101%}}}" + end, "2:28: caller.link.loss is 101%; want 0% to 100%"},
		{"delay as a number", "name: x\ncaller: {link: {delay: 20}}" + end, "2:24: caller.link.delay is 20, not a duration; write for example 5s or 300ms"},
		{"delay beyond the moon", "name: x\ncaller: {link: {delay: 11s}}" + end, "2:24: caller.link.delay is 11s; want 0 to 10s"},
		{"jitter of more than the delay", "name: x\ncaller: {link: {delay: 5ms, jitter: 6ms}}" + end, "2:37: caller.link.jitter is 6ms; want 0 to the delay, 5ms"},
		{"reorder without a delay", "name: x\ncaller: {link: {reorder: 1%}}" + end, "2:26: caller.link.reorder needs a delay; a packet overtakes those that are delayed"},
		{"rate as a number", "name: x\ncaller: {link: {rate: 5000000}}" + end, "2:23: caller.link.rate is 5000000, not a rate; write for example 500kbit or 5mbit"},
		{"rate in bytes", "name: x\ncaller: {link: {rate: 5MB}}" + end, `2:23: caller.link.rate is "5MB", not a rate; write for example 500kbit or 5mbit`},
		{"rate with a fraction", "name: x\ncaller: {link: {rate: 1.5mbit}}" + end, `2:23: caller.link.rate is "1.5mbit", not a rate; write for example 500kbit or 5mbit`},
		{"rate of nothing", "name: x\ncaller: {link: {rate: 0mbit}}" + end, "2:23: caller.link.rate is 0bit; want at least 8kbit, or leave the key out"},
		{"rate of nothing in one direction", "name: x\ncaller: {link: {down: {rate: 0kbit}}}" + end, "2:30: caller.link.down.rate is 0bit; want at least 8kbit, or leave the key out"},
		{"rate of less than a packet", "name: x\ncaller: {link: {rate: 7kbit}}" + end, "2:23: caller.link.rate is 7000 bit/s; want at least 8000 bit/s"},
		{"rate of more than any line", "name: x\ncaller: {link: {rate: 99999999999999999999bit}}" + end, `2:23: caller.link.rate is "99999999999999999999bit", not a rate; write for example 500kbit or 5mbit`},
		{"rate of more than any line, in a large unit", "name: x\ncaller: {link: {rate: 18446744073gbit}}" + end, `2:23: caller.link.rate is "18446744073gbit", not a rate; write for example 500kbit or 5mbit`},
		{"line of a callee behind the caller's gateway", "name: x\ncallee: {lan: caller-lan, link: {delay: 1s}}" + end, "2:33: callee.link is set, but on caller-lan the callee sits behind the caller's gateway, whose line is caller.link; leave it out"},
		{"change of nobody's line", "name: x\nsteps: [connect, link: {delay: 1s}]" + end, "2:24: steps[1].link does not say whose; add side: caller, or side: callee"},
		{"change of a side's line misspelt", "name: x\nsteps: [connect, link: caler]" + end, `2:24: steps[1].link.side is "caler"; did you mean "caller"?`},
		{"change by a list", "name: x\nsteps: [connect, link: [caller]]" + end, "2:24: steps[1].link is a list, not a mapping; write a side for a perfect line, or {side: caller, delay: 20ms, loss: 2%}"},
		{"change to what no line is", "name: x\nsteps: [connect, link: {side: caller, down: {loss: 200%}}]" + end, "2:52: steps[1].link.down.loss is 200%; want 0% to 100%"},
		{"change of both directions and one", "name: x\nsteps: [connect, link: {side: caller, loss: 2%, down: {}}]" + end, "2:45: steps[1].link.loss is for both directions, but up or down is there too; write it under those that it is for"},

		{"kill of nothing", "name: x\nsteps: [connect, kill]" + end, "2:18: kill does not say what; write kill: turn"},
		{"wait without end", "name: x\nsteps: [connect, wait]" + end, "2:18: wait does not say how long; write for example wait: 4s"},
		{"wait for a number", "name: x\nsteps: [connect, wait: 4]" + end, "2:24: steps[1].wait is 4, not a duration; write for example 5s or 300ms"},
		{"wait below zero", "name: x\nsteps: [connect, wait: -1s]" + end, "2:24: steps[1].wait is -1s; want more than 0s and at most 1m"},
		{"wait too long", "name: x\nsteps: [connect, wait: 61s]" + end, "2:24: steps[1].wait is 1m1s; want more than 0s and at most 1m"},
		{"wait for no time", "name: x\nsteps: [connect, wait: 0s]" + end, "2:18: steps[1] does nothing; write one of " + kinds},
		{"wait and echo in one step", "name: x\nsteps: [connect, {wait: 4s, echo: {}}]" + end, "2:18: steps[1] does 2 things at once; give each a list item of its own"},
		{"kill of a peer", "name: x\nsteps: [connect, kill: caller]" + end, `2:24: steps[1].kill is "caller"; want turn`},
		{"no steps", "name: x\nsteps: []" + end, "2:8: steps is an empty list; leave the key out for connect and echo"},
		{"step that does nothing", "name: x\nsteps: [{}]" + end, "2:9: steps[0] does nothing; write one of " + kinds},
		{"two things in one step", "name: x\nsteps:\n  - connect: {}\n    echo: {}" + end, "3:5: steps[0] does 2 things at once; give each a list item of its own"},
		{"duration below zero", "name: x\nsteps: [{connect: {within: -5s}}]" + end, "2:28: steps[0].connect.within is -5s; want more than 0s and at most 10m"},
		{"duration of zero", "name: x\nsteps: [connect, {echo: {within: 0s}}]" + end, "2:34: steps[1].echo.within is 0s; want more than 0s and at most 10m"},
		{"duration too long", "name: x\nsteps: [connect, no-echo: {for: 601s}]" + end, "2:33: steps[1].no-echo.for is 10m1s; want more than 0s and at most 10m"},
		{"no messages", "name: x\nsteps: [connect, {echo: {messages: 0}}]" + end, "2:36: steps[1].echo.messages is 0; want 1 to 100000"},
		{"too many messages", "name: x\nsteps: [connect, {echo: {messages: 100001}}]" + end, "2:36: steps[1].echo.messages is 100001; want 1 to 100000"},
		{"message too short for its checksum", "name: x\nsteps: [connect, {echo: {bytes: 19}}]" + end, "2:33: steps[1].echo.bytes is 19; want 20 to 65535"},
		{"message too long for pion", "name: x\nsteps: [connect, {echo: {bytes: 65536}}]" + end, "2:33: steps[1].echo.bytes is 65536; want 20 to 65535"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte(tt.yaml))
			if err == nil {
				t.Fatalf("taken as %+v", s)
			}
			if diff := cmp.Diff("x.yaml:"+tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
