package cli

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// colour is an ANSI code. Nothing is told by colour alone.
type colour string

const (
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	grey   colour = "90"
)

// coloured colours text on a terminal, unless NO_COLOR is set.
func coloured(w io.Writer, text string, c colour) string {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress says what takes long: on a terminal in one line that overwrites
// itself, elsewhere a line each.
type progress struct {
	w    io.Writer
	live bool
}

func newProgress(w io.Writer) progress { return progress{w, isTerminal(w)} }

func (p progress) say(what string) {
	if p.live {
		fmt.Fprintf(p.w, "\r\x1b[K%s ...", what)
		return
	}
	fmt.Fprintln(p.w, what+" ...")
}

func (p progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
