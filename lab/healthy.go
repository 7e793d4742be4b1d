package lab

import (
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// healthyExams are every ordered pair of conditions, with TURN and without. What
// does not connect there cannot, and what is relayed has to be.
func healthyExams(conditions []string) ([]exam, error) {
	if len(conditions) == 0 {
		conditions = nat.ConditionNames()
	}
	var exams []exam
	for _, turn := range []bool{true, false} {
		for _, caller := range conditions {
			for _, callee := range conditions {
				e, err := healthyExam(Cell{Caller: caller, Callee: callee, Turn: turn})
				if err != nil {
					return nil, err
				}
				exams = append(exams, e)
			}
		}
	}
	return exams, nil
}

func healthyExam(c Cell) (exam, error) {
	s, err := c.scenario()
	if err != nil {
		return exam{}, err
	}
	s.Name += map[bool]string{true: "-turn-on", false: "-turn-off"}[c.Turn]
	caller, callee, err := s.Conditions()
	if err != nil {
		return exam{}, fmt.Errorf("pair %s with %s: %w", c.Caller, c.Callee, err)
	}
	return exam{
		scenario: s, healthy: true, truth: scenarios.NoCause,
		outcome: natural(c.Predicted.Path), explained: explained(c.Predicted.Path, caller, callee),
	}, nil
}

// natural is the outcome where nothing is wrong but the conditions.
func natural(path nat.Path) diagnose.Outcome {
	switch path {
	case nat.PathDirect:
		return diagnose.DirectOK
	case nat.PathNone:
		return diagnose.ConnectFailed
	default:
		return diagnose.RelayExpected
	}
}

// explained are the causes that two conditions are themselves, where they leave no
// direct path.
func explained(path nat.Path, caller, callee nat.Condition) []string {
	if path == nat.PathDirect {
		return nil
	}
	var causes []string
	for _, c := range []nat.Condition{caller, callee} {
		for _, hop := range c.Chain() {
			if hop.NAT != nil && hop.NAT.Mapping != nat.EIM {
				causes = append(causes, "F1", "F2") // a symmetric NAT, and what it meets
			}
			if hop.Firewall.BlockUDP {
				causes = append(causes, "B3") // no UDP
			}
			if slices.Equal(hop.Firewall.TCPPorts, []uint16{443}) {
				causes = append(causes, "B7") // the web only
			}
		}
	}
	return causes
}
