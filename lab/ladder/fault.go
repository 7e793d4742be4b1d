package ladder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// errSilent is no answer within the patience.
var errSilent = errors.New("no answer")

// notSTUN is an answer that is none.
type notSTUN struct{ begins []byte }

func (n notSTUN) Error() string {
	return fmt.Sprintf("answered with what is no STUN: it begins with %q", n.begins)
}

// faultOf tells what the network did from the error that a socket had of it; nothing
// if it was not the network.
func faultOf(err error) Fault {
	if _, ok := errors.AsType[notSTUN](err); ok {
		return NotSTUN
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errSilent), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Silent
	case errors.Is(err, errnoRefused):
		return Refused
	case errors.Is(err, os.ErrPermission):
		return Forbidden
	case errors.Is(err, errnoNetUnreachable), errors.Is(err, errnoHostUnreachable),
		errors.Is(err, errnoNoAddress):
		return Unreachable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, errnoReset):
		return Closed
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return Silent
	}
	return ""
}

// words says an error as the packet that caused it.
func words(err error, overUDP bool) string {
	if other, ok := errors.AsType[notSTUN](err); ok {
		return other.Error()
	}
	switch faultOf(err) {
	case Silent:
		return "no answer"
	case Refused:
		if overUDP {
			return "ICMP port unreachable"
		}
		return "RST to our SYN"
	case Closed:
		if errors.Is(err, errnoReset) {
			return "RST in the middle of the connection"
		}
		return "the other side closed the connection"
	case Forbidden:
		return "this host's own firewall forbids it"
	case Unreachable:
		switch {
		case errors.Is(err, errnoNetUnreachable):
			return "no route to that network"
		case errors.Is(err, errnoHostUnreachable):
			return "host unreachable, by ICMP or for want of a route"
		case errors.Is(err, errnoNoAddress):
			return "this host has no address to send from"
		}
	}
	return err.Error()
}
