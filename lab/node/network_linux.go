package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Configure gives this host its links, addresses and routes. It needs
// CAP_NET_ADMIN.
func Configure(n Network) error {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		if err := netlink.LinkSetUp(lo); err != nil {
			return fmt.Errorf("set lo up: %w", err)
		}
	}
	for _, l := range n.Links {
		if err := configureLink(l); err != nil {
			return fmt.Errorf("link %s: %w", l.Name, err)
		}
	}
	if err := configureRoutes(n); err != nil {
		return err
	}
	if n.Forward {
		if err := forward(n.Links); err != nil {
			return fmt.Errorf("turn forwarding on: %w", err)
		}
	}
	if n.DropCapabilities {
		if err := dropCapabilities(); err != nil {
			return fmt.Errorf("drop capabilities: %w", err)
		}
	}
	return nil
}

func configureLink(l Link) error {
	if l.VXLAN != nil {
		if err := addVXLAN(l.Name, *l.VXLAN); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName(l.Name)
	if err != nil {
		return err
	}
	for _, a := range l.Addresses {
		if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(a)}); err != nil {
			return fmt.Errorf("add address %s: %w", a, err)
		}
	}
	if l.Down {
		return nil
	}
	return netlink.LinkSetUp(link)
}

// moveLink takes this host from one of its links to another.
func moveLink(m Move) error {
	from, err := netlink.LinkByName(m.From)
	if err != nil {
		return fmt.Errorf("link %s: %w", m.From, err)
	}
	to, err := netlink.LinkByName(m.To)
	if err != nil {
		return fmt.Errorf("link %s: %w", m.To, err)
	}
	// Its routes go with it.
	if err := netlink.LinkSetDown(from); err != nil {
		return fmt.Errorf("set %s down: %w", m.From, err)
	}
	if err := netlink.LinkSetUp(to); err != nil {
		return fmt.Errorf("set %s up: %w", m.To, err)
	}
	if err := configureRoutes(Network{Default: m.Default, Routes: m.Routes}); err != nil {
		return err
	}
	return reach(to, m.Default)
}

// reach returns once a router answers ARP. The other end of a link takes a moment
// to forward after the link is up, and Linux asks again only after a second: a
// node that has moved would be deaf for that long.
func reach(link netlink.Link, router netip.Addr) error {
	const attempts, pause = 200, 10 * time.Millisecond
	entry := netlink.Neigh{LinkIndex: link.Attrs().Index, Family: unix.AF_INET, IP: router.AsSlice()}
	for range attempts {
		// The state "probe" without an address makes the kernel ask at once.
		entry.State, entry.Flags = unix.NUD_NONE, unix.NTF_USE
		if err := netlink.NeighSet(&entry); err != nil {
			return fmt.Errorf("ask for %s on %s: %w", router, link.Attrs().Name, err)
		}
		time.Sleep(pause)
		known, err := netlink.NeighList(link.Attrs().Index, unix.AF_INET)
		if err != nil {
			return fmt.Errorf("list neighbours on %s: %w", link.Attrs().Name, err)
		}
		for _, n := range known {
			if n.IP.Equal(entry.IP) && n.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PROBE) != 0 {
				return nil
			}
		}
		if err := netlink.NeighDel(&entry); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("forget %s on %s: %w", router, link.Attrs().Name, err)
		}
	}
	return fmt.Errorf("%s does not answer on %s after %s", router, link.Attrs().Name, attempts*pause)
}

func addVXLAN(name string, v VXLAN) error {
	underlay, err := interfaceWith(v.Local)
	if err != nil {
		return err
	}
	if err := seal(underlay.Name); err != nil {
		return fmt.Errorf("seal the underlay %s: %w", underlay.Name, err)
	}
	link := &netlink.Vxlan{
		LinkAttrs: netlink.LinkAttrs{Name: name}, VxlanId: int(v.ID), VtepDevIndex: underlay.Index,
		SrcAddr: v.Local.AsSlice(), Port: VXLANPort, Learning: true,
	}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("add VXLAN %d: %w", v.ID, err)
	}
	// An all-zero address is the default entry: one for each other member sends
	// it a copy of what has no entry yet, as a multicast group would.
	for _, remote := range v.Remotes {
		err := netlink.NeighAppend(&netlink.Neigh{
			LinkIndex: link.Index, Family: unix.AF_BRIDGE, Flags: unix.NTF_SELF,
			State: unix.NUD_PERMANENT | unix.NUD_NOARP, IP: remote.AsSlice(), HardwareAddr: make(net.HardwareAddr, 6),
		})
		if err != nil {
			return fmt.Errorf("add forwarding entry for %s: %w", remote, err)
		}
	}
	return nil
}

func configureRoutes(n Network) error {
	everywhere := ipNet(netip.MustParsePrefix("0.0.0.0/0"))
	if n.Default.IsValid() {
		if err := netlink.RouteReplace(&netlink.Route{Dst: everywhere, Gw: n.Default.AsSlice()}); err != nil {
			return fmt.Errorf("set the default route to %s: %w", n.Default, err)
		}
	} else if err := netlink.RouteDel(&netlink.Route{Dst: everywhere}); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove the default route: %w", err)
	}
	for _, r := range n.Routes {
		if err := netlink.RouteReplace(&netlink.Route{Dst: ipNet(r.To), Gw: r.Via.AsSlice()}); err != nil {
			return fmt.Errorf("add route to %s: %w", r.To, err)
		}
	}
	return nil
}

// interfaceWith finds an interface by its address: the order and names of
// interfaces vary from engine to engine.
func interfaceWith(a netip.Addr) (net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, err
	}
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			return net.Interface{}, err
		}
		for _, x := range addresses {
			if n, ok := x.(*net.IPNet); ok && n.IP.Equal(a.AsSlice()) {
				return i, nil
			}
		}
	}
	return net.Interface{}, fmt.Errorf("no interface has the underlay address %s", a)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
