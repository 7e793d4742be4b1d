package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML, as Jenkins, GitLab and GitHub's actions read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Class      string          `xml:"classname,attr"`
		Time       string          `xml:"time,attr"`
		Properties *[]junitProp    `xml:"properties>property,omitempty"`
		Failure    *junitComplaint `xml:"failure"`
		Error      *junitComplaint `xml:"error"`
		Skipped    *junitComplaint `xml:"skipped"`
	}
	junitProp struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitComplaint struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes junit.xml: a test case for each case, and for each cell of a
// matrix. Failed is a failure; a lab that could not be set up is an error, as it
// says nothing of the peers; and what a fabric does not support is skipped.
func WriteJUnit(out io.Writer, r Run) error {
	suite := junitSuite{
		Name: strings.TrimSpace("icelab " + r.Command), Tests: r.total(),
		Failures: r.count(Failed), Errors: r.count(Invalid), Skipped: r.count(Unsupported),
		Time: fmt.Sprintf("%.3f", r.Took.Seconds()), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
	}
	if r.Fabric != "" {
		suite.Name += " on " + r.Fabric
	}
	for _, c := range r.Cases {
		if len(r.Cells) > 0 {
			break
		}
		one := junitCase{Name: c.Name, Class: "icelab.scenarios", Time: fmt.Sprintf("%.3f", c.Took.Seconds())}
		one.complain(c.Verdict, c.Reason, c.explanation())
		one.property("expected", c.Expected.String())
		one.property("proven", c.Proven)
		if d := c.Diagnosis; d != nil {
			one.diagnosis(string(d.Outcome), d.Cause, d.Name, d.Where, d.Confidence)
			one.property("predicted", d.Predicted)
		}
		suite.Cases = append(suite.Cases, one)
	}
	for _, c := range r.Cells {
		one := junitCase{
			Name: c.Caller + " → " + c.Callee, Class: "icelab.matrix",
			Time: fmt.Sprintf("%.3f", c.OpenMS/1000),
		}
		one.complain(c.Verdict, c.Reason, c.Why)
		one.property("predicted", c.Predicted)
		one.property("proven", c.Proven)
		if c.Outcome != "" {
			one.diagnosis(c.Outcome, c.Cause, c.Name, c.Where, c.Confidence)
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{
		Name: "icelab", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors,
		Skipped: suite.Skipped, Time: suite.Time, Suites: []junitSuite{suite},
	}); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}

func (c *junitCase) property(name, value string) {
	if value == "" {
		return
	}
	if c.Properties == nil {
		c.Properties = &[]junitProp{}
	}
	*c.Properties = append(*c.Properties, junitProp{name, printable(value)})
}

func (c *junitCase) diagnosis(outcome, cause, name, where string, confidence float64) {
	c.property("outcome", outcome)
	c.property("cause", strings.TrimSpace(cause+" "+name))
	c.property("where", where)
	c.property("confidence", fmt.Sprintf("%.2f", confidence))
}

func (c *junitCase) complain(v Verdict, reason, more string) {
	complaint := &junitComplaint{Message: printable(reason), Type: string(v), Text: printable(strings.TrimSpace(reason + "\n" + more))}
	switch v {
	case Failed:
		c.Failure = complaint
	case Invalid:
		c.Error = complaint
	case Unsupported:
		c.Skipped = complaint
	}
}

// explanation is what the diagnosis says, in a few lines.
func (c Case) explanation() string {
	d := c.Diagnosis
	if d == nil {
		return ""
	}
	lines := []string{strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Outcome, d.Cause, d.Name)), d.Sentence}
	if d.Remedy != nil {
		lines = append(lines, fmt.Sprintf("%s: %s", d.Remedy.Owner, d.Remedy.Do))
	}
	return strings.Join(lines, "\n")
}

// printable is a text without what XML cannot hold, which a network can send.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}
