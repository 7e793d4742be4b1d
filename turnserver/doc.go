// Package turnserver runs pion/turn as a STUN and TURN server that can be held to account:
// it counts what every allocation relayed, and logs every refusal with its reason.
//
// A Server speaks STUN (RFC 8489) and TURN (RFC 8656) over UDP, TCP, TLS and DTLS with long-term
// credentials, fixed or limited in time, and relays over UDP on IPv4. Given a second address it
// also answers NAT behaviour discovery (RFC 5780). What turn/v4 reports through callbacks is
// combined with what passes its sockets, because turn/v4 is silent about a refused permission, a
// quota, a request it leaves unanswered and a datagram it drops.
//
// A server can also be given faults that real ones have: see Faults. They are for whoever builds or
// tests what diagnoses them, so the events of such a server give nothing away.
//
// Three things are guaranteed about the counts and events:
//   - they are recorded before the datagram they describe leaves the server, so whoever holds an
//     answer or an echo in hand finds it accounted for;
//   - a datagram counts as relayed only once it was handed to the network: what was dropped for
//     want of a permission, or because the target is refused, is in Allocation.Dropped;
//   - transport is that of the leg between client and server. (turn/v4 itself says UDP always.)
package turnserver
