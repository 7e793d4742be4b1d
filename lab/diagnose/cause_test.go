package diagnose

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCodesCountUpThroughEachFamily(t *testing.T) {
	letters := ""
	for _, f := range Families() {
		letters += f.Letter
		if f.Title == "" || f.About == "" || len(f.Causes) == 0 {
			t.Errorf("family %s is not told in full", f.Letter)
		}
		for i, c := range f.Causes {
			if want := fmt.Sprintf("%s%d", f.Letter, i+1); c.Code != want {
				t.Errorf("%s %s: want code %s", c.Code, c.Name, want)
			}
		}
	}
	if letters != "ABCDEFG" {
		t.Errorf("families %s", letters)
	}
	if n := len(Causes()); n != 98 {
		t.Errorf("%d causes, want 98", n)
	}
}

func TestNamesAndTitlesAreUnique(t *testing.T) {
	seen := make(map[string]string)
	name := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	for _, c := range Causes() {
		if !name.MatchString(c.Name) {
			t.Errorf("%s: name %q is not in CAPITALS_AND_UNDERSCORES", c.Code, c.Name)
		}
		for _, word := range []string{c.Name, c.Title} {
			if other, taken := seen[word]; taken {
				t.Errorf("%s and %s are both called %q", other, c.Code, word)
			}
			seen[word] = c.Code
		}
	}
}

func TestEveryCauseIsComplete(t *testing.T) {
	owners := []Owner{ClientNetwork, Operator, Application}
	for _, c := range Causes() {
		if strings.HasSuffix(c.Title, ".") || utf8.RuneCountInString(c.Title) > 42 {
			t.Errorf("%s: title %q: want at most 42 characters and no full stop", c.Code, c.Title)
		}
		for _, text := range []string{c.Looks.Wire, c.Looks.ICE, c.Looks.Server, c.Remedy.Do} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no full sentence", c.Code, text)
			}
		}
		if c.Answers != nil && (c.Answers.Standard == "" || c.Answers.Coturn == "" || c.Answers.Pion == "") {
			t.Errorf("%s: an answer is missing", c.Code)
		}
		if !slices.Contains(owners, c.Remedy.Owner) {
			t.Errorf("%s: owner %q", c.Code, c.Remedy.Owner)
		}
		if len(c.Related) == 0 {
			t.Errorf("%s: no related cause", c.Code)
		}
	}
}

func TestRelatedCausesExist(t *testing.T) {
	for _, c := range Causes() {
		for i, code := range c.Related {
			other, ok := Find(code)
			if !ok || other.Code != code {
				t.Errorf("%s: related %s is no code", c.Code, code)
			}
			if code == c.Code || slices.Contains(c.Related[:i], code) {
				t.Errorf("%s: related %s is itself or stands twice", c.Code, code)
			}
		}
	}
}

func TestEverySourceCanBeLookedUp(t *testing.T) {
	for _, c := range Causes() {
		if len(c.Sources) == 0 {
			t.Errorf("%s: no source", c.Code)
		}
		for i, source := range c.Sources {
			if link(source) == "" && !isFile.MatchString(source) && !isWeb.MatchString(source) {
				t.Errorf("%s: source %q", c.Code, source)
			}
			if slices.Contains(c.Sources[:i], source) {
				t.Errorf("%s: source %q stands twice", c.Code, source)
			}
		}
	}
}

func TestTextsHaveNoPlaceholders(t *testing.T) {
	placeholder := regexp.MustCompile(`(?i)\b(todo|tbd|fixme|xxx|lorem|foo|bar)\b|…|\.\.\.|\?\?|%[a-z]|  | \.(\s|$)|^\s|\s$`)
	for _, c := range Causes() {
		for _, text := range texts(reflect.ValueOf(c)) {
			if found := placeholder.FindString(text); found != "" {
				t.Errorf("%s: %q in %q", c.Code, found, text)
			}
			for _, r := range text {
				if r > '~' || r < ' ' {
					t.Errorf("%s: %q in %q is not plain text", c.Code, r, text)
				}
			}
		}
	}
}

// texts are all strings in a value.
func texts(v reflect.Value) []string {
	var all []string
	switch v.Kind() {
	case reflect.String:
		all = append(all, v.String())
	case reflect.Pointer:
		if !v.IsNil() {
			all = texts(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			all = append(all, texts(v.Field(i))...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, texts(v.Index(i))...)
		}
	}
	return all
}
