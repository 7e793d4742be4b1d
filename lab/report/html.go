package report

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
)

//go:embed page
var files embed.FS

var page = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"ms":      milliseconds,
	"words":   strings.Fields,
	"percent": func(v float64) string { return fmt.Sprintf("%.0f", 100*v) },
	"plural":  plural,
}).ParseFS(files, "page/*.html"))

// WriteHTML writes report.html: one file that loads nothing, in which everything can
// be read without its script. captures are the paths of the cases' captures.
func WriteHTML(out io.Writer, r Run, captures []string) error {
	style, err := files.ReadFile("page/report.css")
	if err != nil {
		return err
	}
	script, err := files.ReadFile("page/report.js")
	if err != nil {
		return err
	}
	view := runView{
		Run: r, Tally: r.tally(), Style: template.CSS(style), Script: template.JS(script),
		Rows: matrixOf(r.Cells), Broken: r.badCells(),
	}
	if len(r.Cells) > 0 {
		view.Columns = columnsOf(r.Cells)
	}
	for _, v := range []Verdict{Failed, Invalid, Unsupported, Passed} {
		if n := r.count(v); n > 0 {
			view.Counts = append(view.Counts, countView{v, n})
		}
	}
	rows := timelineRows
	if len(r.Cases) > fewCases {
		rows = timelineRowsOfMany
	}
	for i, c := range r.Cases {
		v := c.view(i+1, rows)
		v.Open = len(r.Cases) == 1 || c.Verdict == Failed || c.Verdict == Invalid
		if i < len(captures) {
			v.Capture = captures[i]
		}
		view.Cases = append(view.Cases, v)
	}
	// What did not pass is what a reader comes for.
	slices.SortStableFunc(view.Cases, func(a, b caseView) int { return cmp.Compare(urgency(a.Verdict), urgency(b.Verdict)) })
	return page.Execute(out, view)
}

// fewCases is up to how many cases a report has room for all of their packets.
const (
	fewCases           = 8
	timelineRows       = 600
	timelineRowsOfMany = 150
)

func urgency(v Verdict) int {
	return slices.Index([]Verdict{Failed, Invalid, Unsupported, Passed}, v)
}

// The views are what the templates show, in the words and the order of the page.
type (
	runView struct {
		Run
		Tally   string
		Counts  []countView
		Cases   []caseView
		Columns []string
		Rows    []matrixRow
		Broken  []Cell
		Style   template.CSS
		Script  template.JS
	}
	countView struct {
		Verdict Verdict
		Count   int
	}
	caseView struct {
		Case
		ID      string
		Open    bool
		Tone    string // of the outcome: "good", "fine", "warn", "bad"
		Cause   *diagnose.Cause
		For     []itemView
		Against []itemView
		Benign  []itemView
		Also    []findingView
		Others  []otherView
		Facts   []factView

		Map    *mapView
		Ladder *ladderView
		// Gaps are what no witness can tell of the packets.
		Gaps      []string
		Stages    []stagesView
		Exchanges []exchangeView
		Pairs     []pairsView
		Cards     []cardView
		Timeline  []momentView
		// Hidden is how many rows the timeline has no room for.
		Hidden  int
		Capture string
	}
	factView struct{ Name, Value string }
	// itemView is a piece of evidence with the packets it rests on.
	itemView struct {
		Text  string
		Of    string
		Links []linkView
		More  int // packets beyond the links
	}
	linkView    struct{ ID, Text string }
	findingView struct {
		Cause        *diagnose.Cause
		Code, Where  string
		Confidence   float64
		For, Against []itemView
	}
	otherView struct {
		Cause *diagnose.Cause
		diagnose.Alternative
	}
)

func (c Case) view(number, rows int) caseView {
	v := caseView{Case: c, ID: fmt.Sprintf("case-%d", number), Cards: c.cards()}
	v.Map = c.mapView()
	v.Facts = c.facts()
	v.Timeline, v.Hidden = c.timeline(v.ID, rows)
	shown := map[int]bool{}
	for _, m := range v.Timeline {
		shown[m.Packet] = true
	}
	v.Ladder = c.ladderView(v.ID, shown)
	v.Exchanges, v.Pairs, v.Gaps = c.exchanges(), c.pairs(), c.gaps()
	v.Stages = c.stages(v.ID, shown)
	d := c.Diagnosis
	if d == nil {
		return v
	}
	items := func(list []diagnose.Item) (views []itemView) {
		for _, item := range once(list) {
			views = append(views, newItem(item, v.ID, shown))
		}
		return views
	}
	v.Tone, v.Cause = tones[d.Outcome], causeOf(d.Cause)
	v.For, v.Against, v.Benign = items(d.Evidence), items(d.Against), items(d.Benign)
	for _, also := range d.Also {
		v.Also = append(v.Also, findingView{
			Cause: causeOf(also.Cause), Code: also.Cause, Where: also.Where, Confidence: also.Confidence,
			For: items(also.Evidence), Against: items(also.Against),
		})
	}
	for _, other := range d.Alternatives {
		v.Others = append(v.Others, otherView{causeOf(other.Cause), other})
	}
	return v
}

func (c Case) gaps() []string {
	if c.Evidence == nil {
		return nil
	}
	var all []string
	for _, g := range c.Evidence.Gateways {
		if g.Missing != "" {
			all = append(all, g.Name+" shows no packets: "+g.Missing)
		}
	}
	if c.Evidence.Lost > 0 {
		all = append(all, plural(c.Evidence.Lost, "packet")+" more than the witnesses keep passed too")
	}
	return all
}

var tones = map[diagnose.Outcome]string{
	diagnose.DirectOK: "good", diagnose.RelayExpected: "fine", diagnose.RelayAvoidable: "warn",
	diagnose.Degraded: "warn", diagnose.RelayFailed: "bad", diagnose.ConnectFailed: "bad",
}

func causeOf(code string) *diagnose.Cause {
	if c, known := diagnose.Find(code); known {
		return &c
	}
	return nil
}

// facts are the few numbers of a case.
func (c Case) facts() []factView {
	var all []factView
	add := func(name, value string) {
		if value != "" {
			all = append(all, factView{name, value})
		}
	}
	if c.Diagnosis != nil {
		add("predicted", c.Diagnosis.Predicted)
	}
	add("expected", strings.Join(strings.Fields(c.Expected.String()+" "+c.Expected.Outcome+" "+c.Expected.Cause), ", "))
	add("proven", cmp.Or(c.Proven, "–"))
	if c.OpenMS > 0 {
		add("channel open after", milliseconds(c.OpenMS))
	}
	sent, echoed := 0, 0
	for _, s := range c.Steps {
		sent, echoed = sent+s.Sent, echoed+s.Echoed
	}
	if sent > 0 {
		add("echoed", fmt.Sprintf("%d of %d", echoed, sent))
	}
	add("took", milliseconds(float64(c.Took.Microseconds())/1000))
	return all
}

// linksShown is how many packets a claim links to.
const linksShown = 8

func newItem(item diagnose.Item, id string, shown map[int]bool) itemView {
	v := itemView{Text: item.Text, Of: string(item.Of)}
	v.Links, v.More = links(item.Packets, id, shown)
	return v
}

// once joins what is said several times, as of each URL of a server.
func once(list []diagnose.Item) []diagnose.Item {
	var all []diagnose.Item
	for _, item := range list {
		at := slices.IndexFunc(all, func(known diagnose.Item) bool { return known.Text == item.Text && known.Of == item.Of })
		if at < 0 {
			at = len(all)
			all = append(all, diagnose.Item{Text: item.Text, Of: item.Of})
		}
		for _, p := range item.Packets {
			if !slices.Contains(all[at].Packets, p) {
				all[at].Packets = append(all[at].Packets, p)
			}
		}
	}
	return all
}

// links lead to the packets in the timeline, as far as they are there.
func links(packets []int, id string, shown map[int]bool) (all []linkView, more int) {
	for _, p := range packets {
		if len(all) == linksShown || !shown[p] {
			more++
			continue
		}
		all = append(all, linkView{fmt.Sprintf("%s-p%d", id, p), fmt.Sprint(p)})
	}
	return all, more
}

// milliseconds reads "12.3 ms", "1.03 s".
func milliseconds(v float64) string {
	if math.Abs(v) < 0.05 {
		v = 0 // not "-0.0 ms"
	}
	switch {
	case v >= 10000 || v <= -10000:
		return fmt.Sprintf("%.1f s", v/1000)
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.2f s", v/1000)
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.1f ms", v)
}

func plural(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}
