package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSize is far above any story that a person would write; it keeps a wrong
// path (a capture, a disk image) from being parsed.
const maxSize = 16 << 10

// Load reads the scenario in the file at path. What is wrong with its content
// is an *Error.
func Load(path string) (Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return Scenario{}, unreadable(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Scenario{}, unreadable(path, err)
	}
	return Parse(path, data)
}

func unreadable(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("%s: %w; give the path of a scenario file", path, err)
}

// Parse reads a scenario from YAML. The name is that of its file, for messages.
// What is wrong with the data is an *Error.
func Parse(name string, data []byte) (Scenario, error) {
	s, err := parse(data)
	if err != nil {
		err.File = name
		return Scenario{}, err
	}
	s.File = name
	return s, nil
}

func parse(data []byte) (Scenario, *Error) {
	root, err := parseYAML(data)
	if err != nil {
		return Scenario{}, err
	}
	var s Scenario
	d := decoder{written: positions{"": positionOf(root)}}
	if err := d.decode(root, &s); err != nil {
		return Scenario{}, err
	}
	s.fill()
	if p := check(s); p != nil {
		return Scenario{}, errorAt(d.written.of(p.place), "%s", p.message)
	}
	return s, nil
}

// onOneLine shows what the parser quotes from the file.
var onOneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`)

// parseYAML returns the root of the one document in data.
func parseYAML(data []byte) (ast.Node, *Error) {
	start := position{1, 1}
	if len(data) > maxSize {
		return nil, errorAt(start, "the file is larger than %d KiB; give the path of a scenario file", maxSize>>10)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	// Duplicate keys are left to the decoder, which tells them as it tells every
	// other mistake.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := start, err.Error()
		if e, ok := errors.AsType[yaml.Error](err); ok {
			at, message = positionOfToken(e.GetToken()), e.GetMessage()
		}
		return nil, errorAt(at, "this is not YAML: %s; correct the syntax here", onOneLine.Replace(message))
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue // between a marker and the end, or comments only
		}
		if root != nil {
			return nil, errorAt(positionOfToken(doc.Start), "a second document begins here; write one scenario per file")
		}
		root = doc.Body
	}
	if root == nil {
		return nil, errorAt(start, "the file is empty; a scenario needs at least name and expect")
	}
	return root, nil
}
