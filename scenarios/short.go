package scenarios

import (
	"encoding/json"
	"fmt"
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
	case "kill":
		return "kill does not say what; write kill: " + KillTurn
	case "wait":
		return "wait does not say how long; write for example wait: 4s"
	default:
		return fmt.Sprintf("unknown step %s; %s", quote(word), suggest(word, stepKinds()))
	}
	return ""
}

func (*Step) forms() string { return "for example connect, or echo: {messages: 100}" }

// MarshalJSON writes "off", or the transports.
func (t Turn) MarshalJSON() ([]byte, error) {
	if t.Off {
		return json.Marshal(turnOff)
	}
	type mapping Turn
	return json.Marshal(mapping(t))
}
