package report

import (
	"cmp"
	"strings"
)

// matrixRow is a row of a matrix.
type matrixRow struct {
	Caller string
	Cells  []matrixCell
}

type matrixCell struct {
	Cell
	Letter string
	Tone   string
}

func matrixOf(cells []Cell) []matrixRow {
	var rows []matrixRow
	for _, c := range cells {
		if len(rows) == 0 || rows[len(rows)-1].Caller != c.Caller {
			rows = append(rows, matrixRow{Caller: c.Caller})
		}
		path, transport, _ := strings.Cut(c.Proven, "/")
		one := matrixCell{
			Cell:   c,
			Letter: cmp.Or(strings.TrimSpace(path+" "+transport), "?"),
			Tone:   map[string]string{"direct": "good", "relay": "fine", "relay-both": "warn", "none": "none"}[path],
		}
		switch c.Verdict {
		case Failed, Invalid:
			one.Tone = "bad"
		case Unsupported:
			one.Tone, one.Letter = "none", "·"
		}
		last := &rows[len(rows)-1]
		last.Cells = append(last.Cells, one)
	}
	return rows
}

// columnsOf are the callees of a matrix, which is square.
func columnsOf(cells []Cell) []string {
	var all []string
	for _, c := range cells {
		if c.Caller != cells[0].Caller {
			break
		}
		all = append(all, c.Callee)
	}
	return all
}
