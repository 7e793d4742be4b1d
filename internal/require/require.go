// Package require skips tests that need more than the machine has, unless
// ICELAB_REQUIRE says that the machine must have it.
package require

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Missing skips the test because what it needs ("docker", "netns", "aiortc") is
// not there, and says why. When ICELAB_REQUIRE, a comma-separated list, names
// it, the test fails instead.
func Missing(t testing.TB, what, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("ICELAB_REQUIRE"), ","), what) {
		t.Fatalf("ICELAB_REQUIRE names %s, but %s", what, why)
	}
	t.Skip(why)
}
