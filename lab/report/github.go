package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// What GitHub takes: a step's summary is refused when it is longer, and more
// annotations of a kind than these are not shown.
const (
	summaryBytes = 1 << 20
	annotations  = 10
)

// GitHub writes for a job of GitHub Actions: the summary of a step to the end of the
// file named, and an annotation for each failure. With an empty name there is no
// summary.
func GitHub(out io.Writer, summaryFile string, r Run) error {
	if err := Annotations(out, r); err != nil {
		return err
	}
	if summaryFile == "" {
		return nil
	}
	file, err := os.OpenFile(summaryFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the summary for GitHub: %w", err)
	}
	there, err := file.Stat()
	if err == nil {
		_, err = io.WriteString(file, Summary(r, summaryBytes-int(there.Size())))
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the summary for GitHub: %w", err)
	}
	return nil
}

// Annotations writes an ::error command for each case, or cell of a matrix, that
// failed or whose lab could not be set up; ten at most, of which the last tells of
// those that are left.
func Annotations(out io.Writer, r Run) error {
	type failure struct{ title, text string }
	var all []failure
	for _, c := range r.bad() {
		title := c.Name
		if d := c.Diagnosis; d != nil && d.Cause != "" {
			title = strings.TrimSpace(d.Cause+" "+d.Name) + ": " + c.Name
		}
		if c.Verdict == Invalid {
			title = "the lab is invalid: " + c.Name
		}
		all = append(all, failure{title, strings.TrimSpace(c.Reason + "\n" + c.explanation())})
	}
	for _, c := range r.badCells() {
		all = append(all, failure{c.Caller + " → " + c.Callee, c.Reason})
	}
	for i, f := range all {
		if i == annotations-1 && len(all) > annotations {
			f = failure{"icelab", fmt.Sprintf("%d more failures", len(all)-i)}
		}
		if i == annotations {
			break
		}
		if _, err := fmt.Fprintf(out, "::error title=%s::%s\n", annotationProperty(f.title), annotationText(f.text)); err != nil {
			return err
		}
	}
	return nil
}

// annotationText escapes a text as the toolkit of GitHub's actions does.
func annotationText(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func annotationProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(annotationText(text))
}

// bad are the cases that failed, or whose lab could not be set up; those of a matrix
// stand in its cells.
func (r Run) bad() []Case {
	var all []Case
	for _, c := range r.Cases {
		if len(r.Cells) == 0 && (c.Verdict == Failed || c.Verdict == Invalid) {
			all = append(all, c)
		}
	}
	return all
}

func (r Run) badCells() []Cell {
	var all []Cell
	for _, c := range r.Cells {
		if c.Verdict == Failed || c.Verdict == Invalid {
			all = append(all, c)
		}
	}
	return all
}

// Summary is a run in GitHub's Markdown, in so many bytes at most: what failed
// first, with the diagnosis and the packets of each as a diagram, as far as there is
// room.
func Summary(r Run, most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### icelab: %s\n\n", r.tally())
	if len(r.Cells) > 0 {
		b.WriteString(cellTable(r.Cells))
	}
	if len(r.Cases) > 0 && len(r.Cells) == 0 {
		b.WriteString(caseTable(r.Cases))
	}
	const more = "\n_What failed beyond this did not fit._\n"
	if b.Len()+len(more) > most {
		head := fmt.Sprintf("### icelab: %s\n", r.tally())
		if len(head) > most {
			return ""
		}
		return head
	}
	for _, c := range r.Cases {
		if c.Verdict != Failed && c.Verdict != Invalid {
			continue
		}
		section := c.section()
		if b.Len()+len(section)+len(more) > most {
			b.WriteString(more)
			break
		}
		b.WriteString(section)
	}
	return b.String()
}

// tally counts in words: "26 of 27 passed, 1 failed, on netns, in 12.1 s".
func (r Run) tally() string {
	text := fmt.Sprintf("%d of %d passed", r.count(Passed), r.total())
	for _, v := range []struct {
		Verdict
		told string
	}{{Failed, "failed"}, {Invalid, "invalid"}, {Unsupported, "not supported"}} {
		if n := r.count(v.Verdict); n > 0 {
			text += fmt.Sprintf(", %d %s", n, v.told)
		}
	}
	if r.Fabric != "" {
		text += ", on " + r.Fabric
	}
	return text + fmt.Sprintf(", in %.1f s", r.Took.Seconds())
}

var marks = map[Verdict]string{Passed: "✅", Failed: "❌", Invalid: "⚠️", Unsupported: "➖"}

// caseTable lists cases, those that did not pass first.
func caseTable(cases []Case) string {
	var b strings.Builder
	b.WriteString("| | scenario | expected | proven | outcome | cause |\n|---|---|---|---|---|---|\n")
	for _, good := range []bool{false, true} {
		for _, c := range cases {
			if (c.Verdict == Passed) != good {
				continue
			}
			outcome, cause := "", ""
			if d := c.Diagnosis; d != nil {
				outcome, cause = string(d.Outcome), strings.TrimSpace(d.Cause+" "+d.Name)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", marks[c.Verdict], markdown(c.Name),
				markdown(c.Expected.String()), markdown(c.Proven), markdown(outcome), markdown(cause))
		}
	}
	return b.String() + "\n"
}

// cellTable is a matrix; cells that are not as predicted stand below it.
func cellTable(cells []Cell) string {
	var b strings.Builder
	columns := columnsOf(cells)
	b.WriteString("| caller ↓ callee → |")
	for _, c := range columns {
		b.WriteString(" " + markdown(c) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)))
	for i, c := range cells {
		if i%len(columns) == 0 {
			b.WriteString("\n| " + markdown(c.Caller) + " |")
		}
		text := c.Proven
		if c.Verdict != Passed {
			text = marks[c.Verdict] + " " + text
		}
		b.WriteString(" " + markdown(text) + " |")
	}
	b.WriteString("\n\n")
	for _, c := range cells {
		if c.Verdict == Failed || c.Verdict == Invalid {
			fmt.Fprintf(&b, "- %s %s → %s: %s\n", marks[c.Verdict], markdown(c.Caller), markdown(c.Callee), markdown(c.Reason))
		}
	}
	return b.String() + "\n"
}

// section is one case that failed.
func (c Case) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#### %s %s\n\n%s\n\n", marks[c.Verdict], markdown(c.Name), markdown(c.Reason))
	if d := c.Diagnosis; d != nil {
		fmt.Fprintf(&b, "> **%s** %s\n>\n> %s\n", markdown(strings.TrimSpace(d.Cause+" "+d.Name)), markdown(string(d.Outcome)), markdown(d.Sentence))
		if d.Where != "" {
			fmt.Fprintf(&b, ">\n> Where: %s. Confidence: %.2f.\n", markdown(d.Where), d.Confidence)
		}
		if d.Remedy != nil {
			fmt.Fprintf(&b, ">\n> **What to do** (%s): %s\n", markdown(string(d.Remedy.Owner)), markdown(d.Remedy.Do))
		}
		b.WriteString("\n")
		for _, item := range texts(d.Evidence) {
			fmt.Fprintf(&b, "- %s\n", markdown(item))
		}
		for _, item := range texts(d.Against) {
			fmt.Fprintf(&b, "- against it: %s\n", markdown(item))
		}
		for _, other := range d.Alternatives {
			fmt.Fprintf(&b, "- or %s (%.2f); to tell: %s\n", markdown(other.Cause), other.Confidence, markdown(other.Next))
		}
		b.WriteString("\n")
	}
	if diagram := c.sequence(mermaidArrows).mermaid(); diagram != "" {
		fmt.Fprintf(&b, "<details><summary>What passed between the nodes</summary>\n\n```mermaid\n%s```\n\n</details>\n\n", diagram)
	}
	return b.String()
}

// texts are what evidence says; whose it is and its packets are told elsewhere.
func texts(items []diagnose.Item) []string {
	var all []string
	for _, item := range items {
		if !slices.Contains(all, item.Text) {
			all = append(all, item.Text)
		}
	}
	return all
}

// markdown escapes a text for a line, or a cell of a table, of GitHub's Markdown.
func markdown(text string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`,
		"[", `\[`, "]", `\]`, "\\", `\\`, "\n", " ", "\r", " ", "@", "@\u200b",
	).Replace(printable(text))
}
