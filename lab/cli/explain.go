package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// bold is for headings.
const bold colour = "1"

// explainWidth is as wide as text is still read well.
const explainWidth = 80

func newExplainCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain [CAUSE]",
		Short: "Explain a cause: what it looks like and what to do",
		Long: `Explains a cause by its code or name: what it looks like on the wire, to ICE and
at the server, where servers answer differently, who can remedy it and how, and
where it comes from. Without a cause it lists them all.`,
		Example: `  icelab explain
  icelab explain A1
  icelab explain relay-range-firewalled
  icelab explain --format json`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range diagnose.Causes() {
				names = append(names, c.Code+"\t"+c.Title, c.Name+"\t"+c.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				if format == "json" {
					return writeJSON(out, diagnose.Families())
				}
				listCauses(out)
				return nil
			}
			cause, ok := diagnose.Find(args[0])
			if !ok {
				return exit{exitUsage, unknownCause(args[0])}
			}
			if format == "json" {
				return writeJSON(out, cause)
			}
			explain(out, cause)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// unknownCause says which causes may have been meant, a few at most.
func unknownCause(word string) error {
	similar := diagnose.Similar(word)
	if len(similar) == 0 {
		return fmt.Errorf("no cause %q; icelab explain lists them", word)
	}
	var names []string
	for _, c := range similar[:min(len(similar), 4)] {
		names = append(names, c.Code+" "+c.Name)
	}
	return fmt.Errorf("no cause %q; did you mean %s?", word, strings.Join(names, " or "))
}

func listCauses(out io.Writer) {
	for _, f := range diagnose.Families() {
		fmt.Fprintln(out, coloured(out, f.Letter+"  "+f.Title, bold))
		for _, c := range f.Causes {
			hang(out, fmt.Sprintf("  %-3s  %-29s  ", c.Code, c.Name), c.Title)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, "icelab explain CAUSE tells more, by code or by name.")
}

func explain(out io.Writer, c diagnose.Cause) {
	fmt.Fprintln(out, coloured(out, c.Code+"  "+c.Title, bold))
	fmt.Fprintln(out, coloured(out, "    "+c.Name, grey))

	heading(out, "What it looks like")
	hang(out, "  on the wire     ", c.Looks.Wire)
	hang(out, "  to ICE          ", c.Looks.ICE)
	hang(out, "  at the server   ", c.Looks.Server)

	if a := c.Answers; a != nil {
		heading(out, "What servers answer")
		hang(out, "  standard        ", a.Standard)
		hang(out, "  coturn          ", a.Coturn)
		hang(out, "  pion/turn       ", a.Pion)
	}

	heading(out, "What to do")
	hang(out, fmt.Sprintf("  %-16s", c.Remedy.Owner), c.Remedy.Do)

	if len(c.Related) > 0 {
		heading(out, "See also")
		for _, code := range c.Related {
			if other, ok := diagnose.Find(code); ok {
				hang(out, fmt.Sprintf("  %-16s", code), other.Title)
			}
		}
	}

	heading(out, "Sources")
	for _, source := range c.Sources {
		hang(out, "  ", source)
	}
}

func heading(out io.Writer, text string) {
	fmt.Fprintln(out, "\n"+coloured(out, text, bold))
}

// hang writes text after a label, and its further lines below it.
func hang(out io.Writer, label, text string) {
	width := explainWidth
	if w := widthOf(out); w > 0 {
		width = min(w, explainWidth)
	}
	fmt.Fprintln(out, label+strings.TrimLeft(wrapped(text, len(label), width), " "))
}
