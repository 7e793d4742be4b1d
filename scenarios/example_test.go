package scenarios_test

import (
	"fmt"

	"github.com/icelab-go/icelab/scenarios"
)

func ExampleParse() {
	s, err := scenarios.Parse("mine.yaml", []byte(`
name: office-to-home
caller: udp-blocked
callee: {condition: port-restricted, candidates: [srflx, relay]}
expect: {path: relay, transport: tcp}
`))
	fmt.Println(s.Steps, err)

	_, err = scenarios.Parse("mine.yaml", []byte(`
name: office-to-home
caller: udp-blocked
callee: port-restricted
expect: {path: direct}
`))
	fmt.Println(err)
	// Output:
	// [connect within 10s echo 20 × 1000 bytes within 10s] <nil>
	// mine.yaml:5:16: expect.path is direct, but the best there can be is relay: no UDP passes the caller's firewall, so the caller can use nothing but its relay over tcp; want relay, relay-both or none
}

func ExampleScenario_Complete() {
	s, err := scenarios.Scenario{
		Name:   "two-symmetric-nats",
		Caller: scenarios.Peer{Condition: "symmetric"},
		Callee: scenarios.Peer{Condition: "symmetric"},
		Expect: scenarios.Expect{Path: scenarios.PathRelay},
	}.Complete()
	fmt.Println(s.Turn.Transports, s.Timing, err)
	// Output: [udp tcp] tuned <nil>
}
