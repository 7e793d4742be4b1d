package ladder

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/stun/v3"
)

// target is what a URL asks for.
type target struct {
	host      string
	port      uint16
	turn      bool
	transport string // "udp", "tcp", "tls", "dtls"
}

// parse reads a URL (RFC 7064, RFC 7065). Over which transport it would be is told
// even where the URL is wrong, as far as one can.
func parse(url string) (target, error) {
	t := target{transport: "udp"}
	uri, err := stun.ParseURI(url)
	if err != nil {
		return t, errors.New(whyBad(url, err))
	}
	if strings.Contains(uri.Host, "@") {
		return t, errors.New(userInURL)
	}
	if uri.Port < 1 || uri.Port > 65535 {
		return t, fmt.Errorf("port %d: want 1 to 65535", uri.Port)
	}
	t.host, t.port = strings.Trim(uri.Host, "[]"), uint16(uri.Port)
	t.turn = uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS
	switch {
	case uri.IsSecure() && uri.Proto == stun.ProtoTypeUDP:
		t.transport = "dtls"
	case uri.IsSecure():
		t.transport = "tls"
	case uri.Proto == stun.ProtoTypeTCP:
		t.transport = "tcp"
	}
	return t, nil
}

const userInURL = "a user in the URL: username and credential stand beside it"

// whyBad says what people mostly got wrong.
func whyBad(url string, err error) string {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case !ok || stun.NewSchemeType(scheme) == stun.SchemeTypeUnknown:
		return fmt.Sprintf("the scheme is none of stun, stuns, turn and turns (%v)", err)
	case strings.HasPrefix(rest, "//"):
		return "two slashes after the scheme: these URLs have none"
	case strings.Contains(rest, "@"):
		return userInURL
	case errors.Is(err, stun.ErrSTUNQuery):
		return "a stun: URL has no ?transport= (RFC 7064 section 3.1)"
	case errors.Is(err, stun.ErrProtoType):
		return "the transport is neither udp nor tcp (RFC 7065 section 3.1)"
	}
	return err.Error()
}

// stream reports whether the transport is TCP's.
func (t target) stream() bool { return t.transport == "tcp" || t.transport == "tls" }

// literal is the host where it is an address.
func (t target) literal() (netip.Addr, bool) {
	a, err := netip.ParseAddr(t.host)
	return a.Unmap(), err == nil
}
