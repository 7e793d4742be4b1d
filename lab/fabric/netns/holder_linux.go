package netns

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/internal/lastwords"
	"github.com/icelab-go/icelab/lab/topology"
)

// event is what the holder tells the lab.
type event struct {
	// Ready: all nodes run and have their interfaces, which are down.
	Ready bool `json:"ready,omitempty"`
	// Linked: every interface that is to be up is, and its segment passes what it
	// sends.
	Linked bool `json:"linked,omitempty"`
	// Died names a node that has ended, Words how.
	Died  string `json:"died,omitempty"`
	Words string `json:"words,omitempty"`
	// Failed says why there will be no lab.
	Failed string `json:"failed,omitempty"`
}

// holder is the process that a lab's namespaces hang on. It starts the nodes,
// and its own network namespace has the bridges. When it ends, all of it ends.
type holder struct {
	control  *os.File
	topology topology.Topology

	mu sync.Mutex // for telling

	// bridges are the segments' interface indices, in their order, once wired
	// is closed.
	bridges []int
	wired   chan struct{}
	wiring  error
}

// What the interfaces in the holder's namespace are called, with a number each.
const (
	bridgeName = "segment"
	portName   = "port"
)

// hold is the role of the holder. Its control stream brings the topology, and
// its end is the order to end. Behind it are the nodes' streams, in the order
// of the nodes.
func hold() error {
	h := &holder{control: os.NewFile(streamFD, "control stream"), wired: make(chan struct{})}
	unix.CloseOnExec(streamFD)
	orders := json.NewDecoder(h.control)
	if err := orders.Decode(&h.topology); err != nil {
		return fmt.Errorf("read the topology: %w", err)
	}
	for i := range h.topology.Nodes {
		unix.CloseOnExec(streamFD + 1 + i) // or every node had all streams
	}
	go func() {
		if err := h.build(); err != nil {
			h.tell(event{Failed: err.Error()})
			return
		}
		h.tell(event{Ready: true})
	}()
	_, err := io.Copy(io.Discard, h.control)
	return err
}

func (h *holder) tell(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Without a lab there is nobody to tell, and the end is near.
	_ = json.NewEncoder(h.control).Encode(e)
}

// build makes the bridges while the first nodes start, and each node's
// interfaces while it is still initialising itself.
func (h *holder) build() error {
	noIPv6()
	if err := h.watchLinks(); err != nil {
		return fmt.Errorf("watch the links: %w", err)
	}
	go func() {
		defer close(h.wired)
		h.wiring = h.addBridges()
	}()
	var each errgroup.Group
	for i, n := range h.topology.Nodes {
		each.Go(func() error {
			namespace, err := h.startNode(n, os.NewFile(uintptr(streamFD+1+i), n.Name))
			if err != nil {
				return fmt.Errorf("start node %s: %w", n.Name, err)
			}
			defer namespace.Close()
			if err := h.attach(n, namespace, i); err != nil {
				return fmt.Errorf("attach node %s: %w", n.Name, err)
			}
			return nil
		})
	}
	return each.Wait()
}

// startNode starts a node in a network namespace of its own. Pdeathsig would add
// nothing: the kernel ends the nodes with the holder.
func (h *holder) startNode(n topology.Node, stream *os.File) (netns.NsHandle, error) {
	defer stream.Close()
	c := again(nodeRole, n.Name)
	c.ExtraFiles = []*os.File{stream}
	stderr := new(lastwords.Tail)
	c.Stderr = stderr
	namespace, err := inNewNamespace(c.Start)
	if err != nil {
		return namespace, err
	}
	go func() {
		_ = c.Wait()
		h.tell(event{Died: n.Name, Words: lastwords.Of(status(c), stderr)})
	}()
	return namespace, nil
}

// inNewNamespace calls f on a thread in a new network namespace. Several can be
// made at once, which CLONE_NEWNET would not do: Go starts one process after the
// other.
func inNewNamespace(f func() error) (namespace netns.NsHandle, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		noIPv6()
		if namespace, err = netns.GetFromPath("/proc/thread-self/ns/net"); err != nil {
			return
		}
		if err = f(); err != nil {
			namespace.Close()
		}
	}()
	<-done
	return namespace, err
}

// noIPv6 keeps neighbour discovery off the interfaces that this network namespace
// will have. Where /proc/sys is read-only it stays: a lab has no IPv6 addresses
// to be found. The switch for all interfaces would wait for the kernel's lock on
// them, spinning.
func noIPv6() {
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
}

// status says how a command ended.
func status(c *exec.Cmd) string {
	if how, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && how.Signaled() {
		if how.Signal() == syscall.SIGKILL {
			return "it was killed"
		}
		return "it ended by the signal " + how.Signal().String()
	}
	return fmt.Sprintf("it ended with exit status %d", c.ProcessState.ExitCode())
}

func (h *holder) addBridges() error {
	for i, s := range h.topology.Segments {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint(bridgeName, i), Flags: net.FlagUp, TxQLen: -1}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("add the bridge of %s: %w", s.Name, err)
		}
		h.bridges = append(h.bridges, bridge.Index)
	}
	return nil
}

// attach gives a node its interfaces: one end of each pair is a port of the
// segment's bridge, the other is made right in the node's namespace under the
// name of the segment.
func (h *holder) attach(n topology.Node, namespace netns.NsHandle, number int) error {
	<-h.wired
	if h.wiring != nil {
		return h.wiring
	}
	for i, on := range n.Interfaces {
		bridge, err := h.bridge(on.Segment)
		if err != nil {
			return err
		}
		err = netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("%s%d.%d", portName, number, i), Flags: net.FlagUp, MasterIndex: bridge, TxQLen: -1},
			PeerName:  on.Segment, PeerNamespace: netlink.NsFd(namespace),
		})
		if err != nil {
			return fmt.Errorf("add the interface %s: %w", on.Segment, err)
		}
	}
	return nil
}

func (h *holder) bridge(segment string) (index int, err error) {
	for i, s := range h.topology.Segments {
		if s.Name == segment {
			return h.bridges[i], nil
		}
	}
	return 0, fmt.Errorf("there is no segment %s", segment)
}

// watchLinks tells when all ports of the bridges pass packets. A node that sets
// its interface up is not heard before the kernel has told the bridge, a moment
// later: an ARP request lost there costs a second.
func (h *holder) watchLinks() error {
	ports := 0
	for _, n := range h.topology.Nodes {
		for _, on := range n.Interfaces {
			if !on.Down {
				ports++
			}
		}
	}
	updates := make(chan netlink.LinkUpdate)
	failed := func(err error) { h.tell(event{Failed: "watch the interfaces: " + err.Error()}) }
	if err := netlink.LinkSubscribeWithOptions(updates, nil, netlink.LinkSubscribeOptions{ErrorCallback: failed}); err != nil {
		return err
	}
	go func() {
		up := map[int]bool{}
		for u := range updates {
			a := u.Attrs()
			if a.MasterIndex != 0 && a.OperState == netlink.OperUp && !up[a.Index] {
				up[a.Index] = true
				if len(up) == ports {
					h.tell(event{Linked: true})
				}
			}
		}
	}()
	return nil
}
