package probe

import (
	"net/netip"
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

const testPorts = "ports"

// sample is the first mapping of one endpoint.
type sample struct{ local, mapped netip.AddrPort }

// sequentialGap is how far apart the ports of a sequential NAT may lie: other
// mappings are made meanwhile, by this probe and by other hosts.
const sequentialGap = 100

// classifyPorts looks at the first mappings only: a NAT that preserves a port can
// do so once. Six random ports pass for sequential once in about three million.
func classifyPorts(samples []sample) nat.PortAssignment {
	preserved := 0
	var ports []int
	for _, s := range samples {
		if s.local.Port() == s.mapped.Port() {
			preserved++
		}
		ports = append(ports, int(s.mapped.Port()))
	}
	if 2*preserved > len(samples) {
		return nat.Preserving
	}
	slices.Sort(ports)
	wide := 0
	for i := 1; i < len(ports); i++ {
		if ports[i]-ports[i-1] > sequentialGap {
			wide++
		}
	}
	if wide <= 1 { // where counting began anew
		return nat.Sequential
	}
	return nat.Random
}
