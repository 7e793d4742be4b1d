package report

import (
	"fmt"
	"net"
	"strconv"

	"github.com/icelab-go/icelab/peers"
)

// pairsView is one side's candidate pairs: local candidates down, remote ones across.
type pairsView struct {
	Node    string
	Remotes []string
	Rows    []pairRow
}

type pairRow struct {
	Local string
	Cells []pairCell
}

type pairCell struct {
	Mark, Kind, Text string
}

// pairs are those of the diagnosis, each with its reason, or else the peers' own
// counts.
func (c Case) pairs() []pairsView {
	var views []pairsView
	if c.Diagnosis != nil {
		for _, p := range c.Diagnosis.Pairs {
			views = intoMatrix(views, p.Node, p.Local, p.Remote, newPairCell(p.State, p.Reason))
		}
	}
	if views != nil || c.Evidence == nil {
		return views
	}
	for _, side := range []struct {
		node   string
		report *peers.Report
	}{{c.caller(), c.Evidence.Caller.Report}, {c.callee(), c.Evidence.Callee.Report}} {
		if side.report == nil {
			continue
		}
		for _, p := range side.report.Pairs {
			text := fmt.Sprintf("%d checks, %d answered; %d received, %d answered", p.RequestsSent, p.ResponsesReceived, p.RequestsReceived, p.ResponsesSent)
			if p.Nominated {
				text = "nominated; " + text
			}
			views = intoMatrix(views, side.node, pairEnd(p.Local), pairEnd(p.Remote), newPairCell(p.State, text))
		}
	}
	return views
}

func pairEnd(c peers.Candidate) string {
	return string(c.Type) + " " + net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port)))
}

func newPairCell(state, reason string) pairCell {
	mark := map[string]string{"succeeded": "✓", "failed": "✗"}[state]
	if mark == "" {
		mark = "–"
	}
	return pairCell{Mark: mark, Kind: state, Text: reason}
}

// intoMatrix puts a pair into the matrix of its node.
func intoMatrix(views []pairsView, node, local, remote string, cell pairCell) []pairsView {
	at := -1
	for i := range views {
		if views[i].Node == node {
			at = i
		}
	}
	if at < 0 {
		at, views = len(views), append(views, pairsView{Node: node})
	}
	v := &views[at]
	column := -1
	for i, r := range v.Remotes {
		if r == remote {
			column = i
		}
	}
	if column < 0 {
		column, v.Remotes = len(v.Remotes), append(v.Remotes, remote)
		for i := range v.Rows {
			v.Rows[i].Cells = append(v.Rows[i].Cells, pairCell{})
		}
	}
	for i := range v.Rows {
		if v.Rows[i].Local == local {
			v.Rows[i].Cells[column] = cell
			return views
		}
	}
	row := pairRow{Local: local, Cells: make([]pairCell, len(v.Remotes))}
	row.Cells[column] = cell
	v.Rows = append(v.Rows, row)
	return views
}
