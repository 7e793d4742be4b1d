package require

import "testing"

// noNamespace is why the tests have no network namespace, if so.
var noNamespace string

// HasNamespace reports whether RunInNamespace gave the package a network
// namespace.
func HasNamespace() bool { return noNamespace == "" }

// Namespace skips the test where RunInNamespace could not give the package a
// network namespace.
func Namespace(t testing.TB) {
	t.Helper()
	if !HasNamespace() {
		Missing(t, "netns", noNamespace)
	}
}
