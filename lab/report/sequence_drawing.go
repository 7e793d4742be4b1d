package report

import (
	"fmt"
	"slices"
	"strings"
)

// ladderView is a sequence as a drawing: a line for each node, and time downwards.
type ladderView struct {
	Width, Height int
	Lifelines     []lifelineView
	Arrows        []arrowView
	Left          int
	Bottom        int // of the lifelines
}

type lifelineView struct {
	X    int
	Name string
	// Left and Width are those of its head.
	Left, Width int
}

type arrowView struct {
	Y      int
	X1, X2 int
	// Self is an arrow from a node to itself, as path data.
	Self string
	Head string // the arrow's head, as path data
	Dots []int  // where witnesses saw it
	// Stop is where it ended, if it was dropped or lost.
	Stop  int
	Lost  bool
	Kind  string // "said", "bad", "missed", "plain", "data"
	Text  string
	TextX int
	// Anchor is that of the text: "start", "middle", "end".
	Anchor string
	// Note is what became of it, beyond where it ended.
	Note       string
	NoteX      int
	NoteAnchor string
	Time       string
	Link       string // to its first packet in the timeline
	Title      string
}

// StopY, NoteY and TextY are where the texts of an arrow stand.
func (v arrowView) StopY() int { return v.Y + 5 }
func (v arrowView) NoteY() int { return v.Y + 4 }
func (v arrowView) TextY() int {
	if v.Self != "" {
		return v.Y
	}
	return v.Y - 5
}

// Measures of the ladder, in pixels.
const (
	ladderWidth  = 1040
	ladderMargin = 76 // for the time
	ladderHead   = 46
	ladderRow    = 30
	ladderArrows = 80
	// Of a case that went as it should there is less to ask.
	ladderArrowsPassed = 48
	glyph              = 6.4 // the width of a character of a label
)

// ladderView draws what passed. Packets that the timeline shows can be linked.
func (c Case) ladderView(id string, shown map[int]bool) *ladderView {
	most := ladderArrows
	if c.Verdict == Passed {
		most = ladderArrowsPassed
	}
	s := c.sequence(most)
	if len(s.arrows) == 0 {
		return nil
	}
	v := &ladderView{Width: ladderWidth, Left: s.left}
	step := 0
	if len(s.lifelines) > 1 {
		step = (ladderWidth - ladderMargin - 130) / (len(s.lifelines) - 1)
	}
	x := func(node string) int { return ladderMargin + 65 + step*slices.Index(s.lifelines, node) }
	for _, name := range s.lifelines {
		width := max(64, int(glyph*float64(len(name)))+24)
		v.Lifelines = append(v.Lifelines, lifelineView{X: x(name), Name: name, Left: x(name) - width/2, Width: width})
	}
	for i, a := range s.arrows {
		y := ladderHead + ladderRow*(i+1)
		one := arrowView{
			Y: y, X1: x(a.from), X2: x(a.to), Lost: a.lost,
			Time: fmt.Sprintf("%.1f", float64(a.after.Microseconds())/1000), Kind: a.kind(),
			Title: a.title(),
		}
		for _, p := range a.packets {
			if shown[p] {
				one.Link = fmt.Sprintf("#%s-p%d", id, p)
				break
			}
		}
		one.lay(a, x)
		v.Arrows = append(v.Arrows, one)
	}
	v.Bottom = ladderHead + ladderRow*len(s.arrows) + 16
	v.Height = v.Bottom + 8
	return v
}

// kind is how an arrow is drawn.
func (a arrow) kind() string {
	switch {
	case a.said != "":
		return "said"
	case a.failed:
		return "bad"
	case a.lost || a.unanswered:
		return "missed"
	case a.rank == 3:
		return "data"
	}
	return "plain"
}

// title is what is shown of an arrow when asked.
func (a arrow) title() string {
	text := a.label() + " · packets "
	if len(a.packets) == 1 {
		text = a.label() + " · packet "
	}
	var ids []string
	for _, p := range a.packets[:min(len(a.packets), linksShown)] {
		ids = append(ids, fmt.Sprint(p))
	}
	text += strings.Join(ids, ", ")
	if more := len(a.packets) - len(ids); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if a.said != "" {
		text += " · " + a.said
	}
	return text
}

// lay places the line, its ends and its label.
func (v *arrowView) lay(a arrow, x func(string) int) {
	for _, node := range a.at {
		v.Dots = append(v.Dots, x(node))
	}
	v.Text = a.label()
	if v.X1 == v.X2 {
		v.Self = fmt.Sprintf("M%d %d h26 v9 h-20", v.X1, v.Y-9)
		v.Head = fmt.Sprintf("M%d %d l8 -4 v8 z", v.X1+2, v.Y)
		v.TextX, v.Anchor = v.X1+34, "start"
	} else {
		way := 1
		if v.X2 < v.X1 {
			way = -1
		}
		v.note(a, way)
		v.fit(a, way*(v.X2-v.X1))
		if a.dropped != "" || a.lost {
			v.Stop = v.X2 - 12*way
			v.X2 = v.Stop
		} else {
			v.Head = fmt.Sprintf("M%d %d l%d -4.5 v9 z", v.X2, v.Y, -9*way)
			v.X2 -= 6 * way
		}
		v.TextX, v.Anchor = (v.X1+v.X2)/2, "middle"
	}
	v.keepInside()
}

// note puts what became of an arrow beyond its end, where there is room: the text
// above is as long as the arrow then.
func (v *arrowView) note(a arrow, way int) {
	if a.dropped == "" && !a.lost {
		return
	}
	at, length := v.X2+8*way, int(glyph*float64(len([]rune(a.ending()))))
	if end := at + length*way; end < ladderMargin || end > ladderWidth-4 {
		return
	}
	v.Note, v.NoteX, v.NoteAnchor = a.ending(), at, "start"
	if way < 0 {
		v.NoteAnchor = "end"
	}
	v.Text = a.text + a.times()
}

// fit shortens the text of an arrow to about its length; the title has all of it.
func (v *arrowView) fit(a arrow, length int) {
	const overhang, narrow = 24, 6.0 // most characters are narrower than a glyph
	most, whole := int(float64(length+overhang)/narrow), []rune(v.Text)
	if len(whole) <= most {
		return
	}
	end := strings.TrimPrefix(v.Text, a.text)
	v.Text = shortened(a.text, max(12, most-len([]rune(end)))) + end
}

// keepInside keeps the label inside of the drawing.
func (v *arrowView) keepInside() {
	half := glyph * float64(len([]rune(v.Text))) / 2
	switch {
	case v.Anchor == "start" && float64(v.TextX)+2*half > ladderWidth-4:
		v.TextX, v.Anchor = v.X1-8, "end"
	case v.Anchor == "middle" && float64(v.TextX)+half > ladderWidth-4:
		v.TextX, v.Anchor = ladderWidth-4, "end"
	case v.Anchor == "middle" && float64(v.TextX)-half < ladderMargin-4:
		v.TextX, v.Anchor = ladderMargin-4, "start"
	}
}
