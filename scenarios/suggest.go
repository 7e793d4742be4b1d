package scenarios

import (
	"slices"
	"strings"
)

// suggest ends a message about an unknown word: with the names it is likely
// meant for, or else with all there are.
func suggest(word string, names []string) string {
	near := nearest(word, names)
	if len(near) == 0 {
		near = akin(word, names)
	}
	if len(near) == 0 {
		return "want " + enumerate(names, " or ")
	}
	quoted := slices.Clone(near)
	for i, name := range quoted {
		quoted[i] = quote(name)
	}
	return "did you mean " + enumerate(quoted, " or ") + "?"
}

// nearest returns the names that word can be a slip for: the fewest edits away,
// and no more than a third of the name.
func nearest(word string, names []string) []string {
	var near []string
	fewest := -1
	for _, name := range names {
		limit := max(1, len(name)/3)
		if len(word) > len(name)+limit {
			continue // also keeps a whole paragraph from being compared
		}
		n := edits(strings.ToLower(word), strings.ToLower(name))
		switch {
		case n > limit || fewest >= 0 && n > fewest:
		case n == fewest:
			near = append(near, name)
		default:
			fewest, near = n, []string{name}
		}
	}
	return near
}

// akin returns the names that contain word, or are in it: "restricted".
func akin(word string, names []string) []string {
	word = strings.ToLower(word)
	if len(word) < 3 {
		return nil
	}
	var found []string
	for _, name := range names {
		if strings.Contains(name, word) || strings.Contains(word, name) {
			found = append(found, name)
		}
	}
	return found
}

// edits counts the insertions, deletions, substitutions and swaps of neighbours
// that make b of a (the optimal string alignment distance).
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}

// enumerate joins words as prose does: "a, b and c".
func enumerate(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + last + words[end]
}
