package turnserver

import (
	"crypto/rand"
	"strings"
)

// GenerateCredentials returns a fresh random username and password (128 bits or more) for the
// long-term credential mechanism (RFC 8489 section 9.2).
func GenerateCredentials() (user, password string) {
	return "user-" + strings.ToLower(rand.Text()[:8]), rand.Text()
}
