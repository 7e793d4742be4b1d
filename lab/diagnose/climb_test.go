package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/ladder"
)

var (
	probed    = netip.MustParseAddrPort("203.0.113.10:3478")
	neighbour = netip.MustParseAddrPort("203.0.113.10:3479")
	stranger  = netip.MustParseAddrPort("198.51.100.7:3478")
	began     = time.Unix(1_700_000_000, 0)
)

var climbOrder = []ladder.Stage{
	ladder.Setup, ladder.DNS, ladder.Transport, ladder.TLS, ladder.Binding,
	ladder.Challenge, ladder.Allocate, ladder.Permission, ladder.Relay,
}

// until is a climb that fails at one rung, as that says; with none it gets to the top.
func until(url string, failed ladder.Rung, more ...func(*ladder.Climb)) ladder.Climb {
	c := ladder.Climb{URL: url, Transport: "udp", Server: probed, Username: "alice"}
	switch {
	case strings.HasPrefix(url, "turns"):
		c.Transport = "tls"
	case strings.HasSuffix(url, "tcp"):
		c.Transport = "tcp"
	}
	outcome := ladder.OK
	for _, s := range climbOrder {
		r := ladder.Rung{Stage: s, Outcome: outcome}
		if s == failed.Stage {
			r = failed
			r.Outcome, outcome = ladder.Failed, ladder.Skipped
		}
		c.Rungs = append(c.Rungs, r)
	}
	for _, change := range more {
		change(&c)
	}
	return c
}

const (
	udpURL = "turn:203.0.113.10?transport=udp"
	tcpURL = "turn:203.0.113.10?transport=tcp"
	tlsURL = "turns:203.0.113.10"
)

func silentAt(s ladder.Stage) ladder.Rung { return ladder.Rung{Stage: s, Fault: ladder.Silent} }

func refusedAt(s ladder.Stage, code int) ladder.Rung {
	return ladder.Rung{Stage: s, Fault: ladder.ErrorCode, Code: code}
}

func tried(name string, to netip.AddrPort, fault ladder.Fault) ladder.Control {
	k := ladder.Control{Name: name, To: to, Outcome: ladder.OK}
	if fault != "" {
		k.Outcome, k.Fault = ladder.Failed, fault
	}
	return k
}

// surely are the causes, those that are no surer than silence with a question mark.
func surely(list []Finding) (codes []string) {
	for _, f := range list {
		code := f.Cause
		if f.Confidence <= SureSilent {
			code += "?"
		}
		codes = append(codes, code)
	}
	return codes
}

func TestAnAnswerIsTakenAtItsWord(t *testing.T) {
	certificate := func(notAfter time.Time) func(*ladder.Climb) {
		return func(c *ladder.Climb) { c.Certificate = &ladder.Certificate{NotAfter: notAfter} }
	}
	user := func(name string) func(*ladder.Climb) { return func(c *ladder.Climb) { c.Username = name } }
	relayed := func(a string, echoes ...ladder.Echo) func(*ladder.Climb) {
		return func(c *ladder.Climb) {
			c.Relayed = netip.AddrPortFrom(netip.MustParseAddr(a), 50000)
			c.Echoes = echoes
		}
	}
	for name, row := range map[string]struct {
		climb ladder.Climb
		want  string
	}{
		"all is well":                      {until(udpURL, ladder.Rung{}), ""},
		"a bad URL":                        {until(udpURL, ladder.Rung{Stage: ladder.Setup, Fault: ladder.BadURL}), "A7"},
		"no credentials":                   {until(udpURL, ladder.Rung{Stage: ladder.Setup, Fault: ladder.NoCredentials}), "A6"},
		"no such name":                     {until(udpURL, ladder.Rung{Stage: ladder.DNS, Fault: ladder.NameUnknown}), "B1"},
		"a silent resolver":                {until(udpURL, ladder.Rung{Stage: ladder.DNS, Fault: ladder.NameSilent}), "B1"},
		"a resolver that fails":            {until(udpURL, ladder.Rung{Stage: ladder.DNS, Fault: ladder.NameFailed}), "B1"},
		"another family":                   {until(udpURL, ladder.Rung{Stage: ladder.DNS, Fault: ladder.NameFamily}), "B2"},
		"ICMP port unreachable":            {until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused}), "B5"},
		"a reset":                          {until(tcpURL, ladder.Rung{Stage: ladder.Transport, Fault: ladder.Refused}), "B5"},
		"an unknown authority":             {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateUnknown}, certificate(began.Add(time.Hour))), "B8"},
		"which has expired too":            {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateUnknown}, certificate(began.Add(-time.Hour))), "B8 B10"},
		"another name":                     {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateName}), "B9"},
		"an old certificate":               {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateExpired}), "B10"},
		"a certificate of tomorrow":        {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateNotValid}), "B8"},
		"an old version":                   {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.TLSVersion, Alert: 70}), "B12"},
		"no common cipher":                 {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.TLSFailed, Alert: 40}), "B12"},
		"a name that the front lacks":      {until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.TLSFailed, Alert: 112}), "B11"},
		"a web server":                     {until(tlsURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.NotSTUN}), "B11"},
		"a password for Binding":           {until(udpURL, refusedAt(ladder.Binding, 401)), "A14"},
		"a challenge without realm":        {until(udpURL, ladder.Rung{Stage: ladder.Challenge, Fault: ladder.NoRealm, Code: 401}), "A5"},
		"a server without TURN":            {until(udpURL, refusedAt(ladder.Challenge, 400)), "A13"},
		"a redirection":                    {until(udpURL, refusedAt(ladder.Challenge, 300)), "B21"},
		"a server that is drained":         {until(udpURL, refusedAt(ladder.Challenge, 403)), "C11"},
		"credentials refused by coturn":    {until(udpURL, refusedAt(ladder.Allocate, 401)), "A1"},
		"credentials refused by pion":      {until(udpURL, refusedAt(ladder.Allocate, 400)), "A1"},
		"whose time is over":               {until(udpURL, refusedAt(ladder.Allocate, 401), user("1699999999:alice")), "A3"},
		"whose time is over, without name": {until(udpURL, refusedAt(ladder.Allocate, 400), user("1699999999")), "A3"},
		"whose time has not come to end":   {until(udpURL, refusedAt(ladder.Allocate, 401), user("1700090000:alice")), "A1"},
		"a name of digits":                 {until(udpURL, refusedAt(ladder.Allocate, 401), user("4711")), "A1"},
		"another realm":                    {until(udpURL, refusedAt(ladder.Allocate, 441)), "A5"},
		"a quota":                          {until(udpURL, refusedAt(ladder.Allocate, 486)), "C1"},
		"no port":                          {until(udpURL, refusedAt(ladder.Allocate, 508)), "C2"},
		"no port, after long":              {until(udpURL, ladder.Rung{Stage: ladder.Allocate, Fault: ladder.ErrorCode, Code: 508, MS: 3000}), "C3"},
		"an old allocation":                {until(udpURL, refusedAt(ladder.Allocate, 437)), "C4"},
		"nonce after nonce":                {until(udpURL, ladder.Rung{Stage: ladder.Allocate, Fault: ladder.NonceLoop, Code: 438}), "C5"},
		"no such transport":                {until(udpURL, refusedAt(ladder.Allocate, 442)), "C7"},
		"no such family":                   {until(udpURL, refusedAt(ladder.Allocate, 440)), "C8"},
		"an unknown attribute":             {until(udpURL, refusedAt(ladder.Allocate, 420)), "C9"},
		"a peer forbidden":                 {until(udpURL, refusedAt(ladder.Permission, 403)), "D4"},
		"the same by turn/v4":              {until(udpURL, refusedAt(ladder.Permission, 0)), "D4"},
		"a peer of another family":         {until(udpURL, refusedAt(ladder.Permission, 443)), "D6"},
		"a wrong address":                  {until(udpURL, ladder.Rung{Stage: ladder.Relay, Fault: ladder.RelayElsewhere}, relayed("172.31.9.9")), "D1"},
		"a deaf relay":                     {until(udpURL, ladder.Rung{Stage: ladder.Relay, Fault: ladder.RelayDeaf}, relayed("203.0.113.10")), "D2"},
		"a deaf relay elsewhere":           {until(udpURL, ladder.Rung{Stage: ladder.Relay, Fault: ladder.RelayDeaf}, relayed("198.51.100.7")), "D1?"},
		"a relay port that refuses": {until(udpURL, ladder.Rung{Stage: ladder.Relay, Fault: ladder.RelayDeaf},
			relayed("203.0.113.10", ladder.Echo{Way: ladder.EchoSocket, Outcome: ladder.Failed, Fault: ladder.Refused})), "D3"},
		"a relay that reaches all but itself": {until(udpURL, ladder.Rung{}, relayed("203.0.113.10",
			ladder.Echo{Way: ladder.EchoSocket, Outcome: ladder.OK}, ladder.Echo{Way: ladder.EchoRelay, Outcome: ladder.Failed})), "D7"},
	} {
		t.Run(name, func(t *testing.T) {
			got := FromLadder(ladder.Result{Began: began, Climbs: []ladder.Climb{row.climb}})
			if have := strings.Join(surely(got), " "); have != row.want {
				t.Errorf("%s, want %s: %+v", have, row.want, got)
			}
			complete(t, got)
		})
	}
}

// complete wants findings that the catalogue has, with evidence, and sound numbers.
func complete(t *testing.T, list []Finding) {
	t.Helper()
	for _, f := range list {
		codes := []string{f.Cause}
		for _, a := range f.Alternatives {
			codes = append(codes, a.Cause)
			if a.Confidence >= f.Confidence || a.Next == "" || a.Cause == f.Cause {
				t.Errorf("alternative %+v to %s", a, f.Cause)
			}
		}
		for _, code := range codes {
			if _, ok := Find(code); !ok {
				t.Errorf("there is no cause %s", code)
			}
		}
		if len(f.Evidence) == 0 || f.Where == "" || f.Confidence <= 0 || f.Confidence > SureBoth {
			t.Errorf("%+v", f)
		}
		if f.Confidence <= SureSilent && len(f.Alternatives) == 0 {
			t.Errorf("%s rests on silence alone, and has no alternative", f.Cause)
		}
	}
}

// The rows are the table of what tells causes of silence apart.
func TestSilenceIsToldApartByWhatIsAnsweredBesideIt(t *testing.T) {
	udp := until(udpURL, silentAt(ladder.Binding))
	overTCP := until(tcpURL, silentAt(ladder.Transport))
	web := netip.AddrPortFrom(probed.Addr(), 443)
	resolver := netip.MustParseAddrPort("198.51.100.53:53")
	const no = ladder.Silent
	for name, row := range map[string]struct {
		climbs   []ladder.Climb
		controls []ladder.Control
		want     string
	}{
		"nothing was tried": {[]ladder.Climb{udp}, nil, "B6?"},
		"UDP is lost everywhere, TCP passes": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, no), tried(ladder.ControlRandomUDP, resolver, no)}, "B3"},
		"UDP is lost to another host": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, no)}, "B3"},
		"UDP is lost, and only this host was tried": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, no)}, "B3?"},
		"UDP of this host is lost, another host's passes": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, no), tried(ladder.ControlOtherPort, stranger, "")}, "B6"},
		"only TCP was tried": {[]ladder.Climb{udp}, []ladder.Control{tried(ladder.ControlTCP, probed, "")}, "B3?"},
		"another port is answered": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, "")}, "B4"},
		"another port refuses": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, ladder.Refused), tried(ladder.ControlOtherPort, stranger, no)}, "B4"},
		"TCP is refused there, and other UDP ports too": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ladder.Refused), tried(ladder.ControlOtherPort, neighbour, ladder.Refused)}, "B4?"},
		"TCP is refused there, and another UDP port answered": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ladder.Refused), tried(ladder.ControlOtherPort, neighbour, "")}, "B4"},
		"UDP is refused by every host, TCP passes": {[]ladder.Climb{until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused})}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, ladder.Refused)}, "B3"},
		"UDP is refused here, and lost to another host": {[]ladder.Climb{until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused})}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, no)}, "B3"},
		"UDP is refused by this host's ports": {[]ladder.Climb{until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused})}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, ladder.Refused)}, "B5"},
		"UDP is refused by two hosts, one has DNS": {[]ladder.Climb{until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused})}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, ladder.Refused), tried(ladder.ControlRandomUDP, resolver, "")}, "B5"},
		"the port is refused when asked once more": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlBinding, probed, ladder.Refused), tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, neighbour, ladder.Refused)}, "B5"},
		"TCP is refused, and no UDP answered": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ladder.Refused), tried(ladder.ControlOtherPort, stranger, no)}, "B3?"},
		"STUN is lost, other UDP is not": {[]ladder.Climb{udp}, []ladder.Control{
			tried(ladder.ControlTCP, probed, ""), tried(ladder.ControlOtherPort, stranger, no), tried(ladder.ControlRandomUDP, resolver, "")}, "B15"},
		"this host is dead, another is not": {[]ladder.Climb{udp, overTCP}, []ladder.Control{
			tried(ladder.ControlTCP, probed, no), tried(ladder.ControlTLS, web, no), tried(ladder.ControlOtherPort, stranger, "")}, "B6"},
		"nothing is answered at all": {[]ladder.Climb{udp, overTCP}, []ladder.Control{
			tried(ladder.ControlTCP, probed, no), tried(ladder.ControlTLS, web, no), tried(ladder.ControlOtherPort, stranger, no), tried(ladder.ControlRandomUDP, resolver, no)}, "B6?"},
		"port 443 alone": {[]ladder.Climb{udp, overTCP}, []ladder.Control{
			tried(ladder.ControlTCP, probed, no), tried(ladder.ControlTLS, web, ""), tried(ladder.ControlOtherPort, stranger, no)}, "B7"},
		"Binding passes, Allocate does not": {[]ladder.Climb{until(udpURL, silentAt(ladder.Challenge)), until(tcpURL, ladder.Rung{})}, nil, "B20"},
		"Allocate is never answered":        {[]ladder.Climb{until(udpURL, silentAt(ladder.Challenge)), until(tcpURL, silentAt(ladder.Challenge))}, nil, "A13"},
		"Allocate over UDP, and no other":   {[]ladder.Climb{until(udpURL, silentAt(ladder.Challenge))}, nil, "B20?"},
		"TCP is lost, UDP is answered": {[]ladder.Climb{until(udpURL, ladder.Rung{}), overTCP}, []ladder.Control{
			tried(ladder.ControlBinding, probed, ""), tried(ladder.ControlTLS, web, no)}, "B6"},
		"a permission is never answered":  {[]ladder.Climb{until(udpURL, silentAt(ladder.Permission))}, nil, "D9?"},
		"an allocation is never answered": {[]ladder.Climb{until(udpURL, silentAt(ladder.Allocate))}, nil, "C12?"},
	} {
		t.Run(name, func(t *testing.T) {
			got := FromLadder(ladder.Result{Began: began, Climbs: row.climbs, Controls: row.controls})
			if have := strings.Join(surely(got), " "); have != row.want {
				t.Errorf("%s, want %s: %+v", have, row.want, got)
			}
			complete(t, got)
		})
	}
}

func TestWhatThisHostsFirewallForbidsIsObserved(t *testing.T) {
	forbidden := until(udpURL, ladder.Rung{Stage: ladder.Binding, Fault: ladder.Forbidden, Detail: "this host's own firewall forbids it"})
	got := FromLadder(ladder.Result{Climbs: []ladder.Climb{forbidden}, Controls: []ladder.Control{tried(ladder.ControlTCP, probed, "")}})
	if len(got) != 1 || got[0].Cause != "B3" || got[0].Confidence != SureObserved || got[0].Where != "this host's firewall" || len(got[0].Alternatives) > 0 {
		t.Errorf("%+v", got)
	}
	elsewhere := FromLadder(ladder.Result{Climbs: []ladder.Climb{forbidden}, Controls: []ladder.Control{tried(ladder.ControlOtherPort, neighbour, "")}})
	if len(elsewhere) != 1 || elsewhere[0].Cause != "B4" || elsewhere[0].Where != "this host's firewall" {
		t.Errorf("where another port passes: %+v", elsewhere)
	}
}

func TestARemedyFitsThePort(t *testing.T) {
	for name, row := range map[string]struct {
		controls []ladder.Control
		says     string
	}{
		"nothing there":  {nil, "5555/udp"},
		"TCP is there":   {[]ladder.Control{tried(ladder.ControlTCP, netip.MustParseAddrPort("203.0.113.10:5555"), "")}, "?transport=tcp"},
		"UDP gets there": {[]ladder.Control{tried(ladder.ControlRandomUDP, stranger, "")}, "5555/udp"},
	} {
		c := until("turn:203.0.113.10:5555", ladder.Rung{Stage: ladder.Binding, Fault: ladder.Refused})
		c.Server = netip.MustParseAddrPort("203.0.113.10:5555")
		v := ExplainLadder(ladder.Result{Climbs: []ladder.Climb{c}, Controls: row.controls})
		if v.Cause != "B5" || !strings.Contains(v.Remedy.Do, row.says) || strings.Contains(v.Remedy.Do, "3478") {
			t.Errorf("%s: %s %+v", name, v.Cause, v.Remedy)
		}
		blocked := slices.ContainsFunc(v.Alternatives, func(a Alternative) bool { return a.Cause == "B3" })
		if blocked == (name == "UDP gets there") {
			t.Errorf("%s: not ruled out %+v", name, v.Alternatives)
		}
	}
}

func TestTheSameCauseOfTwoURLsIsOneFinding(t *testing.T) {
	got := FromLadder(ladder.Result{Climbs: []ladder.Climb{until(udpURL, refusedAt(ladder.Allocate, 486)), until(tcpURL, refusedAt(ladder.Allocate, 486))}})
	if len(got) != 1 || len(got[0].Evidence) != 2 || !strings.Contains(got[0].Where, "UDP") || !strings.Contains(got[0].Where, "TCP") {
		t.Errorf("%+v", got)
	}
}

func TestTheVerdictOfALadder(t *testing.T) {
	well, bad := until(udpURL, ladder.Rung{}), until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.CertificateExpired, Detail: "expired in May"})
	control, stun := until("stun:198.51.100.7", ladder.Rung{}), until("stun:203.0.113.10", silentAt(ladder.Binding))
	deadControl := until("stun:198.51.100.7", silentAt(ladder.Binding))
	beneath := until(udpURL, ladder.Rung{}, func(c *ladder.Climb) {
		c.Rungs[4] = ladder.Rung{Stage: ladder.Binding, Outcome: ladder.Failed, Fault: ladder.Silent, Detail: "no answer to 4 Binding requests"}
	})
	quota := until(udpURL, ladder.Rung{}, func(c *ladder.Climb) {
		c.Echoes = []ladder.Echo{{Way: ladder.EchoSocket, Outcome: ladder.OK}, {Way: ladder.EchoRelay, Outcome: ladder.Skipped, Code: 486, Detail: "no second allocation: 486"}}
	})
	for name, row := range map[string]struct {
		climbs  []ladder.Climb
		outcome Outcome
		cause   string
		says    string
	}{
		"all works":                  {[]ladder.Climb{well}, RelayOK, "", "The relay works"},
		"one of two":                 {[]ladder.Climb{well, bad}, Degraded, "B10", "1 of 2 URLs work, but the TURN certificate has expired (turns:203.0.113.10: expired in May)."},
		"none":                       {[]ladder.Climb{bad}, RelayFailed, "B10", "No relay: the TURN certificate has expired"},
		"a control is no relay":      {[]ladder.Climb{bad, control}, RelayFailed, "B10", "No relay: the TURN certificate has expired"},
		"a dead control":             {[]ladder.Climb{well, deadControl}, RelayOK, "", "The control stun:198.51.100.7 does not work, and decides nothing."},
		"no Binding beneath":         {[]ladder.Climb{beneath}, Degraded, Inconclusive, "no server-reflexive candidates"},
		"one allocation each":        {[]ladder.Climb{quota}, RelayOK, "", "The relay works"},
		"STUN alone is silent":       {[]ladder.Climb{stun}, RelayFailed, Inconclusive, "No answer to STUN: what"},
		"a permission, no answer":    {[]ladder.Climb{until(udpURL, silentAt(ladder.Permission))}, RelayFailed, Inconclusive, "CreatePermission is never answered"},
		"refused credentials":        {[]ladder.Climb{until(udpURL, refusedAt(ladder.Allocate, 400))}, RelayFailed, "A1", "No relay: the server refuses these credentials: password, user, or the time in it"},
		"a name in capitals":         {[]ladder.Climb{until(tlsURL, ladder.Rung{Stage: ladder.TLS, Fault: ladder.TLSVersion})}, RelayFailed, "B12", "No relay: client and server share"},
		"silence":                    {[]ladder.Climb{until(udpURL, silentAt(ladder.Challenge))}, RelayFailed, Inconclusive, "does not tell why"},
		"what no cause is there for": {[]ladder.Climb{until(udpURL, refusedAt(ladder.Allocate, 500))}, RelayFailed, Inconclusive, "does not tell why"},
		"what breaks first":          {[]ladder.Climb{until(udpURL, refusedAt(ladder.Permission, 403)), bad}, RelayFailed, "B10", "No relay from any URL"},
	} {
		t.Run(name, func(t *testing.T) {
			v := ExplainLadder(ladder.Result{Climbs: row.climbs})
			if v.Outcome != row.outcome || v.Cause != row.cause || !strings.Contains(v.Sentence, row.says) {
				t.Errorf("%s %s: %s", v.Outcome, v.Cause, v.Sentence)
			}
			if named := row.cause != "" && row.cause != Inconclusive; named != (v.Remedy != nil) || named != (v.Name != "") {
				t.Errorf("remedy %v, name %q", v.Remedy, v.Name)
			}
			for _, a := range v.Alternatives {
				if a.Next == "" || strings.HasPrefix(a.Next, "see the ") {
					t.Errorf("%s: %q is no experiment", a.Cause, a.Next)
				}
			}
			if wantAlso := name == "a dead control" || name == "what breaks first" || name == "one allocation each"; wantAlso != (len(v.Also) > 0) {
				t.Errorf("also %+v", v.Also)
			}
			if v.Cause != "" && v.Cause != Inconclusive && v.Confidence <= SureSilent {
				t.Errorf("%s is named at %.2f", v.Cause, v.Confidence)
			}
			if !slices.IsSortedFunc(v.Alternatives, func(a, b Alternative) int {
				switch {
				case a.Confidence > b.Confidence:
					return -1
				case a.Confidence < b.Confidence:
					return 1
				}
				return 0
			}) {
				t.Errorf("not the likeliest first: %+v", v.Alternatives)
			}
		})
	}
}
