package orchestrator

import (
	"context"
	"errors"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// eventMigrate is the event of a history row that an upgrade of the definition wrote.
const eventMigrate = "migrate"

// park sets a request aside that no host of this version can go on with. It keeps its state; nothing is
// claimed until a host that can takes it up again.
func (d *draft) park(reason string) error {
	if s := d.r.Step; s != nil {
		d.c.End = append(d.c.End, ExecutionEnd{ID: s.ID, Status: StepPaused, At: d.now})
	}
	d.r.Parked = reason
	return d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update, Outcome: audit.Serious, Error: "parked",
		Entity: []audit.Entity{{Kind: "parked"}},
	})
}

// unpark takes a request up again.
func (d *draft) unpark() error {
	s := d.def.states[d.r.State]
	if s == nil || s.Kind == Working && d.o.cfg.steps[s.Step].handler == nil {
		return errNothing
	}
	d.r.Parked = ""
	if d.r.Step != nil && s.Kind == Working && d.r.Suspended == nil {
		d.again()
	}
	return d.note("unparked", "")
}

// parkUnknown parks a request whose definition cannot be had.
func (o *Orchestrator) parkUnknown(ctx context.Context, id, reason string) error {
	for range maxConflicts {
		snap, err := o.store.Snapshot(ctx, id)
		if err != nil {
			return err
		}
		if snap.Request.Parked != "" {
			return nil
		}
		d := &draft{o: o, now: snap.clock(), r: snap.Request, c: Commit{Expect: snap.Request.Version, Head: snap.Audit}}
		if err := d.park(reason); err != nil {
			return err
		}
		if err := o.commit(ctx, d); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// migrate moves the draft's request to the host's definition. Where its state is another one there, or
// does something else, it is left and entered.
func (d *draft) migrate(states map[string]string) error {
	to := func(name string) string {
		if s, ok := states[name]; ok {
			return s
		}
		return name
	}
	old, def := d.def, d.o.def
	target := def.states[to(d.r.State)]
	if target == nil {
		return &parkedError{"its state is not in the definition it is to be moved to"}
	}
	err := d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update,
		Entity: []audit.Entity{{Kind: "definition", Ref: def.Name, Before: old.hash, After: def.hash}},
	})
	if err != nil {
		return err
	}
	was := old.states[d.r.State]
	d.def, d.r.Definition = def, def.hash
	returns := map[string]string{}
	for from, back := range d.r.Returns {
		if def.states[to(from)] != nil && def.states[to(back)] != nil {
			returns[to(from)] = to(back)
		}
	}
	d.r.Returns = nil
	if len(returns) > 0 {
		d.r.Returns = returns
	}
	if was != nil && was.Name == target.Name && was.Kind == target.Kind && was.Step == target.Step {
		return nil
	}
	hops := []hop{{d.r.State, eventMigrate, target.Name}}
	next := place{target.Name, d.r.Returns}
	if target.Kind == Pass {
		f, err := newFacts(&d.r, nil)
		if err != nil {
			return err
		}
		more, end, err := def.next(next, EventNext, f)
		if err != nil {
			return err
		}
		hops, next = append(hops, more...), end
	}
	proposed := d.r.Proposed
	if err := d.follow(hops, next, Actor{}, ""); err != nil {
		return err
	}
	if proposed != nil && d.r.State == to(proposed.State) { // the same gate, by another name
		p := *proposed
		p.State = d.r.State
		d.r.Proposed = &p
	}
	return nil
}
