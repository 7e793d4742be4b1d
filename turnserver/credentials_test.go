package turnserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"github.com/icelab-go/icelab/turnserver"
)

const secret = "shared with the application"

// withSecret is a server that takes time-limited credentials, beside alice's.
func withSecret(ip string) turnserver.Config {
	cfg := config(ip)
	cfg.Secret = secret

	return cfg
}

// as makes a client log in with time-limited credentials.
func (c *rawClient) as(name string, ttl time.Duration) *rawClient {
	c.username, c.password = turnserver.TimeLimitedCredentials(secret, name, ttl, time.Now())

	return c
}

// printf 1700000060:bob | openssl dgst -sha1 -hmac 'shared with the application' -binary | base64
func TestTimeLimitedCredentialsAreThoseOfOtherImplementations(t *testing.T) {
	now := time.Unix(1_700_000_000, 999_999_999)
	name, password := turnserver.TimeLimitedCredentials(secret, "bob", time.Minute, now)
	if name != "1700000060:bob" || password != "o7wKVm9DgfMoz1Dlk+IhoGu7tFU=" {
		t.Errorf("got %s %s", name, password)
	}
	if name, _ := turnserver.TimeLimitedCredentials(secret, "", time.Minute, now); name != "1700000060" {
		t.Errorf("without a name: %s", name)
	}

	// turn/v4's own minting and the server agree.
	s := start(t, withSecret("127.0.0.1"))
	name, password, err := turn.GenerateLongTermTURNRESTCredentials(secret, "bob", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := newClient(t, s, "udp", name, password).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	_ = relay.Close()
	newRawClient(t, s, "udp").allocate(t) // alice's password still is what it was
	newRawClient(t, s, "udp").as("", time.Minute).allocate(t)
}

func TestExpiredUnknownAndWrongAreToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		username, password string
		want               string
	}{
		"expired":              {"1700000060:bob", "", "the credentials expired at 2023-11-14T22:14:20Z, "},
		"expired, no name":     {"1700000060", "", "the credentials expired at 2023-11-14T22:14:20Z, "},
		"of another secret":    {"9700000060:bob", "guess", "wrong password"},
		"of no time limit":     {"bob", password, "unknown user"},
		"of half a time limit": {"9700000060bob", password, "unknown user"},
		"of an empty one":      {":bob", password, "unknown user"},
		"alice, wrong":         {user, "guess", "wrong password"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, withSecret("127.0.0.1"))
			c := newRawClient(t, s, "udp")
			c.username, c.password = test.username, test.password
			code := codeOf(c.do(t, stun.MethodAllocate, overUDP))
			e := awaitKind(t, s, turnserver.AuthFailed)
			if !strings.HasPrefix(e.Reason, test.want) || e.Username != test.username || e.Code != code || code == 0 {
				t.Errorf("code %d, event %+v", code, e)
			}
		})
	}
}

func TestASecretAloneMakesATURNServer(t *testing.T) {
	cfg := withSecret("127.0.0.1")
	cfg.Users = nil
	s := start(t, cfg)
	newRawClient(t, s, "udp").as("bob", time.Minute).allocate(t)
}

func TestWithoutASecretATimeLimitIsJustAName(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp").as("bob", time.Minute)
	c.do(t, stun.MethodAllocate, overUDP)
	if e := awaitKind(t, s, turnserver.AuthFailed); e.Reason != "unknown user" {
		t.Errorf("event %+v", e)
	}
}

func TestAServersClockDecidesWhatHasExpired(t *testing.T) {
	for name, test := range map[string]struct {
		ahead, ttl time.Duration
		want       string
	}{
		"ahead":  {2 * time.Minute, time.Minute, "the credentials expired at "},
		"behind": {-2 * time.Minute, -time.Minute, ""},
		"right":  {0, -time.Minute, "the credentials expired at "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := withSecret("127.0.0.1")
			cfg.Faults.ClockOffset = test.ahead
			s := start(t, cfg)
			c := newRawClient(t, s, "udp").as("bob", test.ttl)
			if test.want == "" {
				c.allocate(t)

				return
			}
			c.do(t, stun.MethodAllocate, overUDP)
			e := awaitKind(t, s, turnserver.AuthFailed)
			if !strings.HasPrefix(e.Reason, test.want) || !strings.Contains(e.Reason, " ago by this server's clock") {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestAQuotaCountsAUserWhateverTheTimeLimits(t *testing.T) {
	cfg := withSecret("127.0.0.1")
	cfg.Quota = 1
	s := start(t, cfg)
	first := newRawClient(t, s, "udp").as("bob", time.Minute)
	first.allocate(t)
	second := newRawClient(t, s, "udp").as("bob", time.Hour)
	if code := codeOf(second.do(t, stun.MethodAllocate, overUDP)); code != 486 {
		t.Fatalf("code %d, want 486", code)
	}
	newRawClient(t, s, "udp").as("carol", time.Hour).allocate(t)
	first.do(t, stun.MethodRefresh, lifetime(0))
	second.allocate(t)
}
