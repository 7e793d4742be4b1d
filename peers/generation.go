package peers

import "strings"

// Every restart of ICE begins a new generation of candidates, with a username
// fragment of its own on either side (RFC 8445 section 9). By it a candidate that
// comes late, or early, is told apart.

// ufragOf is the username fragment of a description (RFC 8839 section 5.4), or
// empty.
func ufragOf(sdp string) string {
	for line := range strings.Lines(sdp) {
		if ufrag, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok {
			return strings.TrimSpace(ufrag)
		}
	}
	return ""
}

// candidateUfrag is the username fragment in a candidate's line, where pion and
// browsers put it as an extension (RFC 8839 section 5.1), or empty.
func candidateUfrag(line string) string {
	const fixed = 8 // fields up to the type, which name and value follow
	fields := strings.Fields(line)
	for i := fixed; i+1 < len(fields); i += 2 {
		if fields[i] == "ufrag" {
			return fields[i+1]
		}
	}
	return ""
}
