package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/researchflow/researchflow/runner"
)

// bar shows the progress of a run on a terminal, and nothing elsewhere.
type bar struct{ *progressbar.ProgressBar }

// newBar returns a bar on stderr. Rows that go to a terminal themselves need none.
func newBar(stdout, stderr io.Writer, toFile bool, size int64) bar {
	if !isTerminal(stderr) || !toFile && isTerminal(stdout) {
		return bar{}
	}
	return bar{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (b bar) update(s runner.Stats) {
	if b.ProgressBar == nil {
		return
	}
	b.Describe(fmt.Sprintf("%d resources, %d rows", s.Resources, s.Rows))
	_ = b.Set64(s.Bytes) // a display that fails is no reason to stop
}

func (b bar) done() {
	if b.ProgressBar != nil {
		_ = b.Finish()
		_ = b.Clear()
	}
}
