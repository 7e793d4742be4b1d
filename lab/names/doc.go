// Package names is the DNS server of a lab: it knows one name, and can fail in the
// ways that DNS servers do. It answers over UDP (RFC 1035).
package names
