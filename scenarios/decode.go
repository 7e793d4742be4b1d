package scenarios

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/icelab-go/icelab/lab/nat"
)

// decoder copies a YAML tree into a scenario and notes where everything was
// written. Its keys are the json tags of the fields, which the JSON Schema is
// made from too. It knows shapes and types; whether the values can be is
// checked when all of them are there.
type decoder struct {
	written positions
}

// A worded value may be written as one word instead of a mapping.
type worded interface {
	// fromWord sets the value, or says what is wrong with the word.
	fromWord(word string) (wrong string)
	// forms says how the value can be written.
	forms() string
}

func (d decoder) decode(root ast.Node, s *Scenario) *Error {
	return d.value(root, reflect.ValueOf(s).Elem(), "")
}

func (d decoder) value(n ast.Node, v reflect.Value, place string) *Error {
	d.written[place] = positionOf(n)
	switch n := n.(type) {
	case *ast.NullNode:
		return errorAt(positionOf(n), "%s has no value; indent what belongs to it, or leave the key out", subject(place))
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return errorAt(positionOf(n), "%s uses an anchor, alias or tag; write the value out", subject(place))
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Interface().(type) {
	case nat.Behavior:
		return d.behavior(n, v, place)
	case nat.Link:
		return d.link(n, v, place)
	case LinkChange:
		return d.linkChange(n, v, place)
	}
	if p, ok := v.Addr().Interface().(presettable); ok {
		p.preset()
	}
	if m, ok := v.Addr().Interface().(measure); ok {
		text, isText := textOf(n)
		if _, single := m.(*Ports); single && !isText {
			// One port looks like a number.
			_, isText = integerOf(n)
			text = n.GetToken().Value
		}
		if !isText || m.UnmarshalText([]byte(text)) != nil {
			what, remedy := m.measures()
			return mismatch(n, place, what, remedy)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.structure(n, v, place)
	case reflect.Slice:
		return d.list(n, v, place)
	default:
		return scalar(n, v, place)
	}
}

// structure reads a mapping, or the word that is short for one.
func (d decoder) structure(n ast.Node, v reflect.Value, place string) *Error {
	w, isWorded := v.Addr().Interface().(worded)
	if text, isText := textOf(n); isText && isWorded {
		if wrong := w.fromWord(text); wrong != "" {
			return errorAt(positionOf(n), "%s", wrong)
		}
		return nil
	}
	fields := fieldsOf(v.Type())
	m, ok := n.(ast.MapNode)
	if !ok {
		remedy := "its keys are " + enumerate(fields.keys, " and ")
		if isWorded {
			remedy = "write " + w.forms()
		}
		return mismatch(n, place, "a mapping", remedy)
	}
	seen := map[string]position{}
	for it := m.MapRange(); it.Next(); {
		key, at := keyOf(it.Key()), positionOf(it.Key())
		if first, ok := seen[key]; ok {
			return errorAt(at, "duplicate key %q, first on line %d; keep one of them", key, first.line)
		}
		seen[key] = at
		index, ok := fields.index[key]
		if !ok {
			where := ""
			if place != "" {
				where = " in " + place
			}
			return errorAt(at, "unknown key %q%s; %s", key, where, suggest(key, fields.keys))
		}
		if err := d.value(it.Value(), v.FieldByIndex(index), join(place, key)); err != nil {
			return err
		}
	}
	return nil
}

func (d decoder) list(n ast.Node, v reflect.Value, place string) *Error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		remedy := "write its items in brackets, or one per line after a hyphen"
		if text, isText := textOf(n); isText && oneLine(text) {
			remedy = fmt.Sprintf("write [%s]", text)
		}
		return mismatch(n, place, "a list", remedy)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, item := range seq.Values {
		if err := d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", place, i)); err != nil {
			return err
		}
	}
	return nil
}

func scalar(n ast.Node, v reflect.Value, place string) *Error {
	switch v.Kind() {
	case reflect.String:
		text, ok := textOf(n)
		if !ok {
			return mismatch(n, place, "text", "write text, in quotes if it looks like something else")
		}
		if text = strings.TrimSpace(text); text == "" {
			return errorAt(positionOf(n), "%s is empty; write something, or leave the key out", subject(place))
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return mismatch(n, place, "a boolean", "write true or false")
		}
		v.SetBool(b.Value)
	case reflect.Int:
		i, ok := integerOf(n)
		if !ok {
			return mismatch(n, place, "a whole number", "write digits only")
		}
		v.SetInt(i)
	case reflect.Uint16:
		i, ok := integerOf(n)
		if !ok || v.OverflowUint(uint64(i)) {
			return mismatch(n, place, "a whole number from 0 to 65535", "write one")
		}
		v.SetUint(uint64(i))
	default:
		// A field of another kind would be a mistake in this package.
		return errorAt(positionOf(n), "%s cannot be read from a file; leave the key out", subject(place))
	}
	return nil
}

// fields are the keys of a mapping in the order of the struct, those of embedded
// structs among them.
type fields struct {
	keys  []string
	index map[string][]int
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: map[string][]int{}}
	for _, field := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if key != "-" && !field.Anonymous {
			f.keys = append(f.keys, key)
			f.index[key] = field.Index
		}
	}
	return f
}

func keyOf(k ast.MapKeyNode) string {
	if s, ok := k.(*ast.StringNode); ok {
		return s.Value
	}
	return k.GetToken().Value
}

func textOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func integerOf(n ast.Node) (int64, bool) {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := i.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= 1<<63-1
	}
	return 0, false
}

func mismatch(n ast.Node, place, want, remedy string) *Error {
	return errorAt(positionOf(n), "%s is %s, not %s; %s", subject(place), describe(n), want, remedy)
}

// describe tells what was written instead of what was wanted.
func describe(n ast.Node) string {
	if text, ok := textOf(n); ok {
		return quote(text)
	}
	switch n := n.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	default:
		return n.GetToken().Value
	}
}

// quote keeps a message on one line and short.
func quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}

func oneLine(text string) bool { return !strings.ContainsAny(text, "\r\n") && len(text) < 60 }

func subject(place string) string {
	if place == "" {
		return "the scenario"
	}
	return place
}

func join(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}
