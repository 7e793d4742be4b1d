package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nfqueue is a socket that the kernel hands queued packets to, and waits for a
// verdict on each (nfnetlink_queue). A packet whose queue no socket is bound to
// is dropped.
type nfqueue struct {
	fd       int
	buf      []byte
	verdicts []byte // those that flush has yet to send
}

// queued is a packet that waits in the kernel.
type queued struct {
	queue uint16
	id    uint32
	bytes int // of the whole IP packet
}

var errNoNFQueue = errors.New("this kernel cannot queue packets for impairment: it needs CONFIG_NETFILTER_NETLINK_QUEUE, CONFIG_NETFILTER_XT_TARGET_NFQUEUE and CONFIG_NFT_COMPAT")

// The constants of linux/netfilter/nfnetlink_queue.h.
const (
	nfqnlSubsystem = 3 // NFNL_SUBSYS_QUEUE
	nfqnlPacket    = nfqnlSubsystem << 8
	nfqnlVerdict   = nfqnlSubsystem<<8 | 1
	nfqnlConfig    = nfqnlSubsystem<<8 | 2

	nfqaPacketHeader  = 1
	nfqaVerdictHeader = 2
	nfqaPayload       = 10

	nfqaCommand    = 1
	nfqaParameters = 2
	nfqaMaxLength  = 3

	nfqnlBind       = 1
	nfqnlCopyPacket = 2

	nfDrop, nfAccept = 0, 1

	nfHeaderBytes = 4 // struct nfgenmsg
	verdictBytes  = unix.NLMSG_HDRLEN + nfHeaderBytes + unix.SizeofNlAttr + 8
)

// openNFQueue binds to queues, each of which holds up to capacity packets.
func openNFQueue(capacity uint32, queues ...uint16) (*nfqueue, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netfilter's netlink: %w", err)
	}
	q := &nfqueue{fd: fd, buf: make([]byte, 64<<10)}
	for _, number := range queues {
		if err := q.bind(number, capacity); err != nil {
			q.close()
			if errors.Is(err, unix.EINVAL) {
				return nil, errNoNFQueue
			}
			return nil, fmt.Errorf("bind to packet queue %d: %w", number, err)
		}
	}
	const buffer = 8 << 20
	// Beyond rmem_max only for root on the host; an ordinary user gets what there is.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	// After an ENOBUFS the kernel would drop all until the buffer is empty. What
	// does not fit is counted by overflowed.
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1); err != nil {
		q.close()
		return nil, fmt.Errorf("set up the packet queue's socket: %w", err)
	}
	return q, nil
}

func (q *nfqueue) close() { _ = unix.Close(q.fd) }

func (q *nfqueue) bind(number uint16, capacity uint32) error {
	const ipHeaderStart = 4 // enough for the total length
	command := []byte{nfqnlBind, 0, 0, unix.AF_INET}
	parameters := append(binary.BigEndian.AppendUint32(nil, ipHeaderStart), nfqnlCopyPacket)
	for _, attributes := range [][]netlink.Attribute{
		{{Type: nfqaCommand, Data: command}},
		{{Type: nfqaParameters, Data: parameters}, {Type: nfqaMaxLength, Data: binary.BigEndian.AppendUint32(nil, capacity)}},
	} {
		body, err := netlink.MarshalAttributes(attributes)
		if err != nil {
			return err
		}
		message := appendHeader(nil, nfqnlConfig, unix.NLM_F_REQUEST|unix.NLM_F_ACK, number, len(body))
		if err := unix.Sendto(q.fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		if err := q.acknowledged(); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged reads the answer to the last message, which the kernel gives
// before the message is sent. Packets may come before it: they belong to a queue
// that no rule leads to yet, and so are none.
func (q *nfqueue) acknowledged() error {
	n, _, err := unix.Recvfrom(q.fd, q.buf, 0)
	if err != nil {
		return err
	}
	_, err = parseQueued(q.buf[:n])
	return err
}

// receive returns the next packet. It does not wait: without one the error is
// EAGAIN.
func (q *nfqueue) receive() (queued, error) {
	n, _, err := unix.Recvfrom(q.fd, q.buf, 0)
	if err != nil {
		return queued{}, err
	}
	return parseQueued(q.buf[:n])
}

// parseQueued reads one message: a packet, or the answer to a verdict or an
// order, whose error it returns.
func parseQueued(b []byte) (queued, error) {
	const header = unix.NLMSG_HDRLEN
	if len(b) < header+nfHeaderBytes {
		return queued{}, fmt.Errorf("a message of %d bytes", len(b))
	}
	switch kind := binary.NativeEndian.Uint16(b[4:]); kind {
	case nfqnlPacket:
	case unix.NLMSG_ERROR:
		if code := int32(binary.NativeEndian.Uint32(b[header:])); code != 0 {
			return queued{}, unix.Errno(-code)
		}
		return queued{}, nil
	default:
		return queued{}, fmt.Errorf("a message of type %#x", kind)
	}
	p := queued{queue: binary.BigEndian.Uint16(b[header+2:])}
	attributes, err := netlink.NewAttributeDecoder(b[header+nfHeaderBytes:])
	if err != nil {
		return queued{}, err
	}
	for attributes.Next() {
		switch data := attributes.Bytes(); attributes.Type() {
		case nfqaPacketHeader:
			if len(data) >= 4 {
				p.id = binary.BigEndian.Uint32(data)
			}
		case nfqaPayload:
			if len(data) >= 4 {
				p.bytes = int(binary.BigEndian.Uint16(data[2:]))
			}
		}
	}
	if err := attributes.Err(); err != nil {
		return queued{}, err
	}
	if p.id == 0 || p.bytes == 0 {
		return queued{}, errors.New("a packet without an id or a length")
	}
	return p, nil
}

// decide gives the verdict on a packet, at the latest with the next flush.
func (q *nfqueue) decide(p queued, verdict uint32) error {
	q.verdicts = appendHeader(q.verdicts, nfqnlVerdict, unix.NLM_F_REQUEST, p.queue, verdictBytes-unix.NLMSG_HDRLEN-nfHeaderBytes)
	q.verdicts = binary.NativeEndian.AppendUint16(q.verdicts, unix.SizeofNlAttr+8)
	q.verdicts = binary.NativeEndian.AppendUint16(q.verdicts, nfqaVerdictHeader)
	q.verdicts = binary.BigEndian.AppendUint32(q.verdicts, verdict)
	q.verdicts = binary.BigEndian.AppendUint32(q.verdicts, p.id)
	const batch = 128
	if len(q.verdicts) < batch*verdictBytes {
		return nil
	}
	return q.flush()
}

func (q *nfqueue) flush() error {
	if len(q.verdicts) == 0 {
		return nil
	}
	err := unix.Sendto(q.fd, q.verdicts, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	q.verdicts = q.verdicts[:0]
	return err
}

func appendHeader(b []byte, kind, flags, queue uint16, body int) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(unix.NLMSG_HDRLEN+nfHeaderBytes+body))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, make([]byte, 8)...) // sequence number and port: the kernel needs neither
	b = append(b, unix.AF_UNSPEC, unix.NFNETLINK_V0)
	return binary.BigEndian.AppendUint16(b, queue)
}

// overflowed returns how many packets the kernel has dropped because the
// socket's buffer was full.
func (q *nfqueue) overflowed() (uint64, error) { return socketDrops(q.fd) }

// wait returns when there is something to receive, when wake can be read, or
// when the time is over; a negative one never is.
func (q *nfqueue) wait(wake int, limit time.Duration) error {
	var timeout *unix.Timespec
	if limit >= 0 {
		t := unix.NsecToTimespec(limit.Nanoseconds())
		timeout = &t
	}
	_, err := unix.Ppoll([]unix.PollFd{{Fd: int32(q.fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}, timeout, nil)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}
