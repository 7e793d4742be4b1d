package nat

import (
	"errors"
	"fmt"
	"slices"
)

// Validate reports the first thing about c that cannot be, or that no
// measurement could ever confirm.
func (c Condition) Validate() error {
	if err := c.validateNAT(); err != nil {
		return fmt.Errorf("nat: %w", err)
	}
	if err := c.Firewall.Validate(); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	if c.Carrier != nil {
		if err := c.Carrier.Validate(); err != nil {
			return fmt.Errorf("carrier: %w", err)
		}
	}
	return nil
}

// validateNAT also looks at what the firewall of the same gateway leaves of it.
func (c Condition) validateNAT() error {
	if c.NAT == nil {
		return nil
	}
	if err := c.NAT.Validate(); err != nil {
		return err
	}
	if c.Firewall.Stateful && c.NAT.Filtering != APDF {
		return fmt.Errorf("filtering %s behind a stateful firewall: together they filter as apdf; "+
			"write apdf, or leave the firewall out", c.NAT.Filtering)
	}
	if c.Firewall.BlockUDP {
		switch {
		case c.NAT.Hairpin:
			return errors.New("hairpin where no UDP passes: there is nothing to hairpin; leave it out")
		case c.NAT.Lifetime != 0:
			return errors.New("lifetime where no UDP passes: there is no mapping to expire; leave it out")
		case c.NAT.Unsolicited == Reject:
			return errors.New("unsolicited reject where no UDP passes: the firewall drops it first; leave it out")
		}
	}
	return nil
}

// Validate reports the first thing about f that cannot be.
func (f Firewall) Validate() error {
	for i, port := range f.TCPPorts {
		if port == 0 {
			return errors.New("tcp_ports: 0 is no port; want 1 to 65535")
		}
		if slices.Contains(f.TCPPorts[:i], port) {
			return fmt.Errorf("tcp_ports: %d is there twice", port)
		}
	}
	return nil
}
