package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
)

// mapView is the topology as a drawing: the caller on the left, the callee on the
// right, each behind its gateways, the TURN server above the middle.
type mapView struct {
	Width, Height int
	Nodes         []mapNode
	Lines         []mapLine
	// Path is what the echo took, as SVG path data; empty if there was none.
	Path string
	// Tone is "good" for a direct path, "fine" for a relayed one.
	Tone string
	// Says is the path in words, beneath.
	Says string
}

type mapNode struct {
	X, Y, Width, Height int
	Name, Address       string
	Kind                string // "peer", "gateway", "server", "wan"
	// Cause is the code of the cause that has its place here.
	Cause string
}

// CX and CY are the middle of the box.
func (n mapNode) CX() int { return n.X + n.Width/2 }
func (n mapNode) CY() int { return n.Y + n.Height/2 }

// Where its texts stand, and the badge of a cause.
func (n mapNode) NameY() int      { return n.Y + 21 }
func (n mapNode) AddressY() int   { return n.Y + 38 }
func (n mapNode) MiddleY() int    { return n.CY() + 5 }
func (n mapNode) BadgeX() int     { return n.X + n.Width - 34 }
func (n mapNode) BadgeY() int     { return n.Y - 11 }
func (n mapNode) BadgeTextX() int { return n.BadgeX() + 20 }
func (n mapNode) BadgeTextY() int { return n.BadgeY() + 14 }

// SaysX and SaysY are where the path stands in words.
func (v mapView) SaysX() int { return v.Width / 2 }
func (v mapView) SaysY() int { return v.Height - 10 }

type mapLine struct {
	X1, Y1, X2, Y2 int
	Text           string
}

// Measures of the drawing, in pixels.
const (
	mapWidth  = 1040
	boxWidth  = 128
	boxHeight = 50
	rowTop    = 24  // of the TURN server
	rowWAN    = 116 // of the WAN above gateways that both peers share
	rowPeers  = 158
)

func (c Case) mapView() *mapView {
	left, right := append([]string{c.caller()}, c.chain(c.caller())...), append([]string{c.callee()}, c.chain(c.callee())...)
	if len(left)+len(right) == 2 {
		return nil // nothing is known of what lies between
	}
	var shared []string
	for len(left) > 1 && len(right) > 1 && left[len(left)-1] == right[len(right)-1] {
		shared = slices.Insert(shared, 0, left[len(left)-1])
		left, right = left[:len(left)-1], right[:len(right)-1]
	}
	d := drawing{c: c, at: map[string]mapNode{}, marked: c.places()}
	d.Width, d.Height = mapWidth, rowPeers+boxHeight+46
	middle := mapWidth / 2
	d.box(topology.Turn, "server", middle, rowTop)
	step := (mapWidth - boxWidth - 16) / (len(left) + len(right))
	for i, name := range left {
		d.box(name, kindOf(i), 8+boxWidth/2+i*step, rowPeers)
	}
	for i, name := range right {
		d.box(name, kindOf(i), mapWidth-8-boxWidth/2-i*step, rowPeers)
	}
	hub := topology.WAN
	if len(shared) > 0 {
		d.wan(middle, rowWAN)
		hub = shared[0]
		d.box(hub, "gateway", middle, rowPeers)
		d.line(hub, topology.WAN, "")
	} else {
		d.wan(middle, rowPeers+(boxHeight-wanHeight)/2)
	}
	d.line(topology.WAN, topology.Turn, "")
	for _, chain := range [][]string{left, right} {
		for i, name := range chain {
			next := hub
			if i+1 < len(chain) {
				next = chain[i+1]
			}
			d.line(name, next, c.segment(name, next))
		}
	}
	d.path(left, right)
	return &d.mapView
}

func kindOf(index int) string {
	if index == 0 {
		return "peer"
	}
	return "gateway"
}

type drawing struct {
	mapView
	c      Case
	at     map[string]mapNode
	marked map[string]string
}

func (d *drawing) box(name, kind string, middle, top int) {
	n := mapNode{
		X: middle - boxWidth/2, Y: top, Width: boxWidth, Height: boxHeight,
		Name: name, Kind: kind, Address: d.c.address(name), Cause: d.marked[name],
	}
	d.at[name] = n
	d.Nodes = append(d.Nodes, n)
}

const (
	wanWidth  = 72
	wanHeight = 26
)

func (d *drawing) wan(middle, top int) {
	n := mapNode{
		X: middle - wanWidth/2, Y: top, Width: wanWidth, Height: wanHeight,
		Name: topology.WAN, Kind: "wan", Cause: d.marked[topology.WAN],
	}
	d.at[topology.WAN] = n
	d.Nodes = append(d.Nodes, n)
}

func (d *drawing) line(from, to, text string) {
	a, b := d.at[from], d.at[to]
	d.Lines = append(d.Lines, mapLine{a.CX(), a.CY(), b.CX(), b.CY(), text})
}

// path draws what the echo took.
func (d *drawing) path(left, right []string) {
	proven, transport, _ := strings.Cut(d.c.Proven, "/")
	caller, callee := d.at[left[0]], d.at[right[0]]
	row := fmt.Sprintf("M%d %d", caller.CX(), caller.CY())
	wan, turn := d.at[topology.WAN], d.at[topology.Turn]
	switch proven {
	case "direct":
		d.Tone, d.Says = "good", "direct"
		if d.c.segment(left[0], right[0]) == "" || d.c.hairpinned() {
			d.Path = row + fmt.Sprintf(" H%d", callee.CX())
			break
		}
		// On one LAN, past the gateway.
		d.Path = row + fmt.Sprintf(" V%d H%d V%d", rowPeers+boxHeight+16, callee.CX(), callee.CY())
	case "relay", "relay-both":
		const apart = 7
		d.Tone = "fine"
		d.Path = row + fmt.Sprintf(" H%d V%d H%d V%d H%d", wan.CX()-apart, turn.CY(), wan.CX()+apart, caller.CY(), callee.CX())
		d.Says = d.c.relayed(proven)
		if transport != "" {
			d.Says += " over " + strings.ToUpper(strings.ReplaceAll(transport, "+", " and "))
		}
	case "none":
		d.Tone, d.Says = "bad", "no path"
	default:
		d.Says = "no path was proven"
	}
}

// relayed says through whose relay the echo went.
func (c Case) relayed(proven string) string {
	if proven == "relay-both" {
		return "through the relays of both"
	}
	if c.Evidence == nil {
		return "through a relay"
	}
	for _, side := range []struct {
		name   string
		report *peers.Report
	}{{c.caller(), c.Evidence.Caller.Report}, {c.callee(), c.Evidence.Callee.Report}} {
		if side.report != nil && side.report.Selected != nil && side.report.Selected.Local.Type == peers.Relay {
			return "through the relay of the " + side.name
		}
	}
	return "through a relay"
}

// hairpinned reports whether peers on one LAN talk by an external address.
func (c Case) hairpinned() bool {
	if c.Evidence == nil {
		return false
	}
	r := c.Evidence.Caller.Report
	if r == nil || r.Selected == nil {
		return false
	}
	address, err := netip.ParseAddr(r.Selected.Remote.Address)
	if err != nil {
		return false
	}
	owner, known := c.Topology.Owner(address)
	return known && owner.Role == topology.Gateway
}

// segment is the name of the segment that two nodes are on; the WAN's is not told.
func (c Case) segment(a, b string) string {
	from, err := c.Topology.Node(a)
	if err != nil {
		return ""
	}
	to, err := c.Topology.Node(b)
	if err != nil {
		return ""
	}
	for _, i := range from.Interfaces {
		if _, there := to.On(i.Segment); there && i.Segment != topology.WAN && !i.Down {
			return i.Segment
		}
	}
	return ""
}

// address is the address of a node that others outside of its LAN see: a gateway's
// external one, a peer's own.
func (c Case) address(name string) string {
	if n, err := c.Topology.Node(name); err == nil {
		return n.Address().String()
	}
	if c.Evidence == nil {
		return ""
	}
	for _, g := range c.Evidence.Gateways {
		if g.Name == name && g.External.IsValid() {
			return g.External.String()
		}
	}
	var found []netip.Addr
	for a, of := range c.Evidence.Names {
		if of == name {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.MinFunc(found, netip.Addr.Compare).String()
}

// places are the nodes that the diagnosis names as the place of its cause.
func (c Case) places() map[string]string {
	marked := map[string]string{}
	if c.Diagnosis == nil || c.Diagnosis.Where == "" {
		return marked
	}
	known := append([]string{topology.Turn, topology.WAN, c.caller(), c.callee()}, c.chain(c.caller())...)
	known = append(known, c.chain(c.callee())...)
	// Names of nodes are in small letters: "turn" is one, TURN is not.
	words := strings.FieldsFunc(c.Diagnosis.Where, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if strings.Contains(c.Diagnosis.Where, "both peers") {
		words = append(words, c.caller(), c.callee())
	}
	for _, name := range known {
		if slices.Contains(words, name) {
			marked[name] = cmp.Or(c.Diagnosis.Cause, "?")
		}
	}
	if len(marked) == 0 && strings.Contains(c.Diagnosis.Where, "TURN server") {
		marked[topology.Turn] = cmp.Or(c.Diagnosis.Cause, "?")
	}
	return marked
}
