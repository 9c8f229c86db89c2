package main

import (
	"fmt"
	"io"

	"github.com/researchflow/researchflow/examples/internal/progress"
	"github.com/researchflow/researchflow/runner"
)

// bar shows the progress of a run on a terminal, and nothing elsewhere.
type bar struct {
	line *progress.Line
	size int64 // of the source in bytes; -1 if unknown
}

// newBar returns a bar on stderr. It shows nothing if rows go to a terminal.
func newBar(stdout, stderr io.Writer, toFile bool, size int64) bar {
	if !toFile && progress.IsTerminal(stdout) {
		return bar{}
	}
	return bar{line: progress.New(stderr), size: size}
}

func (b bar) update(s runner.Stats) {
	share := -1.0
	if b.size > 0 {
		share = float64(s.Bytes) / float64(b.size)
	}
	b.line.Show(share, fmt.Sprintf("%d resources, %d rows", s.Resources, s.Rows))
}

func (b bar) done() { b.line.Clear() }
