package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Bundled returns the scenarios that come with icelab, sorted by name. The
// values are the caller's to keep and change.
func Bundled() []Scenario {
	var all []Scenario
	for _, name := range bundledNames() {
		s, err := bundled(name)
		if err != nil {
			panic(err) // the files are part of the program, and a test reads them all
		}
		all = append(all, s)
	}
	return all
}

// Find returns the bundled scenario called name, or the one in the file at that
// path: name is a path if it has a separator in it or ends with .yaml or .yml.
func Find(name string) (Scenario, error) {
	if isPath(name) {
		return Load(name)
	}
	if names := bundledNames(); !slices.Contains(names, name) {
		return Scenario{}, fmt.Errorf("unknown scenario %s; %s, or give the path of a .yaml file", quote(name), suggest(name, names))
	}
	return bundled(name)
}

func bundled(name string) (Scenario, error) {
	data, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return Scenario{}, err
	}
	return Parse("scenarios/"+name+".yaml", data)
}

func bundledNames() []string {
	matches, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, file := range matches {
		matches[i] = strings.TrimSuffix(file, ".yaml")
	}
	slices.Sort(matches)
	return matches
}

func isPath(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return true
	}
	return strings.ContainsAny(name, `/\`)
}
