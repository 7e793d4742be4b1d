package node

import (
	"bytes"
	"net"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// forward turns IPv4 forwarding on for the links. /proc/sys is read-only in a
// container, so it is done with RTM_SETLINK, which CAP_NET_ADMIN allows.
func forward(links []Link) error {
	if on, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); err == nil && bytes.Equal(bytes.TrimSpace(on), []byte("1")) {
		return nil
	}
	const (
		inetConf       = 1 // IFLA_INET_CONF
		confForwarding = 1 // IPV4_DEVCONF_FORWARDING
	)
	for _, l := range links {
		i, err := net.InterfaceByName(l.Name)
		if err != nil {
			return err
		}
		message := nl.NewIfInfomsg(unix.AF_UNSPEC)
		message.Index = int32(i.Index)
		spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
		spec.AddRtAttr(unix.AF_INET|unix.NLA_F_NESTED, nil).
			AddRtAttr(inetConf|unix.NLA_F_NESTED, nil).
			AddRtAttr(confForwarding, nl.Uint32Attr(1))
		request := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
		request.AddData(message)
		request.AddData(spec)
		if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
			return err
		}
	}
	return nil
}
