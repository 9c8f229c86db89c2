package orchestrator

import (
	"context"
	"errors"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// eventMigrate is the event of the history row that a move to another definition writes.
const eventMigrate = "migrate"

// park sets a request aside that hosts of this version cannot continue. It keeps its state. None of its steps is
// claimed until a host that can continue it unparks it.
func (d *draft) park(reason string) error {
	if s := d.req.Step; s != nil {
		d.commit.End = append(d.commit.End, ExecutionEnd{ID: s.ID, Status: StepPaused, At: d.now})
	}
	d.req.Parked = reason
	return d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update, Outcome: audit.Serious, Error: "parked",
		Entity: []audit.Entity{{Kind: "parked"}},
	})
}

// unpark lets a parked request continue, if this host has its state and step.
func (d *draft) unpark() error {
	s := d.machine.State(d.req.State)
	if s == nil || s.Kind == workflow.Working && d.o.cfg.steps[s.Step].handler == nil {
		return errNothing
	}
	d.req.Parked = ""
	if d.req.Step != nil && s.Kind == workflow.Working && d.req.Suspended == nil {
		d.rescheduleStep()
	}
	return d.note("unparked", "")
}

// parkUnknown parks a request whose definition cannot be loaded.
func (o *Orchestrator) parkUnknown(ctx context.Context, id, reason string) error {
	for range maxConflicts {
		snap, err := o.store.Snapshot(ctx, id)
		if err != nil {
			return err
		}
		if snap.Request.Parked != "" {
			return nil
		}
		d := &draft{o: o, now: snap.clock(), req: snap.Request, commit: Commit{Expect: snap.Request.Version, Head: snap.Audit}}
		if err := d.park(reason); err != nil {
			return err
		}
		if err := o.commit(ctx, d); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// migrate moves the draft's request to the host's definition. If its state has another name, kind or step there, the
// old state is left and the new one entered.
func (d *draft) migrate(states map[string]string) error {
	to := func(name string) string {
		if s, ok := states[name]; ok {
			return s
		}
		return name
	}
	old, host := d.machine, d.o.machine
	target := host.State(to(d.req.State))
	if target == nil {
		return &parkedError{"its state is not in the definition it must be moved to"}
	}
	err := d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update,
		Entity: []audit.Entity{{Kind: "definition", Ref: host.Definition().Name, Before: old.Hash(), After: host.Hash()}},
	})
	if err != nil {
		return err
	}
	was := old.State(d.req.State)
	d.machine, d.req.Definition = host, host.Hash()
	returns := map[string]string{}
	for from, back := range d.req.Returns {
		if host.State(to(from)) != nil && host.State(to(back)) != nil {
			returns[to(from)] = to(back)
		}
	}
	d.req.Returns = nil
	if len(returns) > 0 {
		d.req.Returns = returns
	}
	if was != nil && was.Name == target.Name && was.Kind == target.Kind && was.Step == target.Step {
		return nil
	}
	f, err := facts(&d.req, nil)
	if err != nil {
		return err
	}
	moves, next, err := host.Enter(workflow.Move{From: d.req.State, Event: eventMigrate, To: target.Name}, d.req.Returns, f)
	if err != nil {
		return transitionError(d.req.ID, err)
	}
	proposed := d.req.Proposed
	if err := d.follow(moves, next, Actor{}, ""); err != nil {
		return err
	}
	if proposed != nil && d.req.State == to(proposed.State) { // the same gate, by another name
		p := *proposed
		p.State = d.req.State
		d.req.Proposed = &p
	}
	return nil
}
