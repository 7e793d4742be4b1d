package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// page is where a verdict is written: all of it indented, no line longer than width.
type page struct {
	out           io.Writer
	indent, width int
}

// pageWidth is as wide as a page gets, whatever the terminal.
const pageWidth = 100

// newPage fits a page to where it is written.
func newPage(out io.Writer, indent int) page {
	width := pageWidth
	if w := widthOf(out); w > 0 {
		width = min(w, pageWidth)
	}
	return page{out, indent, width}
}

// heading begins a part of the page; an empty one is just a blank line.
func (p page) heading(text string) {
	fmt.Fprintln(p.out)
	if text != "" {
		p.labelled(bold, text, "")
	}
}

// labelled writes text after a label that has a colour, and its further lines below
// its first.
func (p page) labelled(hue colour, label, text string) { p.write(hue, label, "", text) }

// dim writes all of it in grey.
func (p page) dim(label, text string) { p.write(grey, label, grey, text) }

func (p page) write(labelHue colour, label string, textHue colour, text string) {
	start := p.indent + utf8.RuneCountInString(label)
	below := start
	if below > p.width/2 { // a long label leaves no room below the text
		below = p.indent + 2
	}
	lines := broken(text, p.width-start, p.width-below)
	fmt.Fprintln(p.out, strings.TrimRight(strings.Repeat(" ", p.indent)+p.paint(labelHue, label)+p.paint(textHue, lines[0]), " "))
	for _, line := range lines[1:] {
		fmt.Fprintln(p.out, strings.Repeat(" ", below)+p.paint(textHue, line))
	}
}

func (p page) paint(hue colour, text string) string {
	if hue == "" || text == "" {
		return text
	}
	return coloured(p.out, text, hue)
}

// broken breaks text between words into lines: the first of one width, the others
// of another. There is always a line.
func broken(text string, first, others int) []string {
	lines, room := []string{""}, first
	for word := range strings.FieldsSeq(text) {
		line := &lines[len(lines)-1]
		switch {
		case *line == "":
			*line = word
		case utf8.RuneCountInString(*line)+1+utf8.RuneCountInString(word) <= room:
			*line += " " + word
		default:
			lines, room = append(lines, word), others
		}
	}
	return lines
}
