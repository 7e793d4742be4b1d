package scenarios

import "github.com/invopop/jsonschema"

func (Faults) JSONSchemaExtend(s *jsonschema.Schema) {
	for _, key := range []string{"filters", "signalling"} {
		atLeastOne(property(s, key), false)
	}
	property(s, "dns").Enum = anys(dnsFaults())
}

func (TurnFaults) JSONSchemaExtend(s *jsonschema.Schema) {
	oneOf(property(s, "listen"), listenable())
	limit(property(s, "quota"), 1, 1000)
	atLeastOne(property(s, "deny-peers"), false)
	property(s, "certificate").Enum = anys(certificates())
	property(s, "tls-max").Enum = anys(tlsVersions())
}

func (DropAnswers) JSONSchemaExtend(s *jsonschema.Schema) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		limit(p.Value, 1, maxEvery)
	}
}

func (PeerFaults) JSONSchemaExtend(s *jsonschema.Schema) { atLeastOne(property(s, "urls"), false) }

func (SignallingFault) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "from").Enum = anys(senders())
	oneOf(property(s, "drop"), droppable())
	oneOf(property(s, "delayed"), candidateTypes())
	limit(property(s, "every"), 2, maxEvery)
	property(s, "ufrag").Pattern = `^` + ufragPattern + `$`
	property(s, "password").Pattern = `^` + passwordPattern + `$`
}

func (Filter) JSONSchemaExtend(s *jsonschema.Schema) {
	property(s, "at").Enum = anys(places())
	property(s, "direction").Enum = anys(directions())
	property(s, "protocol").Enum = anys(filterProtocols())
	oneOf(property(s, "stun"), stunMethods())
	limit(property(s, "larger-than"), 28, 65534)
	property(s, "far").Enum = anys(farEnds())
	limit(property(s, "every"), 2, maxEvery)
}

// oneOf makes a list one of some of the words.
func oneOf(list *jsonschema.Schema, names []string) {
	list.Items.Enum = anys(names)
	atLeastOne(list, true)
}
