package peers

import (
	"slices"
	"testing"
	"time"
)

func TestEveryGenerationsCredentialsAreTheSameOnBothSides(t *testing.T) {
	ctx := within(t, 20*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	offer, err := caller.Restart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	of := func(p *Peer, local bool) (all []Credentials) {
		for _, c := range p.Report().Credentials {
			if c.Local == local {
				c.AtMS, c.Local = 0, false
				all = append(all, c)
			}
		}
		return all
	}
	for _, way := range [][2]*Peer{{caller, callee}, {callee, caller}} {
		made, got := of(way[0], true), of(way[1], false)
		if !slices.Equal(made, got) || len(made) != 2 {
			t.Errorf("made %+v, got %+v", made, got)
			continue
		}
		if made[0].Generation != 0 || made[1].Generation != 1 || made[0].PasswordDigest == made[1].PasswordDigest {
			t.Errorf("a restart has credentials of its own: %+v", made)
		}
	}
}
