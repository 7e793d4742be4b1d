//go:build !linux

package require

import "testing"

// RunInNamespace needs Linux: elsewhere the tests run where they are, and those
// that need a namespace skip.
func RunInNamespace(m *testing.M, _ func() error) int {
	noNamespace = "network namespaces need Linux"
	return m.Run()
}
