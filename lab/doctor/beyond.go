package doctor

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
)

// beyond is a DNS server outside of this host's network, zero if none is known. One
// inside tells nothing of what UDP passes out.
func beyond(resolver netip.AddrPort) netip.AddrPort {
	if resolver.IsValid() {
		if outside(resolver.Addr()) {
			return resolver
		}
		return netip.AddrPort{}
	}
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return netip.AddrPort{}
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(fields[1]); err == nil && outside(a) {
			return netip.AddrPortFrom(a.Unmap(), 53)
		}
	}
	return netip.AddrPort{}
}

func outside(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && a.Zone() == ""
}
