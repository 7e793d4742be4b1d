package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed *.yaml faults/*.yaml
var files embed.FS

// The folders of files, as patterns.
const (
	healthy = "*.yaml"
	faulty  = "faults/*.yaml"
)

// Bundled returns the scenarios that come with icelab and in which nothing is wrong
// on purpose, sorted by name. The values are the caller's to keep and change.
func Bundled() []Scenario { return bundled(healthy) }

// Faulty returns the scenarios that come with icelab and have faults, sorted by
// name: the cause that the diagnosis has to name comes first in it,
// "a1-wrong-password-both". The values are the caller's to keep and change.
func Faulty() []Scenario { return bundled(faulty) }

// Find returns the scenario called name among Bundled and Faulty, or the one in the
// file at that path: name is a path if it has a separator in it or ends with .yaml
// or .yml.
func Find(name string) (Scenario, error) {
	if isPath(name) {
		return Load(name)
	}
	for _, file := range append(bundledFiles(healthy), bundledFiles(faulty)...) {
		if nameOf(file) == name {
			return parseBundled(file)
		}
	}
	names := bundledNames(healthy)
	if wrong := bundledNames(faulty); len(akin(name, names)) == 0 && len(akin(name, wrong))+len(nearest(name, wrong)) > 0 {
		names = append(names, wrong...)
	}
	hint := suggest(name, names)
	if strings.HasSuffix(hint, "?") {
		hint += " Or give the path of a .yaml file"
	} else {
		hint += ", or give the path of a .yaml file"
	}
	return Scenario{}, fmt.Errorf("unknown scenario %s; %s", quote(name), hint)
}

func bundled(folder string) []Scenario {
	var all []Scenario
	for _, file := range bundledFiles(folder) {
		s, err := parseBundled(file)
		if err != nil {
			panic(err) // the files are part of the program, and a test reads them all
		}
		all = append(all, s)
	}
	return all
}

func parseBundled(file string) (Scenario, error) {
	data, err := files.ReadFile(file)
	if err != nil {
		return Scenario{}, err
	}
	return Parse("scenarios/"+file, data)
}

func bundledFiles(folder string) []string {
	matches, err := fs.Glob(files, folder)
	if err != nil {
		panic(err) // the patterns are constants
	}
	slices.Sort(matches)
	return matches
}

func bundledNames(folder string) []string {
	var names []string
	for _, file := range bundledFiles(folder) {
		names = append(names, nameOf(file))
	}
	return names
}

func nameOf(file string) string { return strings.TrimSuffix(path.Base(file), ".yaml") }

func isPath(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml":
		return true
	}
	return strings.ContainsAny(name, `/\`)
}
