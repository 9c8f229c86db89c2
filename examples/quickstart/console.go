package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/researchflow/researchflow/examples/internal/progress"
	"github.com/researchflow/researchflow/orchestrator"
)

// straightStates is the number of states on the straight path from submission to complete.
const straightStates = 18

// console prints what happens: on a terminal with a progress bar, elsewhere as plain lines. Any goroutine may use it.
type console struct {
	mu  sync.Mutex
	w   io.Writer
	bar *progress.Line // nil: plain lines
}

func newConsole(w io.Writer) *console { return &console{w: w, bar: progress.New(w)} }

// line prints a line above the progress bar.
func (c *console) line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(format+"\n", args...)
}

func (c *console) print(format string, args ...any) {
	if c.bar == nil {
		fmt.Fprintf(c.w, format, args...)
		return
	}
	c.bar.Print(fmt.Sprintf(format, args...))
}

func (c *console) start(id string, opt options) {
	source := "synthetic data"
	switch {
	case opt.fhir != "":
		source = opt.fhir
	case opt.data != "":
		source = opt.data
	}
	verb := "submitted"
	if opt.resume != "" {
		verb = "resumed"
	}
	c.line("request %s %s; data: %s", id, verb, source)
}

// entered shows the state that the request entered.
func (c *console) entered(s orchestrator.StateChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bar.Show(float64(s.Seq)/straightStates, s.To)
	text := fmt.Sprintf("%s  %2d  %-24s", s.At.UTC().Format(time.TimeOnly), s.Seq, s.To)
	if s.Reason != "" {
		text += "  " + s.Reason
	}
	c.print("%s\n", text)
}

func (c *console) decided(g *orchestrator.Gate, d orchestrator.Decision) {
	c.line("              %s by %s (%s)", past(d.Verdict), d.By.Name, g.Roles[0])
}

func past(v orchestrator.Verdict) string {
	if v == orchestrator.Reject {
		return "rejected"
	}
	return "approved"
}

func (c *console) prompt(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bar.Clear()
	fmt.Fprint(c.w, text)
}

// stop removes the progress bar.
func (c *console) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bar.Clear()
	c.bar = nil
}

// crashed says how to continue after the crash that follows.
func (c *console) crashed(s orchestrator.StateChange, opt options) {
	c.mu.Lock() // never unlocked: nothing may be printed after this
	fmt.Fprintf(c.w, "\ncrashing after %s is committed, as requested; continue with\n  %s\n", s.To, opt.resumeCommand(s.Request))
}

// resumeCommand returns the command line that continues a request.
func (o options) resumeCommand(id string) string {
	command := fmt.Sprintf("go run ./examples/quickstart -db '%s' -out '%s'", o.db, o.out)
	for _, flag := range []struct{ name, value string }{{"data", o.data}, {"fhir", o.fhir}} {
		if flag.value != "" {
			command += fmt.Sprintf(" -%s '%s'", flag.name, flag.value)
		}
	}
	if o.gates == "ask" {
		command += " -gates ask"
	}
	return command + " -resume " + id
}
