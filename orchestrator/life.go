package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// act is a change of a live request by a person: it checks the permission and records a refusal.
func (o *Orchestrator) act(ctx context.Context, id string, by Actor, reason string, may permission, f func(ctx context.Context, d *draft) error) error {
	var v ValidationError
	v.require("by.id", by.ID)
	v.actor("by", by)
	v.require("reason", reason)
	v.text("reason", reason, maxReason)
	if err := v.orNil(); err != nil {
		return err
	}
	return o.changeOrDeny(ctx, id, by, func(ctx context.Context, d *draft) error {
		if !d.req.Live() {
			return fmt.Errorf("%w: request %s has ended", ErrInvalidTransition, id)
		}
		role, err := may(ctx, o, by, &d.req)
		if err != nil {
			return err
		}
		d.who = whoOf(by, role)
		return f(ctx, d)
	})
}

// permission returns the role in which an actor may do something.
type permission func(ctx context.Context, o *Orchestrator, by Actor, r *Request) (string, error)

// involvedOrAdmin allows the submitter, the researcher, the assignee, and administrators.
func involvedOrAdmin(ctx context.Context, o *Orchestrator, by Actor, r *Request) (string, error) {
	if by.Same(r.SubmittedBy) || by.Same(r.Researcher.Actor()) {
		return workflow.RoleResearcher, nil
	}
	return assigneeOrAdmin(ctx, o, by, r)
}

// assigneeOrAdmin allows the assignee and administrators.
func assigneeOrAdmin(ctx context.Context, o *Orchestrator, by Actor, r *Request) (string, error) {
	if r.Assignee != "" && by.ID == r.Assignee {
		return "assignee", nil
	}
	return o.authorize(ctx, by, []string{workflow.RoleAdministrator}, r)
}

func suspendedError(id string) error {
	return fmt.Errorf("%w: request %s is suspended", ErrInvalidTransition, id)
}

// RequestScopeChange asks, in any live state, for a change of the request's scope. The request leaves its state and
// waits in scope_change for a decision. If it is approved, the patch (if any) is applied and requirements are gathered
// again; if it is rejected, the request returns to the state it left. The submitter, the researcher, the assignee and
// administrators may ask. It fails with a [*ValidationError] when the patch does not result in valid requirements, and
// with [ErrInvalidTransition] when the request has ended or another scope change waits.
func (o *Orchestrator) RequestScopeChange(ctx context.Context, c ScopeChange) error {
	if len(c.Patch) > maxDocument {
		return invalid("patch", fmt.Sprintf("is longer than %d bytes", maxDocument))
	}
	return o.act(ctx, c.Request, c.By, c.Reason, involvedOrAdmin, func(ctx context.Context, d *draft) error {
		if d.req.Suspended != nil {
			return suspendedError(d.req.ID)
		}
		if len(c.Patch) > 0 {
			if _, err := o.patched(ctx, d.req.Requirements, c.Patch); err != nil {
				return err
			}
		}
		if err := d.move(workflow.EventScopeChange, c.By, c.Reason, nil); err != nil {
			return err
		}
		d.req.Proposed = &Proposal{By: c.By, Reason: c.Reason, At: d.now, State: d.req.State, Patch: c.Patch}
		return nil
	})
}

// Withdraw ends a live request, with the outcome [OutcomeWithdrawn]. A running step is cancelled. The submitter, the
// researcher, the assignee and administrators may withdraw. Repeating it is harmless.
func (o *Orchestrator) Withdraw(ctx context.Context, id string, by Actor, reason string) error {
	err := o.act(ctx, id, by, reason, involvedOrAdmin, func(_ context.Context, d *draft) error {
		d.req.Suspended = nil
		if err := d.move(workflow.EventWithdraw, by, reason, nil); err != nil {
			return err
		}
		if !d.req.Live() {
			d.req.Outcome = OutcomeWithdrawn
		}
		return nil
	})
	if errors.Is(err, ErrInvalidTransition) {
		if r, statusErr := o.Status(ctx, id); statusErr == nil && r.Outcome == OutcomeWithdrawn {
			return nil
		}
	}
	return err
}

// Suspend pauses a live request: no step runs (a running one is cancelled, and runs again after
// [Orchestrator.Resume]), no gate can be decided, and the gate's timers stop. The assignee and administrators may
// suspend.
func (o *Orchestrator) Suspend(ctx context.Context, id string, by Actor, reason string) error {
	return o.act(ctx, id, by, reason, assigneeOrAdmin, func(ctx context.Context, d *draft) error {
		if d.req.Suspended != nil {
			return errNothing
		}
		s := &Suspension{By: by, Reason: reason, At: d.now}
		if step := d.req.Step; step != nil {
			d.commit.End = append(d.commit.End, ExecutionEnd{ID: step.ID, Status: StepPaused, At: d.now})
		}
		if d.req.Gate != nil {
			timers, err := o.store.Timers(ctx, id)
			if err != nil {
				return err
			}
			for _, t := range timers {
				if t.Gate == d.req.Gate.ID {
					s.Timers = append(s.Timers, SuspendedTimer{Kind: t.Kind, Left: max(0, t.FireAt.Sub(d.now))})
				}
			}
			d.commit.ClearTimers = append(d.commit.ClearTimers, TimerRemind, TimerEscalate)
			g := *d.req.Gate
			g.DueAt = time.Time{}
			d.commit.Gates = append(d.commit.Gates, g)
		}
		d.req.Suspended = s
		return d.intervene(InterveneSuspend, "", by, reason)
	})
}

// Resume continues a suspended request. The assignee and administrators may resume.
func (o *Orchestrator) Resume(ctx context.Context, id string, by Actor, reason string) error {
	err := o.act(ctx, id, by, reason, assigneeOrAdmin, func(_ context.Context, d *draft) error {
		s := d.req.Suspended
		if s == nil {
			return errNothing
		}
		d.req.Suspended = nil
		if d.req.Step != nil {
			d.rescheduleStep()
		}
		if d.req.Gate != nil {
			g := *d.req.Gate
			for _, t := range s.Timers {
				d.timer(t.Kind, g.ID, d.now.Add(t.Left))
				if t.Kind == TimerEscalate {
					g.DueAt = d.now.Add(t.Left)
				}
			}
			d.commit.Gates = append(d.commit.Gates, g)
		}
		return d.intervene(InterveneResume, "", by, reason)
	})
	if err != nil || len(o.cfg.migrations) == 0 {
		return err
	}
	// A suspended request is not moved to another definition; now it may be.
	return o.change(ctx, id, func(context.Context, *draft) error { return errNothing })
}

// intervene records what a person did and why. The reason is not written to the audit trail.
func (d *draft) intervene(kind InterventionKind, value string, by Actor, reason string) error {
	d.commit.Interventions = append(d.commit.Interventions, Intervention{
		ID: audit.NewID(d.now), Request: d.req.ID, Kind: kind, By: by, Reason: reason, Value: value, At: d.now,
	})
	return d.note(string(kind), value)
}

// note records a change of the request's row that does not change its state.
func (d *draft) note(kind, ref string) error {
	return d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update, Entity: []audit.Entity{{Kind: kind, Ref: ref}},
	})
}

// Retry runs a failed step again: at once if it waits for its next attempt, or from the first attempt if it has failed
// for good and the request waits for a person. Administrators may retry, and those who may decide at the open gate;
// without a gate, the assignee may. It fails with [ErrInvalidTransition] when there is no failed step.
func (o *Orchestrator) Retry(ctx context.Context, id string, by Actor, reason string) error {
	may := func(ctx context.Context, o *Orchestrator, by Actor, r *Request) (string, error) {
		if r.Gate != nil {
			return o.authorize(ctx, by, append(slices.Clone(r.Gate.deciders()), workflow.RoleAdministrator), r)
		}
		return assigneeOrAdmin(ctx, o, by, r)
	}
	return o.act(ctx, id, by, reason, may, func(_ context.Context, d *draft) error {
		if d.req.Suspended != nil {
			return suspendedError(id)
		}
		if old := d.req.Step; old != nil {
			if old.Status != StepReady {
				return fmt.Errorf("%w: the step of request %s is not waiting for an attempt", ErrInvalidTransition, id)
			}
			d.rescheduleStep()
			return d.intervene(InterveneRetry, old.Step, by, reason)
		}
		ways := d.machine.Transitions(d.req.State, workflow.EventRetry)
		back := d.machine.State(d.req.Returns[d.req.State])
		if len(ways) == 0 || ways[0].To == workflow.Return && (back == nil || back.Kind != workflow.Working) {
			return fmt.Errorf("%w: request %s has no failed step", ErrInvalidTransition, id)
		}
		return d.move(workflow.EventRetry, by, reason, nil)
	})
}

// Reassign changes the assignee of a request; "" means nobody. The assignee and administrators may reassign.
func (o *Orchestrator) Reassign(ctx context.Context, id, assignee string, by Actor, reason string) error {
	var v ValidationError
	v.text("assignee", assignee, maxName)
	if err := v.orNil(); err != nil {
		return err
	}
	return o.act(ctx, id, by, reason, assigneeOrAdmin, func(_ context.Context, d *draft) error {
		if d.req.Assignee == assignee {
			return errNothing
		}
		d.req.Assignee = assignee
		return d.intervene(InterveneReassign, assignee, by, reason)
	})
}

// SetPriority changes the priority of a request and of its waiting step. The assignee and administrators may set it.
func (o *Orchestrator) SetPriority(ctx context.Context, id string, p Priority, by Actor, reason string) error {
	if p < Routine || p > Stat {
		return invalid("priority", "is not routine, urgent, asap or stat")
	}
	return o.act(ctx, id, by, reason, assigneeOrAdmin, func(_ context.Context, d *draft) error {
		if d.req.Priority == p {
			return errNothing
		}
		d.req.Priority = p
		d.commit.Reprioritize = true
		return d.intervene(IntervenePriority, p.String(), by, reason)
	})
}

// SetDue changes a request's due date; the zero time removes it. The submitter, the researcher, the assignee and
// administrators may set it.
func (o *Orchestrator) SetDue(ctx context.Context, id string, due time.Time, by Actor, reason string) error {
	var v ValidationError
	v.due(due)
	if err := v.orNil(); err != nil {
		return err
	}
	return o.act(ctx, id, by, reason, involvedOrAdmin, func(_ context.Context, d *draft) error {
		due := due.UTC().Truncate(time.Microsecond)
		if d.req.Due.Equal(due) {
			return errNothing
		}
		d.req.Due = due
		d.commit.ClearTimers = append(d.commit.ClearTimers, TimerOverdue)
		if due.IsZero() {
			return d.intervene(InterveneDue, "", by, reason)
		}
		d.timer(TimerOverdue, "", due)
		return d.intervene(InterveneDue, due.Format(time.RFC3339Nano), by, reason)
	})
}
