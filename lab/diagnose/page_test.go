package diagnose

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const pageFile = "../../docs/causes.md"

var update = flag.Bool("update", false, "write docs/causes.md anew")

func TestTheDocsPageIsMadeFromTheCauses(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(pageFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	// A checkout on Windows may have other line ends.
	if diff := gocmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Errorf("docs/causes.md is not what the causes say; run go generate ./lab/diagnose (-want +got):\n%s", diff)
	}
}

func TestLinksOfThePageLeadToItsHeadings(t *testing.T) {
	text := page()
	for _, m := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(text, `<a id="`+m[1]+`"></a>`) {
			t.Errorf("#%s leads nowhere", m[1])
		}
	}
}

func TestSourcesBecomeLinks(t *testing.T) {
	for source, want := range map[string]string{
		"RFC 8489 section 9.2.5": "https://www.rfc-editor.org/rfc/rfc8489#section-9.2.5",
		"RFC 6147":               "https://www.rfc-editor.org/rfc/rfc6147",
		"RFC 4787 REQ-9":         "https://www.rfc-editor.org/rfc/rfc4787",
		"draft-ietf-rtcweb-mdns-ice-candidates-04 section 4.1": "https://datatracker.ietf.org/doc/html/draft-ietf-rtcweb-mdns-ice-candidates-04#section-4.1",
		"coturn/coturn#1573":           "https://github.com/coturn/coturn/issues/1573",
		"pion/ice: gather.go":          "",
		"RFC 84891 section":            "",
		"RFC 8489 section 9.2.5 or so": "",
		"coturn#1573":                  "",
	} {
		if got := link(source); got != want {
			t.Errorf("%q links to %q, want %q", source, got, want)
		}
	}
}

// page is docs/causes.md.
func page() string {
	var b strings.Builder
	b.WriteString("<!-- Made from lab/diagnose by go generate ./lab/diagnose; do not edit. -->\n")
	b.WriteString("# Causes\n\n")
	fmt.Fprintf(&b, "The %d reasons that icelab knows why a WebRTC connection fails, or uses a relay that it could do without. "+
		"`icelab explain CODE` prints one of them. The families follow the order in which a connection is made: "+
		"the first stage that fails is most often the cause.\n\n", len(Causes()))
	b.WriteString("A † marks causes that servers answer differently; a rule on error codes has to know which server it talks to.\n")
	for _, f := range Families() {
		fmt.Fprintf(&b, "\n[**%s** %s](#%s)\n\n", f.Letter, f.Title, strings.ToLower(f.Letter))
		b.WriteString("| | | who can remedy it |\n|---|---|---|\n")
		for _, c := range f.Causes {
			mark := ""
			if c.Answers != nil {
				mark = " †"
			}
			fmt.Fprintf(&b, "| %s | %s%s | %s |\n", to(c.Code), c.Title, mark, c.Remedy.Owner)
		}
	}
	for _, f := range Families() {
		fmt.Fprintf(&b, "\n<a id=\"%s\"></a>\n## %s. %s\n\n%s\n", strings.ToLower(f.Letter), f.Letter, f.Title, f.About)
		for _, c := range f.Causes {
			writeCause(&b, c)
		}
	}
	return b.String()
}

func writeCause(b *strings.Builder, c Cause) {
	fmt.Fprintf(b, "\n<a id=\"%s\"></a>\n### %s %s\n\n`%s`\n\n", strings.ToLower(c.Code), c.Code, c.Title, c.Name)
	fmt.Fprintf(b, "- **On the wire**: %s\n- **To ICE**: %s\n- **At the server**: %s\n", c.Looks.Wire, c.Looks.ICE, c.Looks.Server)
	if a := c.Answers; a != nil {
		fmt.Fprintf(b, "\n| standard | coturn | pion/turn |\n|---|---|---|\n| %s | %s | %s |\n", a.Standard, a.Coturn, a.Pion)
	}
	fmt.Fprintf(b, "\n**What to do** (%s): %s\n", c.Remedy.Owner, c.Remedy.Do)
	var related, sources []string
	for _, code := range c.Related {
		related = append(related, to(code))
	}
	for _, source := range c.Sources {
		if address := link(source); address != "" {
			source = fmt.Sprintf("[%s](%s)", source, address)
		}
		sources = append(sources, source)
	}
	fmt.Fprintf(b, "\nSee also %s. Sources: %s.\n", strings.Join(related, ", "), strings.Join(sources, ", "))
}

// to is a link to a cause on the page.
func to(code string) string { return fmt.Sprintf("[%s](#%s)", code, strings.ToLower(code)) }

// What a source can be, beside a file of a project and a specification of the W3C.
var (
	isRFC    = regexp.MustCompile(`^RFC (\d{4})(?: section (\d+(?:\.\d+)*)| REQ-\d+)?$`)
	isDraft  = regexp.MustCompile(`^(draft-[a-z0-9-]+-\d\d)(?: section (\d+(?:\.\d+)*))?$`)
	isReport = regexp.MustCompile(`^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)#(\d+)$`)
	isFile   = regexp.MustCompile(`^[a-z/]+: [A-Za-z0-9_./-]+$`)
	isWeb    = regexp.MustCompile(`^W3C [a-z-]+: [A-Za-z]+$`)
)

// link is the address of a source, if it has one.
func link(source string) string {
	if m := isReport.FindStringSubmatch(source); m != nil {
		return "https://github.com/" + m[1] + "/issues/" + m[2]
	}
	address, m := "https://www.rfc-editor.org/rfc/rfc", isRFC.FindStringSubmatch(source)
	if m == nil {
		address, m = "https://datatracker.ietf.org/doc/html/", isDraft.FindStringSubmatch(source)
	}
	if m == nil {
		return ""
	}
	return address + m[1] + strings.Repeat("#section-"+m[2], cmp.Compare(len(m[2]), 0))
}
