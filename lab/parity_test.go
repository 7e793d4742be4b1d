package lab_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// fewLabs is how many play on each fabric: a machine that is too busy makes direct
// paths so late that a relay comes first.
const fewLabs = 2

// account is what a fabric makes of a scenario or of a cell.
type account struct {
	verdict lab.Verdict
	path    string // "relay/udp"
	reason  string
}

func (a account) String() string {
	if a.verdict == lab.Passed {
		return a.path
	}
	if a.path == "" {
		return string(a.verdict)
	}
	return fmt.Sprintf("%s, %s", a.verdict, a.path)
}

func accountOf(v lab.Verdict, proven *lab.Path, reason string) account {
	a := account{verdict: v, reason: reason}
	if proven != nil {
		a.path = proven.String()
	}
	return a
}

func TestTheFabricsAgreeOnEveryBundledScenario(t *testing.T) {
	var names []string
	for _, s := range scenarios.Bundled() {
		names = append(names, s.Name)
	}
	const needTCP = 3
	compare(t, names, len(names)-needTCP, func(t *testing.T, on fabric.Fabric) []account {
		results, err := lab.RunAll(t.Context(), on, scenarios.Bundled(), lab.Plan{Parallel: fewLabs})
		if err != nil {
			t.Fatal(err)
		}
		var all []account
		for _, r := range results {
			if r.Verdict == lab.Passed && len(r.Witnesses) != 4 {
				t.Errorf("%s passed on the word of %d witnesses, want 4", r.Scenario, len(r.Witnesses))
			}
			all = append(all, accountOf(r.Verdict, r.Proven, r.Reason))
		}
		return all
	})
}

// ICELAB_PARITY=matrix plays all cells, with TURN and without, which takes minutes.
// Nothing is wrong in them, and nothing may be said to be.
func TestTheFabricsAgreeOnTheMatrix(t *testing.T) {
	if os.Getenv("ICELAB_PARITY") != "matrix" {
		t.Skip("all cells take minutes: set ICELAB_PARITY=matrix to play them")
	}
	var names []string
	for _, turn := range []string{"on", "off"} {
		for _, caller := range nat.ConditionNames() {
			for _, callee := range nat.ConditionNames() {
				names = append(names, fmt.Sprintf("%s-to-%s-turn-%s", caller, callee, turn))
			}
		}
	}
	// On vnet those are left out that need TURN over TCP, and those with a firewall
	// for TCP.
	const onVNet = 9*9 + 10*10
	compare(t, names, onVNet, func(t *testing.T, on fabric.Fabric) []account {
		played := map[string]account{}
		tally, err := lab.Score(t.Context(), on, lab.ScorePlan{Healthy: true, Judged: func(c lab.Case, r lab.Result) {
			played[c.Name] = accountOf(r.Verdict, r.Proven, r.Reason)
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range tally.Alarms {
			t.Errorf("%s: nothing is wrong, and the diagnosis says %s %s: %s", c.Name, c.Outcome, c.Answer, c.Sentence)
		}
		var all []account
		for _, name := range names {
			all = append(all, played[name])
		}
		return all
	})
}

// compare plays the same on every fabric that is here, one after the other, and
// wants the same verdict and path from all. What vnet does not support is left out
// there, and nowhere else.
func compare(t *testing.T, names []string, onVNet int, play func(*testing.T, fabric.Fabric) []account) {
	t.Helper()
	accounts := map[string][]account{}
	t.Run("on", func(t *testing.T) {
		for _, name := range lab.FabricNames() {
			if name == lab.AnyFabric {
				continue
			}
			t.Run(name, func(t *testing.T) {
				accounts[name] = play(t, openFabric(t, name))
			})
		}
	})
	on := slices.DeleteFunc(lab.FabricNames(), func(name string) bool { return accounts[name] == nil })
	if len(on) < 2 {
		t.Skipf("nothing to compare %s with", strings.Join(on, ""))
	}
	var table strings.Builder
	line := func(first string, rest []string) {
		text := fmt.Sprintf("%-44s", first)
		for _, cell := range rest {
			text += fmt.Sprintf("  %-18s", cell)
		}
		fmt.Fprintln(&table, strings.TrimRight(text, " "))
	}
	line("", on)
	differing := 0
	for i, name := range names {
		var row []account
		for _, f := range on {
			row = append(row, accounts[f][i])
		}
		if agreed(on, row) {
			continue
		}
		differing++
		var cells []string
		for _, a := range row {
			cells = append(cells, a.String())
		}
		line(name, cells)
		for j, a := range row {
			if a.reason != "" {
				fmt.Fprintf(&table, "    %s: %s\n", on[j], a.reason)
			}
		}
	}
	if differing > 0 {
		t.Errorf("%d of %d differ:\n%s", differing, len(names), table.String())
	}
	for _, f := range on {
		n := 0
		for _, a := range accounts[f] {
			if a.verdict != lab.Unsupported {
				n++
			}
		}
		want := len(names)
		if f == "vnet" {
			want = onVNet
		}
		if n != want {
			t.Errorf("%s supports %d of %d, want %d", f, n, len(names), want)
		}
	}
}

// agreed reports whether all fabrics passed with the same path, but for what vnet
// does not support.
func agreed(on []string, row []account) bool {
	for i, a := range row {
		if on[i] == "vnet" && a.verdict == lab.Unsupported {
			continue
		}
		if a.verdict != lab.Passed || a.path != row[0].path {
			return false
		}
	}
	return true
}

// openFabric opens a fabric that ends with the test, or skips where it is missing.
func openFabric(t *testing.T, name string) fabric.Fabric {
	t.Helper()
	on, _, err := lab.Open(t.Context(), name, nil)
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		require.Missing(t, name, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := on.(io.Closer); ok {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return on
}
