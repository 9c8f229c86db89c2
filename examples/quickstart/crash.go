package main

import (
	"os"

	"github.com/researchflow/researchflow/orchestrator"
)

// crasher dies after a state, to show that a second run goes on.
type crasher struct {
	opt options
	out *console
}

// after is called when the state is in the database.
func (c crasher) after(change orchestrator.StateChange) {
	if c.opt.crashAfter == "" || change.To != c.opt.crashAfter {
		return
	}
	c.out.crashed(change, c.opt)
	// Kill lets nothing run on: no deferred function, no release of a lease.
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill() // Exit follows where a process cannot kill itself
	}
	os.Exit(137)
}
