package diagnose

import (
	"slices"
	"strings"
)

// Find returns the cause of a code, a name or both ("A1_AUTH_BAD_PASSWORD"), in
// capitals or not, with dashes or spaces for underscores.
func Find(word string) (Cause, bool) {
	word = canonical(word)
	for _, c := range Causes() {
		if word == c.Code || word == c.Name || word == c.Code+"_"+c.Name {
			return c, true
		}
	}
	return Cause{}, false
}

// Similar returns the causes that a word which is none is likely meant for: a slip
// in a name, or else a part of a name or of a title. There may be none.
func Similar(word string) []Cause {
	word = canonical(word)
	if len(word) < 3 {
		return nil
	}
	if near := nearest(word); len(near) > 0 {
		return near
	}
	var found []Cause
	for _, c := range Causes() {
		if strings.Contains(c.Name, word) || strings.Contains(word, c.Name) || strings.Contains(canonical(c.Title), word) {
			found = append(found, c)
		}
	}
	return found
}

// canonical is a word as codes and names are written.
func canonical(word string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToUpper(strings.TrimSpace(word)))
}

// nearest returns the causes whose names are the fewest edits away, and no more
// than a quarter of the name.
func nearest(word string) []Cause {
	var near []Cause
	fewest := -1
	for _, c := range Causes() {
		limit := len(c.Name) / 4
		if len(word) > len(c.Name)+limit {
			continue // also keeps a whole paragraph from being compared
		}
		n := edits(word, c.Name)
		switch {
		case n > limit || fewest >= 0 && n > fewest:
		case n == fewest:
			near = append(near, c)
		default:
			fewest, near = n, []Cause{c}
		}
	}
	return near
}

// edits counts the bytes to insert, delete or replace that make b of a
// (the Levenshtein distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
		}
	}
	return row[len(b)]
}
