package scenarios

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// validator checks a document against the few JSON Schema keywords that our
// schema uses. A keyword that it does not know is an error, so that none is
// silently left unchecked.
type validator struct{ root map[string]any }

func (v validator) check(doc any) error { return v.match(v.root, doc, "") }

func (v validator) match(s map[string]any, doc any, at string) error {
	for keyword, arg := range s {
		if err := v.keyword(s, keyword, arg, doc, at); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) keyword(s map[string]any, keyword string, arg, doc any, at string) error {
	object, isObject := doc.(map[string]any)
	list, isList := doc.([]any)
	text, isText := doc.(string)
	number, isNumber := doc.(float64)
	bad := func(ok bool) error {
		if ok {
			return nil
		}
		return fmt.Errorf("%s: %v breaks %s %v", at, doc, keyword, arg)
	}
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "default", "examples":
		return nil
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		return v.match(v.root["$defs"].(map[string]any)[name].(map[string]any), doc, at)
	case "type":
		ok := map[string]bool{"object": isObject, "array": isList, "string": isText, "integer": isNumber && number == float64(int64(number))}
		_, isBool := doc.(bool)
		ok["boolean"] = isBool
		return bad(ok[arg.(string)])
	case "enum":
		return bad(slices.ContainsFunc(arg.([]any), func(e any) bool { return reflect.DeepEqual(e, doc) }))
	case "anyOf":
		return bad(slices.ContainsFunc(arg.([]any), func(e any) bool { return v.match(e.(map[string]any), doc, at) == nil }))
	case "not":
		return bad(v.match(arg.(map[string]any), doc, at) != nil)
	case "required":
		return bad(!slices.ContainsFunc(arg.([]any), func(key any) bool { _, ok := object[key.(string)]; return !ok }))
	case "minProperties":
		return bad(len(object) >= int(arg.(float64)))
	case "maxProperties":
		return bad(len(object) <= int(arg.(float64)))
	case "minItems":
		return bad(len(list) >= int(arg.(float64)))
	case "minimum":
		return bad(number >= arg.(float64))
	case "maximum":
		return bad(number <= arg.(float64))
	case "pattern":
		return bad(regexp.MustCompile(arg.(string)).MatchString(text))
	case "uniqueItems":
		for i, item := range list {
			if slices.Contains(list[:i], item) {
				return bad(false)
			}
		}
		return nil
	case "items":
		for i, item := range list {
			if err := v.match(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case "properties":
		for key, value := range object {
			if p, ok := arg.(map[string]any)[key]; ok {
				if err := v.match(p.(map[string]any), value, at+"."+key); err != nil {
					return err
				}
			}
		}
		return nil
	case "additionalProperties":
		properties, _ := s["properties"].(map[string]any)
		for key := range object {
			if _, ok := properties[key]; !ok {
				return fmt.Errorf("%s: no key %q", at, key)
			}
		}
		return bad(arg == false)
	}
	return fmt.Errorf("the validator does not know keyword %q", keyword)
}

func parsedSchema(t *testing.T) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// plain turns YAML into what encoding/json would make of the same document.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	data, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// yamlFiles returns every scenario file of the package, the reference included.
func yamlFiles(t *testing.T) map[string][]byte {
	t.Helper()
	all := yamlIn(t, "*.yaml")
	maps.Copy(all, yamlIn(t, "faults/*.yaml"))
	data, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	all[referenceFile] = data
	return all
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
