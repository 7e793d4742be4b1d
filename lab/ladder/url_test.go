package ladder

import (
	"strings"
	"testing"
)

func TestURLsAreReadAsRFC7064And7065HaveThem(t *testing.T) {
	for url, want := range map[string]target{
		"stun:a":                       {host: "a", port: 3478, transport: "udp"},
		"stuns:a":                      {host: "a", port: 5349, transport: "tls"},
		"turn:a":                       {host: "a", port: 3478, transport: "udp", turn: true},
		"turn:a:80?transport=tcp":      {host: "a", port: 80, transport: "tcp", turn: true},
		"turns:a":                      {host: "a", port: 5349, transport: "tls", turn: true},
		"turns:a:443?transport=tcp":    {host: "a", port: 443, transport: "tls", turn: true},
		"turns:a?transport=udp":        {host: "a", port: 5349, transport: "dtls", turn: true},
		"turn:[2001:db8::5]:3478":      {host: "2001:db8::5", port: 3478, transport: "udp", turn: true},
		"turn:192.0.2.1?transport=udp": {host: "192.0.2.1", port: 3478, transport: "udp", turn: true},
	} {
		if got, err := parse(url); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", url, got, err, want)
		}
	}
}

func TestABadURLIsToldHow(t *testing.T) {
	for url, why := range map[string]string{
		"https://a":            "scheme",
		"a":                    "scheme",
		"turn://a":             "slashes",
		"turn:alice@a":         "beside it",
		"stun:a?transport=udp": "RFC 7064",
		"turn:a?transport=tls": "neither udp nor tcp",
		"turn:a:0":             "port 0",
		"turn:a:99999":         "port 99999",
		"turn:":                "",
	} {
		if _, err := parse(url); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want a word of %q", url, err, why)
		}
	}
}
