package nat

import (
	"fmt"
	"time"
)

// Mapping says when a NAT reuses an external address and port for packets from
// the same internal address and port (RFC 4787 §4.1).
type Mapping string

// The mapping behaviours of RFC 4787 §4.1.
const (
	// EIM reuses the mapping for every destination.
	EIM Mapping = "eim"
	// ADM reuses it for every port of one destination address.
	ADM Mapping = "adm"
	// APDM makes a new mapping for every destination address and port.
	APDM Mapping = "apdm"
)

// Filtering says which inbound packets a mapping lets in (RFC 4787 §5). A filter
// belongs to a mapping's external port: what an inside host sends through one
// mapping opens no other one. Nor does what a filter lets in change any mapping:
// the answer leaves from the mapping for where it goes, which with ADM and APDM
// may be another one than the packet came in at.
type Filtering string

// The filtering behaviours of RFC 4787 §5.
const (
	// EIF lets in packets from anyone.
	EIF Filtering = "eif"
	// ADF lets in packets from addresses that the mapping was used to send to.
	ADF Filtering = "adf"
	// APDF lets in packets from addresses and ports that it was used to send to.
	APDF Filtering = "apdf"
)

// PortAssignment says how a NAT chooses the external port of a new mapping
// (RFC 4787 §4.2).
type PortAssignment string

// The port assignments a gateway can be given.
const (
	// Preserving keeps the internal port while no mapping has it, else draws one.
	// A second mapping of the same inside port therefore gets another port: with
	// ADM and APDM only the first destination sees the internal one.
	Preserving PortAssignment = "preserving"
	// Random draws a port from 32768-60999.
	Random PortAssignment = "random"
	// Sequential counts up from 32768.
	Sequential PortAssignment = "sequential"
)

// Unsolicited says what becomes of an inbound packet that no mapping or no
// filter lets in.
type Unsolicited string

// What an unsolicited packet gets.
const (
	// Drop says nothing, as most NATs do.
	Drop Unsolicited = "drop"
	// Reject answers UDP with ICMP port unreachable and TCP with a reset. ICE
	// does not care: a check that is rejected fails like one that is lost.
	Reject Unsolicited = "reject"
)

// DefaultLifetime is how long an idle mapping lives when a behaviour does not
// say: the value recommended by RFC 4787 REQ-5.
const DefaultLifetime = 5 * time.Minute

// Behavior declares one NAT. It covers UDP over IPv4; TCP connections are
// translated too, with mappings of their own.
type Behavior struct {
	Mapping   Mapping        `json:"mapping"`
	Filtering Filtering      `json:"filtering"`
	Ports     PortAssignment `json:"ports"`
	// Hairpin lets two inside hosts reach each other through their external
	// addresses (RFC 4787 REQ-9).
	Hairpin bool `json:"hairpin"`
	// Lifetime is how long an idle UDP mapping lives; in whole seconds, at
	// least 1 s. Zero means DefaultLifetime. Outbound packets refresh it,
	// inbound packets do not need to (RFC 4787 REQ-6).
	Lifetime time.Duration `json:"lifetime"`
	// Unsolicited is what an inbound packet gets that is not let in. Empty means
	// Drop.
	Unsolicited Unsolicited `json:"unsolicited,omitempty"`
}

// String gives the behaviour in one phrase: "EIM/APDF, preserving ports".
func (b Behavior) String() string {
	s := fmt.Sprintf("%s/%s, %s ports", upper(b.Mapping), upper(b.Filtering), b.Ports)
	if b.Hairpin {
		s += ", hairpinning"
	}
	if b.Unsolicited == Reject {
		s += ", rejecting"
	}
	return s
}

// Validate reports the first thing about b that no NAT can be.
func (b Behavior) Validate() error {
	switch b.Mapping {
	case EIM, ADM, APDM:
	default:
		return fmt.Errorf("mapping %q: want eim, adm or apdm (RFC 4787 §4.1)", b.Mapping)
	}
	switch b.Filtering {
	case EIF, ADF, APDF:
	default:
		return fmt.Errorf("filtering %q: want eif, adf or apdf (RFC 4787 §5)", b.Filtering)
	}
	switch b.Ports {
	case Preserving, Random, Sequential:
	default:
		return fmt.Errorf("ports %q: want preserving, random or sequential (RFC 4787 §4.2)", b.Ports)
	}
	switch b.Unsolicited {
	case "", Drop, Reject:
	default:
		return fmt.Errorf("unsolicited %q: want drop or reject", b.Unsolicited)
	}
	if b.Lifetime != 0 && (b.Lifetime < time.Second || b.Lifetime%time.Second != 0) {
		return fmt.Errorf("lifetime %s: want whole seconds, at least 1s", b.Lifetime)
	}
	return nil
}

func upper[T ~string](s T) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
