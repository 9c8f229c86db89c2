package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Check reads everything about a request and returns what is inconsistent. It checks the invariants that hold between
// any two transactions. def is the definition of the request.
func Check(ctx context.Context, s orchestrator.Store, def *workflow.Definition, id string) error {
	c := checker{store: s, def: def}
	snap, err := s.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	c.request = &snap.Request
	var failed error
	for _, part := range []func(context.Context) error{c.history, c.trail, c.gates, c.executions, c.rest} {
		if failed = part(ctx); failed != nil {
			break
		}
	}
	if again, err := s.Snapshot(ctx, id); err == nil && again.Request.Version != snap.Request.Version {
		return Check(ctx, s, def, id) // it was changed in between
	} else if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("check %s: %w", id, err)
	}
	if len(c.faults) > 0 {
		return fmt.Errorf("check %s (in %s): %w", id, c.request.State, errors.Join(c.faults...))
	}
	return nil
}

var interventionKinds = map[orchestrator.InterventionKind]bool{
	orchestrator.InterveneSuspend: true, orchestrator.InterveneResume: true, orchestrator.InterveneRetry: true,
	orchestrator.InterveneReassign: true, orchestrator.IntervenePriority: true, orchestrator.InterveneDue: true,
}

type checker struct {
	store   orchestrator.Store
	def     *workflow.Definition
	request *orchestrator.Request
	rows    []orchestrator.StateChange
	counts  map[audit.Type]int
	// settled counts the audit entries that settle a gate, by gate.
	settled       map[string]int
	interventions int
	faults        []error
}

func (c *checker) bad(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (c *checker) state() *workflow.State {
	if s := c.def.State(c.request.State); s != nil {
		return s
	}
	return &workflow.State{}
}

func (c *checker) history(ctx context.Context) (err error) {
	if c.rows, err = c.store.History(ctx, c.request.ID); err != nil {
		return err
	}
	from, last := "", time.Time{}
	for i, h := range c.rows {
		if h.Seq != int64(i)+1 {
			c.bad("history row %d has number %d", i+1, h.Seq)
		}
		if h.From != from {
			c.bad("history row %d leads from %q, the row before to %q", h.Seq, h.From, from)
		}
		if h.At.Before(last) {
			c.bad("history row %d is older than the row before", h.Seq)
		}
		from, last = h.To, h.At
	}
	if from != c.request.State || int64(len(c.rows)) != c.request.Visit {
		c.bad("history ends in %s at row %d, the request is in %s at %d", from, len(c.rows), c.request.State, c.request.Visit)
	}
	return nil
}

func (c *checker) trail(ctx context.Context) error {
	head, _, err := c.store.AuditHead(ctx, c.request.ID)
	if err != nil {
		return err
	}
	v := audit.NewVerifier(c.request.ID, audit.Head{})
	c.counts, c.settled = map[audit.Type]int{}, map[string]int{}
	changes, last := 0, time.Time{}
	for s, err := range c.store.AuditEntries(ctx, c.request.ID, 0) {
		if err == nil {
			err = v.Add(&s)
		}
		if err != nil {
			return err
		}
		e, err := s.Entry()
		if err != nil {
			return err
		}
		if e.Recorded.Before(last) {
			c.bad("audit entry %d is older than the entry before", s.Seq)
		}
		last = e.Recorded
		c.counts[e.Type]++
		if e.Type == audit.GateDecided && e.Gate.Status != string(orchestrator.GateOpen) {
			c.settled[e.Gate.ID]++
		}
		if e.Type == audit.RequestChanged && len(e.Entity) == 1 && interventionKinds[orchestrator.InterventionKind(e.Entity[0].Kind)] {
			c.interventions++
		}
		if e.Type != audit.StateChanged {
			continue
		}
		if changes >= len(c.rows) {
			c.bad("audit entry %d is about a change that the history does not have", s.Seq)
			continue
		}
		h := c.rows[changes]
		if e.Change == nil || *e.Change != (audit.Change{Seq: h.Seq, From: h.From, To: h.To, Event: h.Event}) {
			c.bad("audit entry %d does not match history row %d", s.Seq, h.Seq)
		}
		changes++
	}
	if changes != len(c.rows) {
		c.bad("the audit trail has %d changes, the history %d", changes, len(c.rows))
	}
	if n := c.counts[audit.RequestSubmitted]; n != 1 {
		c.bad("%d audit entries of the submission, want 1", n)
	}
	return v.End(head)
}

func (c *checker) gates(ctx context.Context) error {
	gates, err := c.store.Gates(ctx, c.request.ID)
	if err != nil {
		return err
	}
	open := 0
	for _, g := range gates {
		want := 1
		switch g.Status {
		case orchestrator.GateOpen:
			open++
			want = 0
			if c.request.Gate == nil || c.request.Gate.ID != g.ID || g.State != c.request.State || g.Visit != c.request.Visit {
				c.bad("gate %s is open, but it is not the request's", g.ID)
			}
		case orchestrator.GateClosed:
			want = 0
		case orchestrator.GateApproved, orchestrator.GateRejected, orchestrator.GateModified:
			if len(g.Approvals) == 0 {
				c.bad("gate %s is %s without a decision", g.ID, g.Status)
			}
		}
		if c.settled[g.ID] != want {
			c.bad("gate %s is %s, and audit settles it %d times", g.ID, g.Status, c.settled[g.ID])
		}
	}
	if want := b2i(c.state().Kind == workflow.Waiting && c.request.Live()); open != want {
		c.bad("%d gates are open, want %d", open, want)
	}
	if c.counts[audit.GateOpened] != len(gates) {
		c.bad("%d gates, audit opened %d", len(gates), c.counts[audit.GateOpened])
	}
	escalations, err := c.store.Escalations(ctx, c.request.ID)
	if err == nil && (len(escalations) != c.counts[audit.GateEscalated] || len(escalations) != c.counts[audit.GateTimedOut]) {
		c.bad("%d escalations, audit has %d", len(escalations), c.counts[audit.GateEscalated])
	}
	return err
}

func (c *checker) executions(ctx context.Context) error {
	all, err := c.store.Executions(ctx, c.request.ID)
	if err != nil {
		return err
	}
	active, succeeded := 0, 0
	attempts, done := map[int64]int{}, map[int64]int{}
	for _, e := range all {
		attempts[e.Visit]++
		if e.Attempt != attempts[e.Visit] {
			c.bad("attempt %d at visit %d is missing", attempts[e.Visit], e.Visit)
		}
		switch e.Status {
		case orchestrator.StepReady, orchestrator.StepRunning, orchestrator.StepPaused:
			active++
			if c.request.Step == nil || c.request.Step.ID != e.ID || e.Visit != c.request.Visit {
				c.bad("execution %s is %s, but it is not the request's", e.ID, e.Status)
			}
			if paused := c.request.Suspended != nil || c.request.Parked != ""; paused != (e.Status == orchestrator.StepPaused) {
				c.bad("execution %s is %s, at rest: %v", e.ID, e.Status, paused)
			}
		case orchestrator.StepSucceeded:
			succeeded++
			if done[e.Visit]++; done[e.Visit] > 1 {
				c.bad("the step of visit %d succeeded twice", e.Visit)
			}
		case orchestrator.StepFailed, orchestrator.StepLost, orchestrator.StepCancelled:
		}
	}
	if want := b2i(c.state().Kind == workflow.Working && c.request.Live()); active != want {
		c.bad("%d executions wait or run, want %d", active, want)
	}
	if succeeded != c.counts[audit.StepSucceeded] {
		c.bad("%d executions succeeded, audit has %d", succeeded, c.counts[audit.StepSucceeded])
	}
	return nil
}

func (c *checker) rest(ctx context.Context) error {
	interventions, err := c.store.Interventions(ctx, c.request.ID)
	if err != nil {
		return err
	}
	if len(interventions) != c.interventions {
		c.bad("%d interventions, audit has %d", len(interventions), c.interventions)
	}
	for _, i := range interventions {
		if i.By.ID == "" || i.Reason == "" {
			c.bad("intervention %s has no person or no reason", i.ID)
		}
	}
	versions, err := c.store.RequirementsVersions(ctx, c.request.ID)
	if err != nil {
		return err
	}
	for i, v := range versions {
		if v.Version != i+1 {
			c.bad("version %d of the requirements is missing", i+1)
		}
	}
	if len(versions) != c.request.RequirementsVersion {
		c.bad("%d versions of the requirements, the request is at %d", len(versions), c.request.RequirementsVersion)
	}
	timers, err := c.store.Timers(ctx, c.request.ID)
	if err != nil {
		return err
	}
	escalate := 0
	for _, t := range timers {
		if t.Kind == orchestrator.TimerEscalate {
			escalate++
		}
		if t.Gate != "" && (c.request.Gate == nil || c.request.Gate.ID != t.Gate) {
			c.bad("timer %s is for a gate that is not open", t.ID)
		}
	}
	rule := c.state().Gate
	if want := b2i(rule != nil && rule.Timeout > 0 && c.request.Live() && c.request.Suspended == nil); escalate != want {
		c.bad("%d timers to escalate, want %d", escalate, want)
	}
	if terminal := c.state().Kind == workflow.Terminal; terminal == c.request.Live() || terminal == c.request.ClosedAt.IsZero() {
		c.bad("the state is terminal: %v, the outcome %q", terminal, c.request.Outcome)
	}
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
