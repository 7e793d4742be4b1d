package scenarios

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/icelab-go/icelab/lab/nat"
)

// impairment is a nat.Impairment as a file has it: with units.
type impairment struct {
	Delay   Duration `json:"delay,omitzero"`
	Jitter  Duration `json:"jitter,omitzero"`
	Loss    share    `json:"loss,omitzero"`
	Reorder share    `json:"reorder,omitzero"`
	Rate    *rate    `json:"rate,omitempty"`
}

// link is a nat.Link as a file has it: once for both directions, or each by
// itself.
type link struct {
	impairment
	Up   *impairment `json:"up,omitempty"`
	Down *impairment `json:"down,omitempty"`
}

// linkChange is a LinkChange as a file has it.
type linkChange struct {
	Side string `json:"side"`
	link
}

func (c *linkChange) fromWord(word string) string { c.Side = word; return "" }

func (*linkChange) forms() string {
	return "a side for a perfect line, or {side: caller, delay: 20ms, loss: 2%}"
}

// link reads a mapping into a nat.Link.
func (d decoder) link(n ast.Node, v reflect.Value, place string) *Error {
	var l link
	if err := d.structure(n, reflect.ValueOf(&l).Elem(), place); err != nil {
		return err
	}
	return d.bothWays(l, v.Addr().Interface().(*nat.Link), place)
}

// linkChange reads a side, or a mapping, into a LinkChange.
func (d decoder) linkChange(n ast.Node, v reflect.Value, place string) *Error {
	var c linkChange
	if err := d.structure(n, reflect.ValueOf(&c).Elem(), place); err != nil {
		return err
	}
	change := v.Addr().Interface().(*LinkChange)
	change.Side = c.Side
	return d.bothWays(c.link, &change.Link, place)
}

// bothWays makes of l what it means for each direction, and notes for either
// where it was written.
func (d decoder) bothWays(l link, means *nat.Link, place string) *Error {
	directions := l.Up != nil || l.Down != nil
	for _, key := range impairmentKeys() {
		both := join(place, key)
		at, once := d.written[both]
		if once && directions {
			return errorAt(at, "%s is for both directions, but up or down is there too; write it under those that it is for", both)
		}
		for _, way := range []string{"up", "down"} {
			if once {
				d.written[join(join(place, way), key)] = at
			}
		}
	}
	for _, way := range []struct {
		key  string
		from *impairment
		to   *nat.Impairment
	}{{"up", l.Up, &means.Up}, {"down", l.Down, &means.Down}} {
		from, at := way.from, join(place, way.key)
		switch {
		case !directions:
			from, at = &l.impairment, place
		case from == nil:
			continue
		}
		if from.Rate != nil && *from.Rate == 0 {
			// Zero would be taken for a rate that was left out.
			at = join(at, "rate")
			return errorAt(d.written[at], "%s is 0bit; want at least 8kbit, or leave the key out", at)
		}
		*way.to = from.plain()
	}
	return nil
}

func impairmentKeys() []string { return fieldsOf(reflect.TypeFor[impairment]()).keys }

func (i impairment) plain() nat.Impairment {
	p := nat.Impairment{
		Delay: time.Duration(i.Delay), Jitter: time.Duration(i.Jitter),
		Loss: float64(i.Loss), Reorder: float64(i.Reorder),
	}
	if i.Rate != nil {
		p.Rate = uint64(*i.Rate)
	}
	return p
}

func writtenImpairment(p nat.Impairment) impairment {
	i := impairment{
		Delay: Duration(p.Delay), Jitter: Duration(p.Jitter),
		Loss: share(p.Loss), Reorder: share(p.Reorder),
	}
	if p.Rate != 0 {
		i.Rate = new(rate(p.Rate))
	}
	return i
}

func writtenLink(l nat.Link) link {
	up, down := writtenImpairment(l.Up), writtenImpairment(l.Down)
	if l.Up == l.Down {
		return link{impairment: up}
	}
	return link{Up: &up, Down: &down}
}

// MarshalJSON writes the line as a file has it.
func (c LinkChange) MarshalJSON() ([]byte, error) {
	return json.Marshal(linkChange{c.Side, writtenLink(c.Link)})
}

// String tells the side and what its line does: "caller delay 20ms, loss 2%".
func (c LinkChange) String() string {
	if c.Link == (nat.Link{}) {
		return c.Side + " perfect"
	}
	l := writtenLink(c.Link)
	if l.Up == nil {
		return c.Side + " " + l.impairment.String()
	}
	return fmt.Sprintf("%s up %s, down %s", c.Side, l.Up, l.Down)
}

func (i impairment) String() string {
	var words []string
	v := reflect.ValueOf(i)
	for n, key := range impairmentKeys() {
		if field := v.Field(n); !field.IsZero() {
			text, _ := json.Marshal(field.Interface())
			words = append(words, key+" "+strings.Trim(string(text), `"`))
		}
	}
	if words == nil {
		return "perfect"
	}
	return strings.Join(words, ", ")
}

// checkLink compares a line with what a gateway can make of one.
func checkLink(place string, l nat.Link) *problem {
	err := l.Validate()
	if err == nil {
		return nil
	}
	// It begins with the direction, the key and the value: "up: loss 120%: want
	// ...".
	way, what, _ := strings.Cut(err.Error(), ": ")
	what, remedy, _ := strings.Cut(what, ": ")
	key, value, _ := strings.Cut(what, " ")
	at := join(join(place, way), key)
	name := at
	if l.Up == l.Down {
		name = join(place, key)
	}
	if strings.HasPrefix(value, "needs") {
		return problemf(at, "%s %s; %s", name, value, remedy)
	}
	return problemf(at, "%s is %s; %s", name, value, remedy)
}
