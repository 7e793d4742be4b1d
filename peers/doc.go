// Package peers holds the two ends of a WebRTC data channel on pion/webrtc: a
// caller that sends numbered, checksummed messages and checks every echo byte
// for byte, and a callee that echoes. Both report what ICE did while it did it,
// because pion forgets its candidate pairs the moment ICE fails.
//
// A [Peer] is one end. Its descriptions and candidates are carried by whoever
// owns it, so they can be delayed, reordered or lost on purpose:
//
//	offer, err := caller.Offer(ctx)
//	answer, err := callee.Answer(ctx, offer)
//	err = caller.Accept(answer)
//	go func() {
//		for c := range caller.Candidates(ctx) {
//			callee.AddCandidate(c)
//		}
//	}()
//	...
//	err = caller.WaitOpen(ctx)
//	result, err := caller.Echo(ctx, peers.EchoPlan{Messages: 100, Bytes: 1200})
//	report := caller.Report()
//
// [Serve], [Answer] and [Call] carry them over a TCP connection instead, one
// JSON object per line: the protocol of aiortc's TcpSocketSignaling.
package peers
