package ladder

import "golang.org/x/sys/windows"

const (
	errnoRefused         = windows.WSAECONNREFUSED
	errnoReset           = windows.WSAECONNRESET
	errnoNetUnreachable  = windows.WSAENETUNREACH
	errnoHostUnreachable = windows.WSAEHOSTUNREACH
	errnoNoAddress       = windows.WSAEADDRNOTAVAIL
)
