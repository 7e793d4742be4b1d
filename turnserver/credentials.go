package turnserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pion/turn/v4"
)

// GenerateCredentials returns a fresh random username and password (128 bits or more) for the
// long-term credential mechanism (RFC 8489 section 9.2).
func GenerateCredentials() (user, password string) {
	return "user-" + strings.ToLower(rand.Text()[:8]), rand.Text()
}

// TimeLimitedCredentials mints credentials that a server with this Config.Secret takes until ttl
// after now, to the second: the scheme of draft-uberti-behave-turn-rest, which coturn calls
// use-auth-secret. The username is "UNIXTIME:NAME", or "UNIXTIME" where name is empty, and the
// password is the base64 of its HMAC-SHA1 under the secret. A negative ttl mints expired ones.
func TimeLimitedCredentials(secret, name string, ttl time.Duration, now time.Time) (user, password string) {
	user = strconv.FormatInt(now.Add(ttl).Unix(), 10)
	if name != "" {
		user += ":" + name
	}

	return user, timeLimitedPassword(secret, user)
}

func timeLimitedPassword(secret, user string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(user))

	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// key returns the user's key (RFC 8489 section 9.2.2), or why there is none.
func (s *Server) key(user string) (key []byte, refusal string) {
	if key, known := s.keys[user]; known {
		return key, ""
	}
	stamp, _, _ := strings.Cut(user, ":")
	expiry, err := strconv.ParseInt(stamp, 10, 64)
	if s.config.Secret == "" || err != nil {
		return nil, "unknown user"
	}
	now := s.faults.clock()
	if now.Unix() > expiry {
		at := time.Unix(expiry, 0)

		return nil, fmt.Sprintf("the credentials expired at %s, %s ago by this server's clock",
			at.UTC().Format(time.RFC3339), now.Sub(at).Truncate(time.Second))
	}

	return turn.GenerateAuthKey(user, s.config.Realm, timeLimitedPassword(s.config.Secret, user)), ""
}

// holder is who a quota counts: credentials of any time limit are one user's.
func (s *Server) holder(user string) string {
	if _, fixed := s.keys[user]; s.config.Secret == "" || fixed {
		return user
	}
	if _, name, named := strings.Cut(user, ":"); named {
		return name
	}

	return user
}

// servesTURN tells a TURN server from one that answers STUN only.
func (s *Server) servesTURN() bool {
	return (len(s.keys) > 0 || s.config.Secret != "") && !s.faults.STUNOnly
}
