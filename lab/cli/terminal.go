package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/icelab-go/icelab/lab"
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

// widthOf is how many characters a line of a terminal has; zero for what is none,
// and so has no limit.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// wrapped indents text and breaks it between words so that it fits a width; zero
// is no limit.
func wrapped(text string, indent, width int) string {
	margin := strings.Repeat(" ", indent)
	if width == 0 || utf8.RuneCountInString(text) <= width-indent {
		return margin + text
	}
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			b.WriteString(margin)
			column = indent
		case column+1+length > width:
			b.WriteString("\n" + margin)
			column = indent
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// progress says what takes long: on a terminal in one line that overwrites
// itself, elsewhere a line each.
type progress struct {
	w    io.Writer
	live bool
}

func newProgress(w io.Writer) progress { return progress{w, isTerminal(w)} }

func (p progress) say(what string) {
	if !p.live {
		fmt.Fprintln(p.w, what+" ...")
		return
	}
	line := []rune(what + " ...")
	// A line that wraps could not be overwritten.
	if width := widthOf(p.w); width > 0 && len(line) >= width {
		line = append(line[:max(0, width-2)], '…')
	}
	fmt.Fprint(p.w, "\r\x1b[K"+string(line))
}

// playing says on a terminal how far the lab is.
func (p progress) playing(now lab.Progress) {
	if p.live && len(now.Playing) > 0 {
		p.say(fmt.Sprintf("%d of %d: %s", now.Done, now.Total, strings.Join(now.Playing, ", ")))
	}
}

func (p progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
