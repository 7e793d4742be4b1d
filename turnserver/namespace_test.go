package turnserver_test

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// Addresses that are not loopback addresses, and exist only in the tests' network namespace.
const (
	serverIP = "198.18.0.1"
	clientIP = "198.18.0.2"
	peerIP   = "198.18.0.3"
	otherIP  = "198.18.0.4"
)

// noNamespace is why the tests run on the host's network, if they do.
var noNamespace string

// needNamespace skips a test of real relaying where there is no network to do it on.
func needNamespace(t *testing.T) {
	t.Helper()
	why := noNamespace
	if runtime.GOOS != "linux" {
		why = "network namespaces need Linux"
	}
	if why == "" {
		return
	}
	if strings.Contains(os.Getenv("ICELAB_REQUIRE"), "netns") {
		t.Fatal(why)
	}
	t.Skip(why)
}
