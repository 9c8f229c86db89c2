package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

const timerBatch = 100

// fireTimers fires the due timers. Several hosts may try the same one; one of them commits. It says that there is more
// after a full batch, unless none of its timers could be fired.
func (e *engine) fireTimers(ctx context.Context) (bool, error) {
	due, err := e.o.store.DueTimers(ctx, timerBatch)
	if err != nil {
		return false, err
	}
	var failed error
	fired := 0
	for _, t := range due {
		if ctx.Err() != nil {
			return false, nil
		}
		// A stopping host still finishes the change.
		if err := e.o.fire(context.WithoutCancel(ctx), t); err != nil {
			failed = err
			e.o.cfg.logger.LogAttrs(ctx, slog.LevelWarn, "timer not fired", slog.String("request", t.Request),
				slog.String("kind", string(t.Kind)), slog.Any("error", err))
			continue
		}
		fired++
	}
	if fired == 0 {
		return false, failed
	}
	return len(due) == timerBatch, nil
}

// fire fires a timer, unless another host has done so meanwhile. A request that this host cannot continue is parked,
// and its timer waits.
func (o *Orchestrator) fire(ctx context.Context, t Timer) error {
	err := o.change(ctx, t.Request, func(ctx context.Context, d *draft) error {
		timers, err := o.store.Timers(ctx, t.Request)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(timers, func(x Timer) bool { return x.ID == t.ID }) {
			return errNothing
		}
		d.commit.FireTimer = t.ID
		switch t.Kind {
		case TimerOverdue:
			d.notify(NotifyOverdue, "", nil)
			return d.note("overdue", d.req.Due.Format(time.RFC3339))
		case TimerRemind, TimerEscalate:
		}
		g := d.req.Gate
		if g == nil || g.ID != t.Gate {
			return d.note("timer", string(t.Kind)) // its gate is closed: only the timer is removed
		}
		if t.Kind == TimerRemind {
			d.notify(NotifyReminder, g.ID, g.deciders())
			return d.audit(audit.Entry{
				Type: audit.GateReminded, Action: audit.Execute, Gate: &audit.Gate{ID: g.ID, State: g.State, Roles: g.deciders()},
			})
		}
		return d.escalate(*g)
	})
	var parked *parkedError
	if errors.As(err, &parked) {
		return o.parkUnknown(ctx, t.Request, parked.reason)
	}
	return err
}

// deciders are the roles that may decide now.
func (g *Gate) deciders() []string {
	if g.Escalations == 0 {
		return g.Roles
	}
	return append(slices.Clone(g.Roles), g.EscalateTo...)
}

// escalate notifies the roles of EscalateTo and lets them decide. The gate stays open, and its next timer is set.
func (d *draft) escalate(g Gate) error {
	s := d.machine.State(g.State)
	g.Escalations++
	g.DueAt = time.Time{}
	if s != nil && s.Gate != nil && s.Gate.Timeout > 0 {
		g.DueAt = d.now.Add(s.Gate.Timeout.D())
		d.timer(TimerEscalate, g.ID, g.DueAt)
	}
	d.req.Gate = &g
	d.commit.Gates = append(d.commit.Gates, g)
	x := Escalation{ID: audit.NewID(d.now), Request: d.req.ID, Gate: g.ID, Level: g.Escalations, Roles: g.deciders(), At: d.now}
	d.commit.Escalations = append(d.commit.Escalations, x)
	d.notify(NotifyEscalation, g.ID, x.Roles)
	for _, t := range []audit.Type{audit.GateTimedOut, audit.GateEscalated} {
		err := d.audit(audit.Entry{
			Type: t, Action: audit.Execute, Gate: &audit.Gate{ID: g.ID, State: g.State, Level: x.Level, Roles: x.Roles},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
