package lab_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/nat"
)

// behaviours are all mapping × filtering × hairpinning × port assignment.
func behaviours() []nat.Behavior {
	var all []nat.Behavior
	for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
		for _, f := range []nat.Filtering{nat.EIF, nat.ADF, nat.APDF} {
			for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
				for _, h := range []bool{false, true} {
					all = append(all, nat.Behavior{Mapping: m, Filtering: f, Ports: p, Hairpin: h})
				}
			}
		}
	}
	return all
}

// ICELAB_ROUNDS repeats the measurement, 20 times for a release.
func TestEveryBehaviourMeasuresAsDeclaredOnDocker(t *testing.T) {
	rounds := 1
	if text := os.Getenv("ICELAB_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	l := docker(t)
	table := []string{fmt.Sprintf("| %-7s | %-9s | %-10s | %-7s | %-7s | %-9s | %-10s | %-11s |",
		"mapping", "filtering", "ports", "hairpin", "mapping", "filtering", "ports", "hairpin")}
	for round := range rounds {
		for _, b := range behaviours() {
			m, err := l.Measure(t.Context(), nat.Condition{Name: b.String(), NAT: &b})
			if err != nil {
				t.Fatalf("round %d: %s: %v", round+1, b, err)
			}
			for _, d := range m.Differs {
				t.Errorf("round %d: %s: %s: %v", round+1, b, d, d.Raw)
			}
			if round == 0 {
				table = append(table, fmt.Sprintf("| %-7s | %-9s | %-10s | %-7s | %-7s | %-9s | %-10s | %-11s |",
					b.Mapping, b.Filtering, b.Ports, yesNo(b.Hairpin), m.Card.Mapping, m.Card.Filtering, m.Card.Ports, m.Card.Hairpin))
			}
		}
		t.Logf("round %d of %d: %d behaviours measured", round+1, rounds, len(behaviours()))
	}
	t.Log("declared (4 columns) against measured (4 columns):\n" + strings.Join(table, "\n"))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func TestEveryConditionMeasuresAsDeclaredOnDocker(t *testing.T) {
	l := docker(t)
	for _, c := range nat.Conditions() {
		m, err := l.Measure(t.Context(), c)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		for _, d := range m.Differs {
			t.Errorf("%s: %s: %v", c.Name, d, d.Raw)
		}
	}
}

func TestALifetimeMeasuresAsDeclaredOnDocker(t *testing.T) {
	l := docker(t)
	b := nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Lifetime: 3 * time.Second}
	m, err := l.Measure(t.Context(), nat.Condition{Name: b.String(), NAT: &b})
	if err != nil {
		t.Fatal(err)
	}
	life := m.Card.Lifetime
	if life == nil {
		t.Fatal("the lifetime was not measured")
	}
	if life.AtLeast < 2*time.Second || life.Below == 0 || life.Below > 4500*time.Millisecond {
		t.Errorf("measured %s: want alive at 2 s and gone at 4.5 s", life)
	}
	for _, d := range m.Differs {
		t.Errorf("%s: %v", d, d.Raw)
	}
	t.Logf("declared 3s, measured %s", life)
}

func TestAMatrixIsProvenAsPredictedOnDocker(t *testing.T) {
	docker(t) // skips where there is none
	cells := proveMatrix(t, lab.MatrixPlan{Conditions: []string{"full-cone", "symmetric", "cgnat"}, Turn: true, Parallel: 2})
	if len(cells) != 9 {
		t.Fatalf("%d cells, want 9", len(cells))
	}
}
