package scenarios

import (
	"encoding"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A measure is a number with its unit, written as text.
type measure interface {
	encoding.TextUnmarshaler
	// measures says what it is and how it is written.
	measures() (what, remedy string)
}

func (*Duration) measures() (what, remedy string) {
	return "a duration", "write for example 5s or 300ms"
}

func (*Offset) measures() (what, remedy string) {
	return "a duration", "write for example 1h or -1h"
}

// share is a part of a whole, 0.02 for "2%".
type share float64

const sharePattern = `^([0-9]+)(?:\.([0-9]+))?%$`

var shareRegexp = regexp.MustCompile(sharePattern)

func (*share) measures() (what, remedy string) {
	return "a percentage", "write for example 2% or 0.5%"
}

// MarshalText moves the point instead of multiplying, so that no digit changes.
func (s share) MarshalText() ([]byte, error) {
	whole, part, _ := strings.Cut(strconv.FormatFloat(float64(s), 'f', -1, 64), ".")
	part += strings.Repeat("0", max(0, 2-len(part)))
	text := strings.TrimLeft(whole+part[:2], "0")
	if text == "" {
		text = "0"
	}
	if part = part[2:]; part != "" {
		text += "." + part
	}
	return []byte(text + "%"), nil
}

func (s *share) UnmarshalText(text []byte) error {
	if !shareRegexp.Match(text) {
		return errors.New("no percentage")
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "%")+"e-2", 64)
	*s = share(f)
	return err
}

// rate counts bits a second: 5000000 for "5mbit".
type rate uint64

const ratePattern = `^([0-9]+)(bit|kbit|mbit|gbit)$`

var rateRegexp = regexp.MustCompile(ratePattern)

// rateUnits are those of ratePattern, largest first.
var rateUnits = []struct {
	name string
	bits uint64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

func (*rate) measures() (what, remedy string) {
	return "a rate", "write for example 500kbit or 5mbit"
}

func (r rate) MarshalText() ([]byte, error) {
	for _, unit := range rateUnits {
		if n := uint64(r); n%unit.bits == 0 {
			return fmt.Appendf(nil, "%d%s", n/unit.bits, unit.name), nil
		}
	}
	return nil, nil // everything is so many bits
}

func (r *rate) UnmarshalText(text []byte) error {
	match := rateRegexp.FindStringSubmatch(string(text))
	if match == nil {
		return errors.New("no rate")
	}
	n, err := strconv.ParseUint(match[1], 10, 64)
	for _, unit := range rateUnits {
		if unit.name != match[2] {
			continue
		}
		if n > maxRate/unit.bits {
			return errors.New("more than any line")
		}
		*r = rate(n * unit.bits)
	}
	return err
}

// maxRate is what no line reaches; beyond it a number is a slip.
const maxRate = 1_000_000_000_000
