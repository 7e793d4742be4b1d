// Package probe measures what a NAT does, as a client of a server that speaks
// RFC 5780: mapping, filtering, port assignment, hairpinning and, when asked,
// the lifetime of mappings.
package probe
