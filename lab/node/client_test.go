package node

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/peers"
)

// A relay candidate that overtakes a host candidate can make ICE choose the relay.
func TestCandidatesKeepTheirOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	ours, theirs := net.Pipe()
	c := NewClient("caller", ours)
	defer c.Close()
	const many = 500
	got := make(chan string, many)
	c.OnCandidate(func(l peers.CandidateLine) { got <- l.Candidate })

	go func() {
		to := json.NewEncoder(theirs)
		for n := range many {
			told := gathered{n, peers.CandidateLine{Candidate: fmt.Sprint(n)}}
			if to.Encode(map[string]any{"jsonrpc": "2.0", "method": notifyCandidate, "params": told}) != nil {
				return
			}
		}
	}()

	for n := range many {
		select {
		case l := <-got:
			if l != fmt.Sprint(n) {
				t.Fatalf("candidate %s came as number %d", l, n)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("candidate %d did not come", n)
		}
	}
}
