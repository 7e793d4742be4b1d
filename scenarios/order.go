package scenarios

import (
	"cmp"
	"fmt"
)

// checkOrder returns the first step that cannot do what it says after those
// before it.
func checkOrder(s Scenario) *problem {
	worlds, err := s.worlds()
	if err != nil {
		return problemf("", "%s", err)
	}
	last, end := -1, -1
	for i, step := range s.Steps {
		place := fmt.Sprintf("steps[%d]", i)
		if p := worlds[i].checkNext(place, step); p != nil {
			return p
		}
		if step.Echo != nil {
			last = i
		}
		if s.ExpectedAt(i) != (Expect{}) {
			end = i
		}
	}
	switch {
	case !worlds[len(s.Steps)].connected():
		return problemf("steps", "no step connects the peers; add connect")
	case s.Expect.Path == PathNone && last >= 0 && end == last:
		return problemf(fmt.Sprintf("steps[%d]", last), "steps[%d] echoes to the end, but expect.path is none; add the end of the path and no-echo", last)
	case s.Expect.Path == PathNone:
		return nil
	case last < 0:
		// Only bytes that crossed a relay, or did not, tell the paths apart.
		return problemf("steps", "expect.path is %s, which only an echo can prove; add echo after connect", s.Expect.Path)
	}
	return checkLast(fmt.Sprintf("steps[%d].echo", last), s.ExpectedAt(last), s.Expect)
}

// checkLast compares the last echo with what is expected at last.
func checkLast(place string, own, last Expect) *problem {
	switch {
	case own.Path != last.Path:
		return problemf(place+".path", "%s.path is %s, but expect.path, which is that of the last echo, is %s; make them the same", place, own.Path, last.Path)
	case last.Transport != "" && own.Transport != last.Transport:
		return problemf(place+".transport", "%s.transport is %s, but expect.transport, which is that of the last echo, is %s; make them the same", place, own.Transport, last.Transport)
	}
	return nil
}

// checkNext checks whether step can come next.
func (w world) checkNext(place string, step Step) *problem {
	kind := step.Kind()
	switch kind {
	case "connect":
		if w.connected() {
			return problemf(place, "%s connects a second time; the peers connect once, and then restart-ice", place)
		}
	case "echo", "no-echo":
		switch {
		case !w.connected():
			return problemf(place, "%s comes before connect; put a connect step above it", kind)
		case w.story.Expect.Path == PathNone && w.proven == "" && (kind == "no-echo" || step.Echo.Path == ""):
			return problemf(place, "%s has no path to go over, expect.path being none; end the steps with connect, or give the echo a path that dies later", kind)
		case kind == "echo" && step.Echo.expected(w.story.Expect).Path == PathNone:
			return problemf(place, "%s takes expect.path, which is none; give it a path of its own", place)
		case kind == "echo":
			return w.checkNextEcho(place, *step.Echo)
		}
		return w.checkSilence(place)
	case "kill", "start":
		return w.checkServer(place, step)
	case "restart-ice":
		if !w.connected() {
			return problemf(place, "restart-ice comes before connect; put a connect step above it")
		}
	case "move":
		if p := w.checkMove(place); p != nil {
			return p
		}
	case "cut", "restore", "rebind", "expire", "reboot":
		if p := w.checkGateway(place, kind, step); p != nil {
			return p
		}
	}
	return w.checkRecovery(place, kind, step)
}

// checkNextEcho refuses one over a relay that is no more. Nothing else is sure to
// stop an echo on the path that it says.
func (w world) checkNextEcho(place string, e Echo) *problem {
	switch relayed := e.expected(w.story.Expect).Path.Relayed(); {
	case relayed && (w.stranded || w.blind) && w.killed:
		return problemf(place, "%s echoes over a relay whose server is dead by then; write no-echo, or kill it later", place)
	case relayed && (w.stranded || w.blind):
		return problemf(place, "%s echoes over a relay that died with its server, which forgot it; put restart-ice above it", place)
	}
	return nil
}

// checkSilence compares silence with what becomes of the echo: a relayed path
// dies with the TURN server, and any may die with its mappings or its line.
func (w world) checkSilence(place string) *problem {
	lost := w.stranded || w.blind
	switch {
	case w.unsettled, w.faulty(), w.mappingsExpire(), lost && cmp.Or(w.proven, w.story.Expect.Path).Relayed():
		return nil
	case lost:
		return problemf(place, "%s expects silence, but a direct path outlives the TURN server; write echo", place)
	}
	return problemf(place, "%s expects silence, but nothing before it stops the echo; add for example cut: caller above it", place)
}

func (w world) checkServer(place string, step Step) *problem {
	does := "kills"
	if step.Start != "" {
		does = "starts"
	}
	switch {
	case w.story.Turn.Off:
		return problemf(place, "%s %s the TURN server, but turn is off; remove the step, or give turn transports", place, does)
	case step.Kill != "" && w.killed:
		return problemf(place, "%s kills the TURN server a second time; remove the step", place)
	case step.Start != "" && !w.killed:
		return problemf(place, "%s starts the TURN server, which runs; put kill: %s above it", place, KillTurn)
	}
	return nil
}

// checkMove checks what only the simplest of networks has: another LAN beside
// those of the two peers.
func (w world) checkMove(place string) *problem {
	s := w.story
	switch {
	case w.moved != "":
		return problemf(place, "%s moves a second time, but there is one LAN to move to; remove the step", place)
	case s.SameLAN():
		return problemf(place, "%s moves a peer, which goes from a LAN of its own only, but callee.lan is %s; leave one of the two out", place, CallerLAN)
	case s.Carrier != nil:
		return problemf(place, "%s moves a peer, but not below a carrier, which both homes have; leave out carrier", place)
	case s.SamePrefix:
		return problemf(place, "%s moves a peer, but not where same-prefix is set; leave one of the two out", place)
	}
	for i, side := range sides() {
		if w.behind[i].Carrier != nil {
			return problemf(place, "%s moves a peer, but the %s's %s has a carrier, and then there is no LAN to move to; choose another condition", place, side, w.behind[i].Name)
		}
	}
	return nil
}

// checkGateway checks what happens to one gateway.
func (w world) checkGateway(place, kind string, step Step) *problem {
	side := step.Side()
	cut := w.cut[w.gateway(side)]
	switch kind {
	case "cut":
		if cut == step.Cut.Protocol {
			return problemf(place, "%s cuts what is cut already; remove the step", place)
		}
	case "restore":
		if cut == "" {
			return problemf(place, "%s restores the %s's line, which is not cut; put cut: %s above it", place, side, side)
		}
	case "rebind", "expire":
		switch {
		case !w.connected():
			return problemf(place, "%s lets mappings go, but there are none before connect; put it below", kind)
		case !w.translates(side):
			return problemf(place, "%s is about mappings, but the %s's %s has no NAT; remove the step, or choose another condition", kind, side, w.behind[w.gateway(side)].Name)
		}
	case "reboot":
		switch {
		case cut != "":
			return problemf(place, "%s reboots a gateway whose line is cut; put restore: %s above it", place, side)
		case step.Recovery() != 0 && step.Recovery() <= step.Reboot.Down && !w.story.SameLAN():
			return problemf(place+".reboot.within", "%s.reboot.within is %s, but the gateway is down for %s of it; give it longer", place, step.Recovery(), step.Reboot.Down)
		}
	}
	return nil
}

// checkRecovery checks that where an echo has to be back, there can be one.
func (w world) checkRecovery(place, kind string, step Step) *problem {
	if step.Recovery() == 0 {
		return nil
	}
	at := join(join(place, kind), "within")
	switch {
	case !w.connected():
		return problemf(at, "%s is how long until an echo is back, but there is none before connect; leave it out", at)
	case w.story.Expect.Path == PathNone && w.proven == "":
		return problemf(at, "%s wants an echo back, but there is no path to go over, expect.path being none; end the steps with connect", place)
	}
	return nil
}
