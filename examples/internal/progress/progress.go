// Package progress shows one line of progress on a terminal, and nothing elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Line is a line that is written over and over. One goroutine at a time may use it. The nil Line shows nothing.
type Line struct {
	w     io.Writer
	shown time.Time // when it was last written
	text  string    // what is on the terminal now
}

// interval is the least time between two states of the line, so that a fast program does not wait for its terminal.
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

// Show draws a bar and a text behind it. A share below 0 means that the share is not known: there is no bar. The line
// may be skipped if the last one is young.
func (l *Line) Show(share float64, text string) {
	if l == nil || time.Since(l.shown) < interval {
		return
	}
	l.shown = time.Now()
	l.draw(Bar(share) + text)
}

// Bar draws a share from 0 to 1 as a bar with a percentage. It is empty for a share below 0.
func Bar(share float64) string {
	if share < 0 {
		return ""
	}
	const width = 24
	done := int(min(share, 1) * width)
	return fmt.Sprintf("[%s%s] %3.0f %%  ", strings.Repeat("=", done), strings.Repeat(" ", width-done), min(share, 1)*100)
}

// draw puts a text over the present one. A terminal that fails is no reason to stop.
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

// Clear takes the line off the terminal.
func (l *Line) Clear() {
	if l != nil && l.text != "" {
		l.draw("")
		fmt.Fprint(l.w, "\r")
	}
}
