package diagnose

import (
	"regexp"
	"strconv"
)

// allocateError is how pion's TURN client tells of a refusal.
var allocateError = regexp.MustCompile(`Allocate error response \(error (\d+)`)

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// many is a count with its noun: "1 check", "7 checks".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
