// Package diagnose knows why WebRTC connections fail, or use a relay that they
// could do without. It is data and pure functions: no I/O, no clock.
package diagnose

// The page is made here and not by the program, so that what is committed is what
// people read; a test keeps it equal to the causes.
//
//go:generate go test -run TestTheDocsPageIsMadeFromTheCauses -update .
