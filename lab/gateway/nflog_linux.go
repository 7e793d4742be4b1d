package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nflog is a socket that the kernel hands copies of packets to, which rules log
// (nfnetlink_log). Nothing waits for it: what it cannot take is lost to it, and
// goes on all the same.
type nflog struct {
	file *os.File
	conn syscall.RawConn
	buf  []byte
}

// logged is a copy of a packet, cut off at logLength.
type logged struct {
	hook    uint8
	in, out uint32 // interfaces
	prefix  string
	at      time.Time // zero if the kernel does not tell
	ip      []byte
}

// logGroup is the group of all rules that log.
const logGroup = 5

// logLength is how much of a packet is copied.
const logLength = 2200

var errNoNFLog = errors.New("this kernel shows no packets: it needs CONFIG_NFT_LOG and CONFIG_NETFILTER_NETLINK_LOG")

// The constants of linux/netfilter/nfnetlink_log.h.
const (
	nfulSubsystem = 4 // NFNL_SUBSYS_ULOG
	nfulPacket    = nfulSubsystem << 8
	nfulConfig    = nfulSubsystem<<8 | 1

	nfulConfigCommand   = 1
	nfulConfigMode      = 2
	nfulConfigThreshold = 5

	nfulBind       = 1
	nfulCopyPacket = 2

	nfulaPacketHeader = 1
	nfulaTimestamp    = 3
	nfulaIn           = 4
	nfulaOut          = 5
	nfulaPayload      = 9
	nfulaPrefix       = 10
)

// openNFLog binds to the group in the network namespace of the calling thread.
func openNFLog() (*nflog, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netfilter's netlink: %w", err)
	}
	l := &nflog{buf: make([]byte, 64<<10)}
	if err := l.bind(fd); err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EINVAL) {
			return nil, errNoNFLog
		}
		return nil, fmt.Errorf("bind to log group %d: %w", logGroup, err)
	}
	const buffer = 8 << 20
	// Beyond rmem_max only for root on the host; an ordinary user gets what there is.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	// What does not fit is counted by overflowed.
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set up the log's socket: %w", err)
	}
	l.file = os.NewFile(uintptr(fd), "nflog")
	if l.conn, err = l.file.SyscallConn(); err != nil {
		_ = l.file.Close()
		return nil, err
	}
	return l, nil
}

func (l *nflog) bind(fd int) error {
	mode := append(binary.BigEndian.AppendUint32(nil, logLength), nfulCopyPacket, 0)
	for _, attributes := range [][]netlink.Attribute{
		{{Type: nfulConfigCommand, Data: []byte{nfulBind}}},
		{
			{Type: nfulConfigMode, Data: mode},
			// Every packet at once: one that waited for others would be seen late.
			{Type: nfulConfigThreshold, Data: binary.BigEndian.AppendUint32(nil, 1)},
		},
	} {
		body, err := netlink.MarshalAttributes(attributes)
		if err != nil {
			return err
		}
		message := appendHeader(nil, nfulConfig, unix.NLM_F_REQUEST|unix.NLM_F_ACK, logGroup, len(body))
		if err := unix.Sendto(fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		// The kernel answers before the message is sent. A rule may log already.
		n, _, err := unix.Recvfrom(fd, l.buf, 0)
		if err != nil {
			return err
		}
		if err := l.parse(l.buf[:n], func(logged) {}); err != nil {
			return err
		}
	}
	return nil
}

func (l *nflog) close() error { return l.file.Close() }

// run takes packets until the socket is closed.
func (l *nflog) run(take func()) {
	_ = l.conn.Read(func(uintptr) bool {
		take()
		return false // wait for more
	})
}

// receive hands over what has come.
func (l *nflog) receive(each func(logged)) error {
	var failed error
	err := l.conn.Control(func(fd uintptr) {
		for {
			n, _, err := unix.Recvfrom(int(fd), l.buf, 0)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return
			case err == nil:
				err = l.parse(l.buf[:n], each)
			}
			if err != nil {
				failed = err
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// parse reads the messages that come at once: packets, or the answer to an order.
func (l *nflog) parse(b []byte, each func(logged)) error {
	const header = unix.NLMSG_HDRLEN
	for len(b) >= header+nfHeaderBytes {
		length := int(binary.NativeEndian.Uint32(b))
		if length < header+nfHeaderBytes || length > len(b) {
			return fmt.Errorf("a message of %d bytes", length)
		}
		switch kind := binary.NativeEndian.Uint16(b[4:]); kind {
		case nfulPacket:
			p, err := parseLogged(b[header+nfHeaderBytes : length])
			if err != nil {
				return err
			}
			each(p)
		case unix.NLMSG_ERROR:
			if code := int32(binary.NativeEndian.Uint32(b[header:])); code != 0 {
				return unix.Errno(-code)
			}
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return nil
}

func parseLogged(b []byte) (logged, error) {
	var p logged
	attributes, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return p, err
	}
	for attributes.Next() {
		switch data := attributes.Bytes(); attributes.Type() {
		case nfulaPacketHeader:
			if len(data) >= 3 {
				p.hook = data[2]
			}
		case nfulaTimestamp:
			if len(data) >= 16 {
				p.at = time.Unix(int64(binary.BigEndian.Uint64(data)), int64(binary.BigEndian.Uint64(data[8:]))*1000)
			}
		case nfulaIn:
			if len(data) >= 4 {
				p.in = binary.BigEndian.Uint32(data)
			}
		case nfulaOut:
			if len(data) >= 4 {
				p.out = binary.BigEndian.Uint32(data)
			}
		case nfulaPrefix:
			p.prefix = unix.ByteSliceToString(data)
		case nfulaPayload:
			p.ip = data
		}
	}
	return p, attributes.Err()
}

// overflowed returns how many packets there was no room for.
func (l *nflog) overflowed() (lost uint64, err error) {
	controlled := l.conn.Control(func(fd uintptr) { lost, err = socketDrops(int(fd)) })
	return lost, errors.Join(controlled, err)
}

// socketDrops returns how many messages the kernel has dropped because a socket's
// buffer was full.
func socketDrops(fd int) (uint64, error) {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("read how many packets the socket dropped: %w", errno)
	}
	return uint64(info[drops]), nil
}
