package lab_test

import (
	"context"
	"fmt"
	"log"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

// A scenario can be written in Go as well as in a file.
func Example() {
	ctx := context.Background()
	l, err := lab.Docker(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	result := l.Run(ctx, scenarios.Scenario{
		Name:   "two-symmetric-nats",
		Caller: scenarios.Peer{Condition: "symmetric"},
		Callee: scenarios.Peer{Condition: "symmetric"},
		Expect: scenarios.Expect{Path: scenarios.PathRelay},
	})
	fmt.Println(result.Verdict, result.Proven, result.Times.Open, "ms")
	for _, w := range result.Witnesses {
		fmt.Println(w.Witness, "says", w.Path, "because it saw", w.Saw)
	}
}
