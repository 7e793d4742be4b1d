package lastwords

import (
	"fmt"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	stacks := strings.Repeat("goroutine 7 [select]:\nmain.main()\n", 1000)
	for name, test := range map[string]struct{ status, written, want string }{
		"silent":         {"it was killed", "", "it was killed"},
		"one line":       {"it ended with exit status 1", "no such socket\n", "it ended with exit status 1; its last lines: no such socket"},
		"the last five":  {"", "1\n2\n3\n4\n5\n6\n", "its last lines: 2 | 3 | 4 | 5 | 6"},
		"crash's begin":  {"", "a warning\npanic: index out of range\n\n" + stacks, "its last lines: panic: index out of range |  | goroutine 7 [select]: | main.main() | goroutine 7 [select]:"},
		"nothing at all": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var tail Tail
			fmt.Fprint(&tail, test.written)
			if got := Of(test.status, &tail); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestTailForgetsTheBeginning(t *testing.T) {
	var tail Tail
	fmt.Fprintln(&tail, "first")
	for range 10 {
		fmt.Fprintln(&tail, strings.Repeat("x", keepBytes/8))
	}
	if len(tail.buf) > keepBytes || strings.Contains(string(tail.buf), "first") {
		t.Errorf("%d bytes are kept, want the last %d", len(tail.buf), keepBytes)
	}
}
