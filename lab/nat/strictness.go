package nat

type chain []Hop

// strictness orders filters, and what a chain of them amounts to.
type strictness int

const (
	unfiltered strictness = iota
	strictEIF
	strictADF
	strictAPDF
)

func (f Filtering) strictness() strictness {
	switch f {
	case EIF:
		return strictEIF
	case ADF:
		return strictADF
	}
	return strictAPDF
}

func (m Mapping) strictness() int {
	switch m {
	case EIM:
		return 0
	case ADM:
		return 1
	}
	return 2
}

// mapping returns the strictest mapping of a chain, or "" if nothing translates.
func (c chain) mapping() Mapping {
	var strictest Mapping
	for _, hop := range c {
		if hop.NAT != nil && (strictest == "" || hop.NAT.Mapping.strictness() > strictest.strictness()) {
			strictest = hop.NAT.Mapping
		}
	}
	return strictest
}

// filter names the strictest filter of a chain.
func (c chain) filter() string {
	strictest, name := unfiltered, "lack of a filter"
	for _, hop := range c {
		if hop.NAT != nil && hop.NAT.Filtering.strictness() > strictest {
			strictest, name = hop.NAT.Filtering.strictness(), upper(hop.NAT.Filtering)+" filter"
		}
		if hop.Firewall.Stateful && strictAPDF > strictest {
			strictest, name = strictAPDF, "stateful firewall"
		}
	}
	return name
}

// blocksUDP reports whether no UDP passes the chain.
func (c chain) blocksUDP() bool {
	for _, hop := range c {
		if hop.Firewall.BlockUDP {
			return true
		}
	}
	return false
}

// passesTCP reports whether a connection to a port passes every hop.
func (c chain) passesTCP(port uint16) bool {
	for _, hop := range c {
		if !hop.Firewall.passesTCP(port) {
			return false
		}
	}
	return true
}
