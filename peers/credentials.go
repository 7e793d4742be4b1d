package peers

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Credentials are what a description proves itself by, as this peer made or got
// it. What one peer made and the other got should be equal.
type Credentials struct {
	// Local is set for a description that this peer made.
	Local bool    `json:"local"`
	AtMS  float64 `json:"at_ms"`
	// Generation is how many restarts of ICE this peer had begun, with that of the
	// description itself.
	Generation int `json:"generation,omitempty"`

	// Ufrag is the username fragment (RFC 8839 section 5.4), and PasswordDigest the
	// first 8 bytes of the SHA-256 of the password, in hexadecimal. A password has
	// 128 random bits: its digest tells whether two are the same, and no more.
	Ufrag          string `json:"ufrag"`
	PasswordDigest string `json:"password_digest"`
	// Fingerprint is that of the certificate for DTLS (RFC 8122 section 5), and
	// Setup who begins its handshake: "actpass", "active", "passive" (RFC 8842).
	Fingerprint string `json:"fingerprint,omitempty"`
	Setup       string `json:"setup,omitempty"`
}

// described is a description's credentials, and when it was made or came.
type described struct {
	Credentials
	at time.Time
}

// credentials reads those of a description.
func credentials(sdp string) Credentials {
	var c Credentials
	for line := range strings.Lines(sdp) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		switch name {
		case "a=ice-ufrag":
			c.Ufrag = value
		case "a=ice-pwd":
			sum := sha256.Sum256([]byte(value))
			c.PasswordDigest = hex.EncodeToString(sum[:8])
		case "a=fingerprint":
			c.Fingerprint = value
		case "a=setup":
			c.Setup = value
		}
	}
	return c
}

// described notes a description that was made, or came, in a generation.
func (w *watch) described(local bool, generation int, sdp string) {
	d := described{credentials(sdp), time.Now()}
	d.Local, d.Generation = local, generation
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.descriptions) < timelineLimit {
		w.descriptions = append(w.descriptions, d)
	}
}
