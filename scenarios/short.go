package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
)

// The short forms: a word where a mapping could be.

// turnOff is the short form of a Turn without transports.
const turnOff = "off"

func (p *Peer) fromWord(word string) string {
	p.Condition = word
	return ""
}

func (*Peer) forms() string { return "a condition, or {condition: symmetric, candidates: [relay]}" }

func (t *Turn) fromWord(word string) string {
	if word != turnOff {
		return fmt.Sprintf("turn is %s; write %s", quote(word), t.forms())
	}
	t.Off = true
	return ""
}

func (*Turn) forms() string { return "off, or {transports: [udp, tcp]}" }

func (s *Step) fromWord(word string) string {
	switch word {
	case "connect":
		s.Connect = newConnect()
	case "echo":
		s.Echo = newEcho()
	case "no-echo":
		s.NoEcho = newNoEcho()
	case "restart-ice":
		s.RestartICE = newRestartICE()
	case "kill", "start":
		return fmt.Sprintf("%s does not say what; write %s: %s", word, word, KillTurn)
	case "filter":
		return "filter does not say where; write for example filter: {at: caller, protocol: udp}"
	case "wait":
		return "wait does not say how long; write for example wait: 4s"
	default:
		if slices.Contains(stepKinds(), word) {
			return fmt.Sprintf("%s does not say whose; write %s: caller, or %s: callee", word, word, word)
		}
		return fmt.Sprintf("unknown step %s; %s", quote(word), suggest(word, stepKinds()))
	}
	return ""
}

func (*Step) forms() string { return "for example connect, or echo: {messages: 100}" }

// The word of a step that happens to one side is that side.

func (e *Event) fromWord(word string) string  { e.Side = word; return "" }
func (c *Cut) fromWord(word string) string    { c.Side = word; return "" }
func (r *Reboot) fromWord(word string) string { r.Side = word; return "" }
func (m *Move) fromWord(word string) string   { m.Side = word; return "" }

func (*Event) forms() string  { return "a side, or {side: caller, within: 5s}" }
func (*Cut) forms() string    { return "a side, or {side: caller, protocol: udp}" }
func (*Reboot) forms() string { return "a side, or {side: caller, down: 500ms}" }
func (*Move) forms() string   { return "a side, or {side: caller, to: symmetric}" }

// MarshalJSON writes "off", or the transports.
func (t Turn) MarshalJSON() ([]byte, error) {
	if t.Off {
		return json.Marshal(turnOff)
	}
	type mapping Turn
	return json.Marshal(mapping(t))
}
