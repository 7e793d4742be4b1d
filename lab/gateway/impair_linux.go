package gateway

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// Impair makes the line as good as l says from now on, until it is called again or
// the gateway is programmed. Packets that are on their way arrive when they would
// have. It acts on every packet that is forwarded, after it was translated and
// counted; a hairpinned one goes up the line and down again. What the line loses
// is counted under LineLoss; where the kernel did it, without its bytes.
func Impair(l nat.Link) error {
	if err := l.Validate(); err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}
	p, err := programmed()
	if err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}
	defer programming.Unlock()
	namespace, err := networkNamespace()
	if err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}
	if err := p.impair(namespace, l); err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}
	return nil
}

// ways are those that packets can take over the line.
func (p *program) ways() []way {
	return []way{
		{"up", queueUp, p.LAN.Interface, p.WAN.Interface},
		{"down", queueDown, p.WAN.Interface, p.LAN.Interface},
		{"around", queueAround, p.LAN.Interface, p.LAN.Interface},
	}
}

type way struct {
	name     string
	queue    uint16
	from, to string
}

// line writes the chains that impair fills. They stand where all is translated
// and counted. The base chain is made here and stays, because the kernel drops
// every packet that it holds when one goes.
func (p *program) line() {
	const afterTranslation = 200
	p.base("line", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, afterTranslation)
	for _, w := range p.ways() {
		p.chain(w.name)
		p.add("line", "over the line", rule{}.iif(w.from).oif(w.to).jump(w.name))
	}
}

// impair replaces the rules that lead to the line's queue. A line that does
// nothing has none.
func (p *program) impair(namespace uint64, l nat.Link) error {
	idle := l == nat.Link{}
	q := lineIn(namespace)
	running := q.set(l)
	if !running && !idle {
		var err error
		if q, err = q.successor(l); err != nil {
			return err
		}
		keepLine(namespace, q)
	}
	impaired := map[uint16]bool{queueUp: l.Up != nat.Impairment{}, queueDown: l.Down != nat.Impairment{}, queueAround: !idle}
	for _, w := range p.ways() {
		p.conn.FlushChain(&nftables.Chain{Name: w.name, Table: p.table})
		if impaired[w.queue] {
			p.add(w.name, "impair", rule{}.queue(w.queue))
		}
	}
	err := p.conn.Flush()
	switch {
	case err == nil && idle:
		q.retire()
	case err != nil && !running:
		q.close()
	}
	if errors.Is(err, unix.ENOENT) {
		return errNoNFQueue
	}
	return err
}

// queue hands the packet to user space. Kernels without CONFIG_NFT_QUEUE can do
// so with the target of xtables.
func (r rule) queue(number uint16) rule {
	const onlyOne, noBypass = 1, 0
	info := xt.Unknown(binaryutil.NativeEndian.PutUint16(number))
	info = append(info, binaryutil.NativeEndian.PutUint16(onlyOne)...)
	info = append(info, binaryutil.NativeEndian.PutUint16(noBypass)...)
	info = append(info, 0, 0)
	return r.then(&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info})
}

// lines are the queues of all gateways that this process has programmed, by
// their network namespaces. One that was never impaired has none.
var lines = struct {
	sync.Mutex
	in map[uint64]*lineQueue
}{in: map[uint64]*lineQueue{}}

func lineIn(namespace uint64) *lineQueue {
	lines.Lock()
	defer lines.Unlock()
	return lines.in[namespace]
}

func keepLine(namespace uint64, q *lineQueue) {
	lines.Lock()
	defer lines.Unlock()
	lines.in[namespace] = q
}

// renewLine ends the line of the program before, and impairs the new one.
func (p *program) renewLine() error {
	namespace, err := networkNamespace()
	if err != nil {
		return err
	}
	lineIn(namespace).close()
	keepLine(namespace, nil)
	if p.Link == (nat.Link{}) {
		return nil
	}
	return p.impair(namespace, p.Link)
}

// networkNamespace identifies the namespace of the calling thread.
func networkNamespace() (uint64, error) {
	var s unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &s); err != nil {
		return 0, fmt.Errorf("identify the network namespace, which needs /proc: %w", err)
	}
	return s.Ino, nil
}

// lineLosses returns what this gateway's line has lost.
func lineLosses() (losses, error) {
	namespace, err := networkNamespace()
	if err != nil {
		return losses{}, err
	}
	lost, err := lineIn(namespace).losses()
	if err != nil {
		return losses{}, fmt.Errorf("the line is dead and drops every packet: %w", err)
	}
	return lost, nil
}
