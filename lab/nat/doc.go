// Package nat describes NAT behaviours and connectivity conditions as plain
// data, in the words of RFC 4787. It opens no socket and reads no clock.
package nat
