package scenarios

import (
	_ "embed"
	"slices"
)

// The schema is made from the Go types and their comments, which only the
// source has; so it is a file, and a test keeps it equal to the types.
//
//go:generate go test -run TestSchemaIsMadeFromTheTypes -update .
//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of scenario files, with which
// editors complete and check them.
func Schema() []byte { return slices.Clone(schema) }
