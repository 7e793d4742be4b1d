package diagnose

import "slices"

// Cause is one reason why a connection fails, or is worse than it could be.
type Cause struct {
	// Code is the letter of the family and a number: "A1". It never changes.
	Code string `json:"code"`
	// Name is the code in words, as reports and scenarios have it:
	// "AUTH_BAD_PASSWORD".
	Name string `json:"name"`
	// Title says it in one short plain sentence, without a full stop.
	Title string `json:"title"`
	// Looks is what can be seen, and where.
	Looks Looks `json:"looks"`
	// Answers is set where servers answer the same fault differently.
	Answers *Answers `json:"answers,omitempty"`
	// Remedy is what ends it.
	Remedy Remedy `json:"remedy"`
	// Sources are sections of standards ("RFC 8489 section 9.2.5"), public reports
	// ("coturn/coturn#1573") and source files ("libwebrtc: p2p/base/turn_port.cc").
	Sources []string `json:"sources"`
	// Related are the codes of causes that look alike or come together.
	Related []string `json:"related,omitempty"`
}

// Looks is what a cause looks like from three places.
type Looks struct {
	// Wire is what a capture of the packets shows.
	Wire string `json:"wire"`
	// ICE is what the browser or the ICE library says: candidates, pairs, events.
	ICE string `json:"ice"`
	// Server is what the TURN server, or the other host concerned, sees and logs.
	Server string `json:"server"`
}

// Answers are those of servers to the same fault.
type Answers struct {
	Standard string `json:"standard"`
	Coturn   string `json:"coturn"`
	Pion     string `json:"pion"`
}

// Remedy is who has to do what.
type Remedy struct {
	Owner Owner  `json:"owner"`
	Do    string `json:"do"`
}

// Owner is who can remedy a cause.
type Owner string

// The owners.
const (
	ClientNetwork Owner = "client network"
	Operator      Owner = "TURN operator"
	Application   Owner = "application"
)

// Family is the causes of one stage of a connection.
type Family struct {
	Letter string  `json:"letter"`
	Title  string  `json:"title"`
	About  string  `json:"about"`
	Causes []Cause `json:"causes"`
}

// Families returns the catalogue in the order in which a connection is made:
// the first stage that fails is most often the cause.
func Families() []Family {
	return []Family{
		{"A", "Configuration and credentials", "What the application gives ICE before a packet is sent, and what the server makes of it.", config},
		{"B", "Reaching the TURN server", "Names, ports, TLS and what stands between the client and the server.", reach},
		{"C", "Allocation", "The server is reached and knows the user, but gives no relayed address.", allocate},
		{"D", "Relay", "There is a relay candidate, but nothing comes through it, or not for long.", relay},
		{"E", "Signalling and ICE", "Candidates are lost on the way, or the machinery of ICE chooses worse than it could.", ice},
		{"F", "NATs and the path", "What the networks between the peers do to packets.", path},
		{"G", "The TURN service", "The relay carries the call, but badly, or does not survive.", service},
	}
}

// Causes returns the whole catalogue in the order of its codes.
func Causes() []Cause {
	var all []Cause
	for _, f := range Families() {
		all = append(all, f.Causes...)
	}
	return slices.Clip(all)
}
