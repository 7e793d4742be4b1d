package scenarios

import (
	"os"
	"regexp"
	"testing"
)

const referenceFile = "testdata/reference.yaml"

func TestReferenceIsAScenario(t *testing.T) {
	if _, err := Load(referenceFile); err != nil {
		t.Error(err)
	}
}

// The schema has every key and every word, so the reference cannot fall behind.
func TestReferenceMentionsEveryKeyAndWord(t *testing.T) {
	text, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	for word := range vocabulary(parsedSchema(t)) {
		if !regexp.MustCompile(`(^|[^a-zA-Z-])` + regexp.QuoteMeta(word) + `($|[^a-zA-Z-])`).Match(text) {
			t.Errorf("%s does not mention %q", referenceFile, word)
		}
	}
}

// vocabulary returns the keys and the enumerated words of a schema.
func vocabulary(schema any) map[string]bool {
	words := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if properties, ok := v["properties"].(map[string]any); ok {
				for key := range properties {
					words[key] = true
				}
			}
			for _, word := range asList(v["enum"]) {
				words[word.(string)] = true
			}
			for keyword, sub := range v {
				if keyword != "enum" && keyword != "examples" {
					walk(sub)
				}
			}
		case []any:
			for _, sub := range v {
				walk(sub)
			}
		}
	}
	walk(schema)
	return words
}
