package main

import (
	"os"

	"github.com/researchflow/researchflow/orchestrator"
)

// crasher kills the process after a state is committed, to show that a second run continues.
type crasher struct {
	opt options
	out *console
}

// after is called once the state is in the database.
func (c crasher) after(change orchestrator.StateChange) {
	if c.opt.crashAfter == "" || change.To != c.opt.crashAfter {
		return
	}
	c.out.crashed(change, c.opt)
	// Kill ends everything at once: no deferred function runs, no lease is released.
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill() // if a process cannot kill itself, Exit follows
	}
	os.Exit(137)
}
