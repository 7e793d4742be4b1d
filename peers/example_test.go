package peers_test

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/icelab-go/icelab/peers"
)

// Two peers in one process: the program carries the offer, the answer and the
// candidates from one to the other.
func ExamplePeer() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	config := peers.Config{Candidates: []peers.CandidateType{peers.Host}, Loopback: true}
	caller, err := peers.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer caller.Close()
	callee, err := peers.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer callee.Close()

	offer, err := caller.Offer(ctx)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		log.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		log.Fatal(err)
	}
	var carriers sync.WaitGroup
	defer carriers.Wait()
	carry := func(from, to *peers.Peer) {
		for c := range from.Candidates(ctx) {
			if err := to.AddCandidate(c); err != nil {
				log.Print(err)
			}
		}
	}
	carriers.Go(func() { carry(caller, callee) })
	carriers.Go(func() { carry(callee, caller) })

	if err := caller.WaitOpen(ctx); err != nil {
		log.Fatal(err)
	}
	result, err := caller.Echo(ctx, peers.EchoPlan{Messages: 10, Bytes: 1200})
	if err != nil {
		log.Fatal(err)
	}
	selected := caller.Report().Selected
	fmt.Printf("%d of %d messages came back over %s/%s\n", result.Echoed, result.Sent, selected.Local.Type, selected.Remote.Type)
	// Output: 10 of 10 messages came back over host/host
}
