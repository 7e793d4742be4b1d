package nat

import (
	"strings"
	"testing"
)

// The outcomes of a matrix, one letter each.
const legend = `D direct/
u relay/udp
t relay/tcp
l relay/tls
T relay-both/tcp
X relay-both/tcp+tls
L relay-both/tls
. none/`

func letters() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(legend) {
		letter, outcome, _ := strings.Cut(strings.TrimSpace(line), " ")
		m[outcome] = letter
	}
	return m
}

// Columns are in the order of the rows. With TURN over UDP and TCP this is the
// matrix that was measured on real packets, with two rows more: a stateful
// firewall is a port-restricted NAT without addresses of its own, and
// symmetric-preserving is symmetric, because in this lab a port that is taken is
// taken for the same inside host too.
func TestTheMatrixIsWhatWasMeasured(t *testing.T) {
	tests := []struct {
		turn []string
		want string
	}{
		{[]string{UDP, TCP, TLS}, `
			open                 D D D D D D D D D t l
			stateful-firewall    D D D D D u u u D t l
			full-cone            D D D D D D D D D t l
			address-restricted   D D D D D D D D D t l
			port-restricted      D D D D D u u u D t l
			address-dependent    D u D D u u u u u t l
			symmetric            D u D D u u u u u t l
			symmetric-preserving D u D D u u u u u t l
			cgnat                D D D D D u u u D t l
			udp-blocked          t t t t t t t t t T X
			tls-443-only         l l l l l l l l l X L`},
		{[]string{UDP}, `
			open                 D D D D D D D D D . .
			stateful-firewall    D D D D D u u u D . .
			full-cone            D D D D D D D D D . .
			address-restricted   D D D D D D D D D . .
			port-restricted      D D D D D u u u D . .
			address-dependent    D u D D u u u u u . .
			symmetric            D u D D u u u u u . .
			symmetric-preserving D u D D u u u u u . .
			cgnat                D D D D D u u u D . .
			udp-blocked          . . . . . . . . . . .
			tls-443-only         . . . . . . . . . . .`},
		{[]string{TCP}, `
			open                 D D D D D D D D D t .
			stateful-firewall    D D D D D t t t D t .
			full-cone            D D D D D D D D D t .
			address-restricted   D D D D D D D D D t .
			port-restricted      D D D D D t t t D t .
			address-dependent    D t D D t t t t t t .
			symmetric            D t D D t t t t t t .
			symmetric-preserving D t D D t t t t t t .
			cgnat                D D D D D t t t D t .
			udp-blocked          t t t t t t t t t T .
			tls-443-only         . . . . . . . . . . .`},
		{[]string{TLS}, `
			open                 D D D D D D D D D l l
			stateful-firewall    D D D D D l l l D l l
			full-cone            D D D D D D D D D l l
			address-restricted   D D D D D D D D D l l
			port-restricted      D D D D D l l l D l l
			address-dependent    D l D D l l l l l l l
			symmetric            D l D D l l l l l l l
			symmetric-preserving D l D D l l l l l l l
			cgnat                D D D D D l l l D l l
			udp-blocked          l l l l l l l l l L L
			tls-443-only         l l l l l l l l l L L`},
		{nil, `
			open                 D D D D D D D D D . .
			stateful-firewall    D D D D D . . . D . .
			full-cone            D D D D D D D D D . .
			address-restricted   D D D D D D D D D . .
			port-restricted      D D D D D . . . D . .
			address-dependent    D . D D . . . . . . .
			symmetric            D . D D . . . . . . .
			symmetric-preserving D . D D . . . . . . .
			cgnat                D D D D D . . . D . .
			udp-blocked          . . . . . . . . . . .
			tls-443-only         . . . . . . . . . . .`},
	}
	letter := letters()
	for _, test := range tests {
		name := "TURN over " + strings.Join(test.turn, " ")
		if test.turn == nil {
			name = "no TURN"
		}
		t.Run(name, func(t *testing.T) {
			rows := strings.Split(strings.TrimSpace(test.want), "\n")
			if len(rows) != len(Conditions()) {
				t.Fatalf("%d rows for %d conditions", len(rows), len(Conditions()))
			}
			for i, caller := range Conditions() {
				row := strings.Fields(rows[i])
				if row[0] != caller.Name || len(row) != len(rows)+1 {
					t.Fatalf("row %q, want %s", rows[i], caller.Name)
				}
				for j, callee := range Conditions() {
					p := Predict(caller, callee, Options{TURN: test.turn})
					if got := letter[string(p.Path)+"/"+p.Transport]; got != row[j+1] {
						t.Errorf("%s × %s: %s, want %s (%s/%s, %s)", caller.Name, callee.Name, got, row[j+1], p.Path, p.Transport, p.Reason)
					}
				}
			}
		})
	}
}

func behind(m Mapping, f Filtering, hairpin bool) Condition {
	return Condition{NAT: &Behavior{Mapping: m, Filtering: f, Ports: Random, Hairpin: hairpin}}
}

func carrier(m Mapping, f Filtering, hairpin bool) *Behavior { return behind(m, f, hairpin).NAT }

func named(t testing.TB, name string) Condition {
	t.Helper()
	for _, c := range Conditions() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no condition %q", name)
	return Condition{}
}

func TestOneCellAtATime(t *testing.T) {
	all := []string{UDP, TCP, TLS}
	var (
		open, firewalled = named(t, "open"), named(t, "stateful-firewall")
		pr, sy           = named(t, "port-restricted"), named(t, "symmetric")
		ar, fc           = named(t, "address-restricted"), named(t, "full-cone")
		ub, t4           = named(t, "udp-blocked"), named(t, "tls-443-only")
		strictly         = Condition{NAT: pr.NAT, Carrier: sy.NAT}
	)
	tests := []struct {
		name           string
		caller, callee Condition
		o              Options
		want           string
		because        string
	}{
		// Same LAN.
		{"one LAN behind a symmetric NAT", sy, sy, Options{SameLAN: true}, "direct/", "on one LAN"},
		{"one LAN behind a NAT that hairpins", behind(EIM, EIF, true), Condition{}, Options{SameLAN: true}, "direct/", "on one LAN"},
		{"one LAN without UDP to the outside", ub, ub, Options{SameLAN: true}, "direct/", "on one LAN"},
		{"the callee's condition does not matter on the caller's LAN", pr, ub, Options{SameLAN: true}, "direct/", "on one LAN"},
		{"srflx only on one LAN, hairpin", behind(EIM, APDF, true), Condition{},
			Options{SameLAN: true, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}}, "direct/", "hairpins"},
		{"srflx only on one LAN, no hairpin", pr, pr,
			Options{SameLAN: true, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}}, "none/", "does not hairpin"},
		{"srflx and relay on one LAN, no hairpin", pr, pr,
			Options{SameLAN: true, TURN: all, CallerCandidates: []string{Srflx, Relay}, CalleeCandidates: []string{Srflx, Relay}}, "relay/udp", "does not hairpin"},
		{"srflx only on one LAN, hairpin through a symmetric NAT", behind(APDM, APDF, true), Condition{},
			Options{SameLAN: true, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}}, "none/", "map per destination (APDM)"},

		// Shared carrier.
		{"one carrier that hairpins", pr, pr, Options{SharedCarrier: carrier(EIM, EIF, true), TURN: all}, "direct/", "hairpins"},
		{"one carrier that does not", pr, pr, Options{SharedCarrier: carrier(EIM, EIF, false), TURN: all}, "relay/udp", "does not hairpin"},
		{"one carrier that does not, without TURN", pr, pr, Options{SharedCarrier: carrier(EIM, EIF, false)}, "none/", "does not hairpin"},
		{"one symmetric carrier that hairpins", pr, pr, Options{SharedCarrier: carrier(APDM, APDF, true), TURN: all}, "relay/udp", "map per destination (APDM)"},
		{"symmetric and port-restricted homes below one carrier", sy, pr, Options{SharedCarrier: carrier(EIM, EIF, true), TURN: all}, "relay/udp", "the caller maps per destination"},
		{"routed homes meet inside their carrier", open, open, Options{SharedCarrier: carrier(APDM, APDF, false)}, "direct/", "routed"},
		{"the shared carrier replaces one that would not let through", strictly, strictly, Options{SharedCarrier: carrier(EIM, EIF, true)}, "direct/", "hairpins"},

		// Candidate types.
		{"relay only on both sides", pr, pr, Options{TURN: []string{UDP}, CallerCandidates: []string{Relay}, CalleeCandidates: []string{Relay}}, "relay-both/udp", "both peers may use relay candidates only"},
		// The caller's relay gets no permission for the callee's own address,
		// because the caller ignores the candidate that would tell it.
		{"relay only on one side", pr, open, Options{TURN: []string{UDP}, CallerCandidates: []string{Relay}}, "relay-both/udp", "the caller may use relay candidates only"},
		{"host only behind two NATs", fc, fc, Options{TURN: all, CallerCandidates: []string{Host}, CalleeCandidates: []string{Host}}, "none/", "private"},
		{"host only, one side routed", sy, open, Options{CallerCandidates: []string{Host}, CalleeCandidates: []string{Host}}, "direct/", "the callee has a routed address"},
		{"host only, one side routed behind a firewall", fc, firewalled, Options{CallerCandidates: []string{Host}, CalleeCandidates: []string{Host}}, "none/", "cannot learn the address of the caller"},
		{"srflx only through two cones", pr, pr, Options{CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}}, "direct/", "EIM"},
		{"srflx against relay", pr, pr, Options{TURN: all, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Relay}}, "none/", "may use relay candidates only"},
		{"host against srflx", open, open, Options{CallerCandidates: []string{Host}, CalleeCandidates: []string{Srflx}}, "none/", "no candidate type in common"},
		{"nothing allowed", open, open, Options{CallerCandidates: []string{}}, "none/", "no candidate type in common"},
		// The callee's filter knows the STUN server's address, which is also the
		// relay's; so the relay's check gets in though the callee was not told of it.
		{"a relay has the STUN server's address, which ADF lets in", ar, sy,
			Options{TURN: all, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx, Relay}}, "direct/", "whatever the port"},
		{"the same where direct cannot be", behind(APDM, ADF, false), sy,
			Options{TURN: all, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx, Relay}}, "relay/udp", "map per destination"},
		{"and where the filter looks at the port", behind(APDM, APDF, false), sy,
			Options{TURN: all, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx, Relay}}, "none/", "the caller may not use relay"},

		// TURN.
		{"only the callee may relay", sy, sy, Options{TURN: []string{UDP}, CalleeCandidates: []string{Srflx, Relay}}, "relay/udp", "map per destination"},
		{"the callee's relay is beyond a caller without UDP", ub, pr, Options{TURN: []string{UDP}}, "none/", "out of reach for the caller"},
		{"TLS where TCP goes to 443 only", t4, pr, Options{TURN: all}, "relay/tls", "no UDP passes the caller's firewall"},
		{"the server is dead", pr, pr, Options{NoServer: true, TURN: all}, "none/", "private"},
		{"the server is dead, srflx only", pr, pr, Options{NoServer: true, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}}, "none/", "no STUN server"},
		{"the server is dead and nobody misses it", open, pr, Options{NoServer: true, TURN: all}, "direct/", "routed"},

		// Same prefix.
		{"one prefix on two LANs does not keep srflx apart", pr, pr, Options{SamePrefix: true}, "direct/", "EIM"},
		{"one prefix on two LANs, host only", pr, pr, Options{SamePrefix: true, CallerCandidates: []string{Host}, CalleeCandidates: []string{Host}}, "none/", "never leaves"},
		// The callee answers the check that came from its own prefix on its LAN.
		{"a routed LAN with the prefix of a private one", open, fc, Options{SamePrefix: true, TURN: all}, "relay/udp", ""},

		// Filters belong to a mapping.
		{"a NAT that lets everyone in at the mapping STUN saw, and answers from another", behind(APDM, EIF, false), pr, Options{}, "none/", "the caller maps per destination"},
		{"one that lets in only who that mapping was used for", behind(APDM, ADF, false), pr, Options{}, "none/", "the caller maps per destination"},

		// Two that map per destination.
		{"everyone is let in, and every answer is a stranger", behind(APDM, EIF, false), behind(APDM, EIF, false), Options{}, "none/", "every answer comes from another port"},
		{"one answers from a port that lasts", behind(APDM, EIF, false), behind(ADM, ADF, false), Options{}, "direct/", "ADM mapping of the callee stays"},
		{"both do", behind(ADM, EIF, false), behind(ADM, EIF, false), Options{}, "direct/", "ADM mapping of both peers stays"},
		{"that port is the third to be learnt", behind(ADM, EIF, false), behind(APDM, ADF, false), Options{}, "direct/", "ADM mapping of the caller stays"},
		{"it lasts, but nobody is let in to learn it", behind(ADM, ADF, false), behind(ADM, ADF, false), Options{}, "none/", "both sides map per destination (ADM)"},
		{"it lasts, but the other asks for the one STUN saw", behind(ADM, EIF, false), behind(APDM, APDF, false), Options{}, "none/", "both sides map per destination (ADM and APDM)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := Predict(test.caller, test.callee, test.o)
			if got := string(p.Path) + "/" + p.Transport; got != test.want {
				t.Errorf("%s, want %s: %s", got, test.want, p.Reason)
			}
			if !strings.HasPrefix(p.Reason, string(p.Path)+": ") || !strings.Contains(p.Reason, test.because) {
				t.Errorf("reason %q lacks %q", p.Reason, test.because)
			}
		})
	}
}

func BenchmarkMatrix(b *testing.B) {
	conditions := Conditions()
	for b.Loop() {
		for _, caller := range conditions {
			for _, callee := range conditions {
				Predict(caller, callee, Options{TURN: []string{UDP, TCP, TLS}})
			}
		}
	}
}
