//go:build !windows

package ladder

import "syscall"

const (
	errnoRefused         = syscall.ECONNREFUSED
	errnoReset           = syscall.ECONNRESET
	errnoNetUnreachable  = syscall.ENETUNREACH
	errnoHostUnreachable = syscall.EHOSTUNREACH
	errnoNoAddress       = syscall.EADDRNOTAVAIL
)
