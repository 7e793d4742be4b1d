package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/gateway"
)

// What the measuring of the NATs had dropped is none of the call's.
func TestDropsAreCountedSinceThePeersAreThere(t *testing.T) {
	before := []gateway.Drop{{Reason: gateway.UDPBlocked, Packets: 16, Bytes: 768}, {Reason: gateway.Filtered, Packets: 9, Bytes: 90}}
	end := []gateway.Drop{{Reason: gateway.UDPBlocked, Packets: 20, Bytes: 1000}, {Reason: gateway.Filtered, Packets: 2, Bytes: 30}, {Reason: gateway.Policy, Packets: 1, Bytes: 50}}
	// A gateway that was rebooted counts from zero again.
	want := []gateway.Drop{{Reason: gateway.UDPBlocked, Packets: 4, Bytes: 232}, {Reason: gateway.Filtered, Packets: 2, Bytes: 30}, {Reason: gateway.Policy, Packets: 1, Bytes: 50}}
	if diff := cmp.Diff(want, since(end, before)); diff != "" {
		t.Error(diff)
	}
	if end[0].Packets != 20 {
		t.Error("the sighting itself has changed")
	}
}
