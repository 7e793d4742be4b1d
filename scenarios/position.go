package scenarios

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Error is what is wrong with a scenario file, where, and what to do about it.
type Error struct {
	File string `json:"file"`
	// Line and Column count from 1; a column is a character, not a byte.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Message says what is wrong and, after a semicolon, what to do.
	Message string `json:"message"`
}

// Error gives one line: "file:line:column: what is wrong; what to do".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

func errorAt(at position, format string, args ...any) *Error {
	return &Error{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

type position struct{ line, column int }

// positions tells where each place of a scenario was written. A place is
// written as in messages: "caller.candidates[1]"; "" is the whole.
type positions map[string]position

// of returns where place was written, or where the nearest thing around it was
// if it was left out.
func (p positions) of(place string) position {
	for place != "" {
		if at, ok := p[place]; ok {
			return at
		}
		place = place[:max(0, strings.LastIndexByte(place, '.'))]
	}
	return p[""]
}

// positionOf returns where n begins. The token of a mapping in block style is
// its first colon, but it begins at its first key.
func positionOf(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return positionOf(m.Values[0].Key)
	}
	return positionOfToken(n.GetToken())
}

func positionOfToken(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{1, 1}
	}
	return position{max(1, t.Position.Line), max(1, t.Position.Column)}
}
