// Command chart draws the results of the peers as bars, in SVG.
//
//	go run ./chart results.json > ../docs/performance.svg
//
// The file is what peers/peers.mjs writes with --json.
package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"slices"
)

// result is one view compared with one peer.
type result struct {
	View  string  `json:"view"`
	Peer  string  `json:"peer"`
	Ratio float64 `json:"ratio"` // the peer's time / ours
	Wrong string  `json:"wrong"` // where the rows differ
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart results.json > chart.svg")
		os.Exit(2)
	}
	data, err := os.ReadFile(os.Args[1])
	var results []result
	if err == nil {
		err = json.Unmarshal(data, &results)
	}
	if err == nil {
		err = draw(os.Stdout, results)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// The measures, in pixels.
const (
	left   = 210.0 // of the bars
	unit   = 150.0 // a factor of ten
	right  = 60.0  // for the figure behind the longest bar
	bar    = 13.0
	gap    = 12.0 // between views
	top    = 60.0
	bottom = 30.0
)

var colours = []string{"#3b6ea5", "#7aa6c2", "#c3b091"}

// draw writes a chart of the ratios on a logarithmic axis that begins at 1.
func draw(w io.Writer, results []result) error {
	var views, peers []string
	decades := 1.0
	for _, r := range results {
		if r.Wrong != "" || r.Ratio <= 0 {
			return fmt.Errorf("%s, %s: no ratio to draw", r.View, r.Peer)
		}
		if !slices.Contains(views, r.View) {
			views = append(views, r.View)
		}
		if !slices.Contains(peers, r.Peer) {
			peers = append(peers, r.Peer)
		}
		decades = max(decades, math.Ceil(math.Log10(r.Ratio)))
	}
	if len(peers) == 0 || len(peers) > len(colours) {
		return fmt.Errorf("%d peers: expected 1 to %d", len(peers), len(colours))
	}
	group := float64(len(peers))*bar + gap
	width, height := left+decades*unit+right, top+float64(len(views))*group+bottom
	p := &printer{w: w}
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="12">`+"\n", width, height)
	p.f(`<rect width="100%%" height="100%%" fill="white"/>` + "\n")
	p.f(`<text x="10" y="20" font-size="14">Times as fast as the peer, one core, same rows (logarithmic)</text>` + "\n")
	for i, peer := range peers {
		x := 10 + float64(i)*190
		p.f(`<rect x="%.0f" y="32" width="12" height="12" fill="%s"/><text x="%.0f" y="42">%s</text>`+"\n", x, colours[i], x+17, html.EscapeString(peer))
	}
	for d := range int(decades) + 1 {
		x := left + float64(d)*unit
		p.f(`<line x1="%.0f" y1="%.0f" x2="%.0f" y2="%.0f" stroke="#ccc"/>`, x, top-6, x, height-bottom)
		p.f(`<text x="%.0f" y="%.0f" text-anchor="middle">%.0f</text>`+"\n", x, height-bottom+16, math.Pow10(d))
	}
	for _, r := range results {
		peer := slices.Index(peers, r.Peer)
		y := top + float64(slices.Index(views, r.View))*group + float64(peer)*bar
		length := max(math.Log10(r.Ratio), 0) * unit
		if peer == 0 {
			p.f(`<text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, y+group/2, html.EscapeString(r.View))
		}
		p.f(`<rect x="%.0f" y="%.1f" width="%.1f" height="%.0f" fill="%s"/>`, left, y, length, bar-2, colours[peer])
		p.f(`<text x="%.1f" y="%.1f" font-size="10">%.3g</text>`+"\n", left+length+4, y+bar-4, r.Ratio)
	}
	p.f("</svg>\n")
	return p.err
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
