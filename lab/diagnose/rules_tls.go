package diagnose

import "github.com/icelab-go/icelab/lab/topology"

// tlsProblems are how crypto/tls and crypto/x509 call them.
var tlsProblems = []struct {
	code, because string
	texts         []string
}{
	{"B10", "the TURN server's certificate has expired", []string{"certificate has expired or is not yet valid"}},
	{"B9", "the TURN server's certificate is for another name than the URL's", []string{"certificate is valid for", "doesn't contain any IP SANs", "certificate is not valid for any names"}},
	{"B8", "the TURN server's certificate is not trusted", []string{"signed by unknown authority", "certificate is not trusted"}},
	{"B12", "client and TURN server share no version of TLS", []string{"protocol version not supported", "unsupported versions", "no supported versions"}},
}

// alerts are those that tell (RFC 8446 §6.2).
var alerts = map[int]string{45: "B10", 48: "B8", 70: "B12"}

func tlsFailed(f *facts) (list []finding) {
	for _, p := range f.peers {
		if x, is := f.tlsFailed(p); is {
			list = append(list, x.breaking(f.ifNone(p)))
		}
	}
	return list
}

func (f *facts) tlsFailed(p *peer) (finding, bool) {
	ids, alert, sent := f.tlsAlert(p)
	ended := item(OfSockets, ids, "TLS with the TURN server ended with alert %d", alert)
	for _, problem := range tlsProblems {
		said := p.log(problem.texts...)
		if said == "" && (len(ids) == 0 || alerts[alert] != problem.code) {
			continue
		}
		x := found(problem.code, "turn's certificate", problem.because, SureControlled)
		if problem.code == "B12" {
			x.Where = topology.Turn
		}
		if said != "" {
			x.Confidence = SureObserved
			x.Evidence = append(x.Evidence, item(OfReports, nil, "the %s's log: %s", p.role, said))
		}
		if len(ids) > 0 {
			x.Evidence = append(x.Evidence, ended)
		}
		if len(x.Evidence) > 1 {
			x.Confidence = SureBoth
		}
		return x, true
	}
	if !sent {
		return finding{}, false
	}
	return found("B8", "turn's certificate", "the "+p.role+" does not accept the TURN server's certificate", SureSilent, ended).
		or("B9", 0.4, "the names in the certificate").or("B10", 0.4, "the dates in the certificate"), true
}

// tlsAlert finds how TLS with the server ended; sent is set for an alert of the
// client's.
func (f *facts) tlsAlert(p *peer) (ids []int, alert int, sent bool) {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.TCP == nil || k.TCP.Alert == nil || *k.TCP.Alert == 0 || !f.during(k) {
			continue
		}
		if out := f.isServer(k.To.Addr()); f.from(p, k, k.From) || f.from(p, k, k.To) {
			ids, alert, sent = append(ids, k.ID), *k.TCP.Alert, out
		}
	}
	return ids, alert, sent
}
