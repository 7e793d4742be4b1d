package gateway

import (
	"time"

	"github.com/google/nftables/binaryutil"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// setUDPTimeout sets how long conntrack keeps an idle UDP connection, in whole
// seconds. It speaks nfnetlink_cttimeout (IPCTNL_MSG_TIMEOUT_DEFAULT_SET),
// because /proc/sys is read-only in a container and the sysctl out of reach.
func setUDPTimeout(d time.Duration) error {
	const (
		subsystem      = 8 // NFNL_SUBSYS_CTNETLINK_TIMEOUT
		setDefault     = 3 // IPCTNL_MSG_TIMEOUT_DEFAULT_SET
		attrL3Proto    = 2 // CTA_TIMEOUT_L3PROTO
		attrL4Proto    = 3 // CTA_TIMEOUT_L4PROTO
		attrData       = 4 // CTA_TIMEOUT_DATA
		attrUnreplied  = 1 // CTA_TIMEOUT_UDP_UNREPLIED
		attrReplied    = 2 // CTA_TIMEOUT_UDP_REPLIED
		nfnetlinkBytes = 4 // struct nfgenmsg
	)
	seconds := binaryutil.BigEndian.PutUint32(uint32(d / time.Second))
	timeouts, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: attrUnreplied, Data: seconds},
		{Type: attrReplied, Data: seconds},
	})
	if err != nil {
		return err
	}
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: attrL3Proto, Data: binaryutil.BigEndian.PutUint16(unix.AF_INET)},
		{Type: attrL4Proto, Data: []byte{unix.IPPROTO_UDP}},
		{Type: attrData | unix.NLA_F_NESTED, Data: timeouts},
	})
	if err != nil {
		return err
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	header := make([]byte, nfnetlinkBytes)
	header[0] = unix.AF_INET
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: subsystem<<8 | setDefault, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(header, attributes...),
	})
	return err
}
