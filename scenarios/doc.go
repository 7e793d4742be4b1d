// Package scenarios reads connectivity scenarios: stories in YAML about two
// peers, what each sits behind, what they do and which path their echo is
// expected to take. It carries the bundled ones, fills in defaults, and refuses
// what cannot be with the file, line and column. It opens no socket.
//
// A scenario needs a name and an expectation; everything else has a default:
//
//	name: relay-symmetric
//	about: Two symmetric NATs cannot be punched; ICE has to fall back to TURN.
//	caller: symmetric
//	callee: {condition: symmetric, candidates: [srflx, relay]}
//	turn: {transports: [udp]}
//	steps:
//	  - connect: {within: 5s}
//	  - echo: {messages: 100, bytes: 1200}
//	expect: {path: relay, transport: udp}
//
// The file testdata/reference.yaml shows every option.
package scenarios
