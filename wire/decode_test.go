package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/stun/v3"
)

func TestAMessageIsDescribedInTheWordsOfItsStandard(t *testing.T) {
	for _, row := range []struct {
		name    string
		payload []byte
		want    Packet
	}{
		{"a challenge", message(t, stun.NewType(stun.MethodAllocate, stun.ClassErrorResponse), stun.CodeUnauthorized, stun.NewRealm("lab"), stun.NewNonce("a nonce")),
			Packet{Kind: KindSTUN, STUN: &STUN{Method: "allocate", Class: Error, Code: 401, Reason: "Unauthorized", Realm: "lab", Nonce: true}}},
		{"a check", check(t),
			Packet{Kind: KindSTUN, STUN: &STUN{Method: "binding", Class: Request, Username: "abcd:efgh", Integrity: true}}},
		{"a Data indication with a ClientHello", indication(t, stun.MethodData, clientHello),
			Packet{Kind: KindSTUN, STUN: &STUN{Method: "data", Class: Indication, Peers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:5000")}},
				Inner: &Inner{Kind: KindDTLS, Bytes: len(clientHello), DTLS: &DTLS{Type: "handshake", Handshake: "client_hello"}}}},
		{"ChannelData with a check", channelData(check(t)),
			Packet{Kind: KindChannelData, Inner: &Inner{Kind: KindSTUN, Bytes: len(check(t)), STUN: &STUN{Method: "binding", Class: Request, Username: "abcd:efgh", Integrity: true}}}},
		{"a DTLS alert", []byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40},
			Packet{Kind: KindDTLS, DTLS: &DTLS{Type: "alert", Alert: new(40)}}},
		{"data", data(10), Packet{Kind: KindDTLS, DTLS: &DTLS{Type: "application-data"}}},
		{"STUN that is cut off", check(t)[:30], Packet{Kind: KindOther}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got Packet
			got.Describe(row.payload)
			row.want.Bytes = len(row.payload)
			ignore := cmp.Options{
				cmpopts.IgnoreFields(Packet{}, "Payload"), cmpopts.IgnoreFields(STUN{}, "Transaction"),
				cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
			}
			if diff := cmp.Diff(row.want, got, ignore); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsRedactedIsTheSameMessageWithoutItsProofs(t *testing.T) {
	long := message(t, stun.NewType(stun.MethodRefresh, stun.ClassRequest), stun.NewUsername("u"), stun.NewRealm("lab"), stun.NewNonce("odd"),
		stun.NewLongTermIntegrity("u", "lab", "a password"), stun.Fingerprint)
	for name, payload := range map[string][]byte{
		"a request": long, "a check": check(t),
		"ChannelData": channelData(check(t)), "an indication": indication(t, stun.MethodSend, check(t)),
		"a ClientHello": clientHello, "a message that is cut off": long[:len(long)-3],
		"a message with more behind": append(bytes.Clone(long), 1, 2, 3),
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(payload)
			kept := Redact(payload)
			if !bytes.Equal(before, payload) {
				t.Error("the original was changed")
			}
			var was, is Packet
			was.Describe(payload)
			is.Describe(kept)
			if diff := cmp.Diff(was, is, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			proofless(t, kept)
		})
	}
}

func proofless(t *testing.T, payload []byte) {
	t.Helper()
	if Peek(payload) == KindChannelData {
		payload = payload[channelHeader:]
	}
	if !IsSTUN(payload) {
		return
	}
	m := &stun.Message{Raw: payload[:min(len(payload), headerBytes+int(binary.BigEndian.Uint16(payload[2:])))]}
	if m.Decode() != nil {
		return
	}
	for _, a := range m.Attributes {
		switch a.Type {
		case stun.AttrNonce, stun.AttrMessageIntegrity:
			if !bytes.Equal(a.Value, make([]byte, len(a.Value))) {
				t.Errorf("%s: %x", a.Type, a.Value)
			}
		case stun.AttrFingerprint:
			if err := stun.Fingerprint.Check(m); err != nil {
				t.Error(err)
			}
		case stun.AttrData:
			proofless(t, a.Value)
		}
	}
}
