// Package progress shows one line of progress on a terminal, and nothing elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Line is a line that is rewritten in place. One goroutine at a time may use it. A nil Line shows nothing.
type Line struct {
	w     io.Writer
	shown time.Time // when it was last written
	text  string    // what is on the terminal now
}

// interval is the minimum time between two updates, so that a fast program does not wait for its terminal.
const interval = 100 * time.Millisecond

// New returns a line on w, or nil if w is not a terminal.
func New(w io.Writer) *Line {
	if !IsTerminal(w) {
		return nil
	}
	return &Line{w: w}
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Show draws a bar followed by a text. If share is negative, it is unknown, and there is no bar. An update that follows
// too soon on the last one is skipped.
func (l *Line) Show(share float64, text string) {
	if l == nil || time.Since(l.shown) < interval {
		return
	}
	l.shown = time.Now()
	l.draw(bar(share) + text)
}

// bar draws a share from 0 to 1 as a bar with a percentage. It is empty for a negative share.
func bar(share float64) string {
	if share < 0 {
		return ""
	}
	const width = 24
	done := int(min(share, 1) * width)
	return fmt.Sprintf("[%s%s] %3.0f %%  ", strings.Repeat("=", done), strings.Repeat(" ", width-done), min(share, 1)*100)
}

// draw replaces the text on the terminal. It ignores write errors: they are no reason to stop.
func (l *Line) draw(text string) {
	spaces := strings.Repeat(" ", max(0, len(l.text)-len(text)))
	fmt.Fprint(l.w, "\r"+text+spaces)
	l.text = text
}

// Print writes text above the line.
func (l *Line) Print(text string) {
	line := l.text
	l.Clear()
	fmt.Fprint(l.w, text)
	l.draw(line)
}

// Clear removes the line from the terminal.
func (l *Line) Clear() {
	if l != nil && l.text != "" {
		l.draw("")
		fmt.Fprint(l.w, "\r")
	}
}
