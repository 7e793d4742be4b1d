package gateway

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
)

// Mappings reads what the NAT holds now. A gateway without NAT holds nothing.
func Mappings() (State, error) {
	var s State
	conn, err := nftables.New()
	if err != nil {
		return s, fmt.Errorf("open nftables: %w", err)
	}
	sets, err := conn.GetSets(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	if err != nil {
		return s, fmt.Errorf("read sets: %w", err)
	}
	for _, set := range sets {
		parse := s.addMapping
		switch set.Name {
		case "mappings":
		case "permissions":
			parse = s.addPermission
		default:
			continue
		}
		elements, err := conn.GetSetElements(set)
		if err != nil {
			return State{}, fmt.Errorf("read set %s: %w", set.Name, err)
		}
		for _, e := range elements {
			if err := parse(e); err != nil {
				return State{}, fmt.Errorf("read set %s: %w", set.Name, err)
			}
		}
	}
	slices.SortFunc(s.Mappings, func(a, b Mapping) int {
		return cmp.Or(a.Inside.Compare(b.Inside), a.Remote.Compare(b.Remote))
	})
	slices.SortFunc(s.Permissions, func(a, b Permission) int {
		return cmp.Or(cmp.Compare(a.External, b.External), a.Remote.Compare(b.Remote))
	})
	return s, nil
}

func (s *State) addMapping(e nftables.SetElement) error {
	if len(e.Key) < 8 || len(e.Val) < 2 {
		return fmt.Errorf("a key of %d bytes and a value of %d", len(e.Key), len(e.Val))
	}
	inside, err := endpoint(e.Key[:8])
	if err != nil {
		return err
	}
	m := Mapping{Inside: inside, External: binary.BigEndian.Uint16(e.Val), Expires: e.Expires}
	if len(e.Key) > 8 {
		m.Remote, err = endpoint(e.Key[8:])
	}
	s.Mappings = append(s.Mappings, m)
	return err
}

func (s *State) addPermission(e nftables.SetElement) error {
	if len(e.Key) < 8 {
		return fmt.Errorf("a key of %d bytes", len(e.Key))
	}
	remote, err := endpoint(e.Key[4:])
	s.Permissions = append(s.Permissions, Permission{binary.BigEndian.Uint16(e.Key), remote, e.Expires})
	return err
}

// endpoint reads an address and, if there is one, a port. Every field of a key
// starts on a 4-byte boundary.
func endpoint(key []byte) (netip.AddrPort, error) {
	switch len(key) {
	case 4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(key)), 0), nil
	case 8:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(key[:4])), binary.BigEndian.Uint16(key[4:])), nil
	}
	return netip.AddrPort{}, fmt.Errorf("an endpoint of %d bytes", len(key))
}
