package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/icelab-go/icelab/lab/ladder"
)

// Usual are the URLs by which TURN servers are mostly reached: over UDP and TCP on the
// port of STUN, and over TLS on its own port and on that of the web, which is the one
// that the strictest networks leave open.
func Usual(host string) []string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return []string{
		"turn:" + host + ":3478?transport=udp",
		"turn:" + host + ":3478?transport=tcp",
		"turns:" + host + ":5349?transport=tcp",
		"turns:" + host + ":443?transport=tcp",
	}
}

var schemes = []string{"stun", "stuns", "turn", "turns"}

// expand makes URLs of hosts, and tells which those are.
func expand(targets []string) (urls []string, usual map[string]bool, err error) {
	usual = map[string]bool{}
	add := func(url string) bool {
		if slices.Contains(urls, url) {
			return false
		}
		urls = append(urls, url)
		return true
	}
	for _, target := range targets {
		scheme, _, _ := strings.Cut(target, ":")
		if slices.Contains(schemes, scheme) && scheme != target {
			add(target)
			continue
		}
		host := strings.Trim(target, "[]")
		if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, ":/?@ ") {
			if _, port, err := net.SplitHostPort(target); err == nil && isPort(port) {
				return nil, nil, fmt.Errorf("%q: a host alone stands for all usual ports; for port %s write turn:%s", target, port, target)
			}
			return nil, nil, fmt.Errorf("%q: want turn:HOST, turns:HOST, stun:HOST or a host alone", target)
		}
		for _, url := range Usual(host) {
			if add(url) {
				usual[url] = true
			}
		}
	}
	if len(urls) == 0 {
		return nil, nil, errors.New("no server to examine")
	}
	return urls, usual, nil
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// offered takes out the usual URLs that a host does not have, as long as it has
// others: that a server speaks no TLS is no fault of one that nobody asked for it.
func offered(climbs []ladder.Climb, usual map[string]bool) (counting, missing []ladder.Climb) {
	speaks := slices.ContainsFunc(climbs, func(c ladder.Climb) bool { return usual[c.URL] && c.Reached(ladder.Challenge) })
	for _, c := range climbs {
		if usual[c.URL] && speaks && absent(c) {
			missing = append(missing, c)
		} else {
			counting = append(counting, c)
		}
	}
	return counting, missing
}

// absent reports whether a climb looks as it does where nothing of the kind is.
func absent(c ladder.Climb) bool {
	failed := c.Failed()
	if failed == nil {
		return false
	}
	switch {
	case strings.HasSuffix(c.URL, ":443?transport=tcp"):
		// Most often a web server, whose certificate is none of ours to judge.
		return !c.Reached(ladder.Binding)
	case c.Transport == "tls":
		return failed.Stage == ladder.Transport
	}
	return failed.Fault == ladder.Refused
}
