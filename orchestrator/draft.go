package orchestrator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// draft is a change of a request that is being prepared: the row after the change, and everything written with it.
type draft struct {
	o       *Orchestrator
	machine *workflow.Machine
	now     time.Time
	req     Request
	commit  Commit
	who     audit.Who // of the entries added from now on
	decided *Gate     // the gate that Decide or Delegate is about
}

// errNothing ends a change successfully, without a commit.
var errNothing = errors.New("orchestrator: nothing to change")

const (
	maxConflicts = 50
	maxBackoff   = 100 * time.Millisecond
)

// change reads a request, lets f draft a change of it, and commits that. When another writer was faster it starts
// again. f may be called several times and must have no other effects.
func (o *Orchestrator) change(ctx context.Context, id string, f func(ctx context.Context, d *draft) error) error {
	backoff := time.Millisecond
	for range maxConflicts {
		d, err := o.open(ctx, id)
		if err == nil {
			err = f(ctx, d)
		}
		if err == nil {
			err = o.commit(ctx, d)
		}
		switch {
		case errors.Is(err, errNothing):
			return nil
		case !errors.Is(err, ErrConflict):
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mathrand.N(backoff)):
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return fmt.Errorf("%w %d times in a row", ErrConflict, maxConflicts)
}

// open reads a request and prepares a change of it. A request that must be moved to the host's definition is moved
// first, in a commit of its own: a step or gate that it gets there must be stored before a change can end it.
func (o *Orchestrator) open(ctx context.Context, id string) (*draft, error) {
	d, err := o.draft(ctx, id)
	if err != nil || len(d.commit.Audit) == 0 {
		return d, err
	}
	if err := o.commit(ctx, d); err != nil {
		return nil, err
	}
	return o.draft(ctx, id)
}

// draft reads a request. The draft is empty, unless the request must be moved to the host's definition: then it is
// that move.
func (o *Orchestrator) draft(ctx context.Context, id string) (*draft, error) {
	snap, err := o.snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	d := &draft{o: o, now: snap.clock(), req: snap.Request}
	d.commit = Commit{Expect: snap.Request.Version, Head: snap.Audit}
	d.machine, err = o.definition(ctx, snap.Request.Definition)
	if err != nil {
		return nil, err
	}
	if states, ok := o.cfg.migrations[snap.Request.Definition]; ok && d.req.Live() && d.req.Suspended == nil {
		if err := d.migrate(states); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// clock is the time of a change. It is never before the previous change, even when the database's clock was set back.
func (s *Snapshot) clock() time.Time {
	if s.Now.Before(s.Request.UpdatedAt) {
		return s.Request.UpdatedAt
	}
	return s.Now.Truncate(time.Microsecond)
}

// commit seals the draft and writes it.
func (o *Orchestrator) commit(ctx context.Context, d *draft) error {
	if len(d.commit.Audit) == 0 {
		return errors.New("orchestrator: a change without an audit entry")
	}
	d.req.Version++
	d.req.UpdatedAt = d.now
	d.commit.Request = &d.req
	d.commit.ID = d.commit.Audit[0].ID
	for i := range d.commit.History {
		d.commit.History[i].Commit = d.commit.ID
	}
	messages, err := o.sinkMessages(d.commit.Audit, d.now)
	if err != nil {
		return err
	}
	for _, m := range messages {
		d.message(m.Kind, m.ID, m.Payload)
	}
	unlock := o.hooks.lock(d.req.ID, len(o.cfg.onChange) > 0)
	defer unlock()
	if err := o.store.Commit(ctx, &d.commit); err != nil {
		return err
	}
	o.handlers.end(d.commit.End)
	for _, h := range d.commit.History {
		o.metrics.transition(ctx, h)
		o.cfg.logger.LogAttrs(ctx, slog.LevelInfo, "state changed", slog.String("request", h.Request),
			slog.Int64("seq", h.Seq), slog.String("from", h.From), slog.String("to", h.To), slog.String("event", h.Event))
		for _, f := range o.cfg.onChange {
			f(h)
		}
	}
	o.signal()
	return nil
}

// hookLocks keep the calls of hooks in the order of each request's commits.
type hookLocks struct {
	seed    maphash.Seed
	stripes [256]sync.Mutex
}

func (l *hookLocks) lock(id string, needed bool) func() {
	if !needed {
		return func() {}
	}
	m := &l.stripes[maphash.String(l.seed, id)%uint64(len(l.stripes))]
	m.Lock()
	return m.Unlock
}

// audit seals an entry and adds it to the commit.
func (d *draft) audit(e audit.Entry) error {
	e.ID, e.Tenant, e.Chain, e.Recorded = "", d.o.cfg.tenant, d.req.ID, d.now
	if e.Who == (audit.Who{}) {
		e.Who = d.who
	}
	e.Who.Instance = d.o.cfg.instance
	if e.Why.Purpose == "" {
		e.Why.Purpose = d.req.Purpose
	}
	if e.Why.Protocol == "" {
		e.Why.Protocol = d.req.Protocol
	}
	s, head, err := d.commit.Head.Seal(e)
	if err != nil {
		return err
	}
	d.commit.Audit = append(d.commit.Audit, s)
	d.commit.Head = head
	return nil
}

func whoOf(a Actor, role string) audit.Who {
	return audit.Who{System: a.System, User: a.ID, Role: role, Client: a.Client, Address: a.Address}
}

// facts are what conditions of the definition look at.
func facts(r *Request, output json.RawMessage) (workflow.Facts, error) {
	return workflow.NewFacts(r.Priority.String(), r.Requirements, output)
}

// move leaves the state on an event and enters the next.
func (d *draft) move(event string, by Actor, reason string, output json.RawMessage) error {
	f, err := facts(&d.req, output)
	if err != nil {
		return err
	}
	from := workflow.Position{State: d.req.State, Returns: d.req.Returns}
	moves, next, err := d.machine.Next(from, event, f)
	if err != nil {
		return transitionError(d.req.ID, err)
	}
	return d.follow(moves, next, by, reason)
}

func (d *draft) follow(moves []workflow.Move, next workflow.Position, by Actor, reason string) error {
	if err := d.leave(); err != nil {
		return err
	}
	for i, m := range moves {
		d.req.Visit++
		change := StateChange{
			Request: d.req.ID, Seq: d.req.Visit, From: m.From, To: m.To, Event: m.Event, At: d.now,
		}
		if i == 0 {
			change.By, change.Reason = by, reason
		}
		d.commit.History = append(d.commit.History, change)
		err := d.audit(audit.Entry{
			Type: audit.StateChanged, Action: audit.Update,
			Change: &audit.Change{Seq: change.Seq, From: m.From, To: m.To, Event: m.Event},
		})
		if err != nil {
			return err
		}
	}
	d.req.State, d.req.Returns, d.req.EnteredAt = next.State, next.Returns, d.now
	d.req.Parked = "" // a host that can go on has moved it
	return d.enter()
}

// leave cancels the open step, closes the open gate, and drops a proposal that nobody has decided about.
func (d *draft) leave() error {
	if p := d.req.Proposed; p != nil && p.State == d.req.State {
		d.req.Proposed = nil
	}
	if s := d.req.Step; s != nil {
		d.commit.End = append(d.commit.End, ExecutionEnd{ID: s.ID, Status: StepCancelled, At: d.now})
		d.req.Step = nil
	}
	if g := d.req.Gate; g != nil {
		if err := d.closeGate(GateClosed); err != nil {
			return err
		}
	}
	return nil
}

// closeGate ends the open gate.
func (d *draft) closeGate(status GateStatus) error {
	g := *d.req.Gate
	g.Status, g.ClosedAt, g.DueAt = status, d.now, time.Time{}
	d.commit.Gates = append(d.commit.Gates, g)
	d.commit.ClearTimers = append(d.commit.ClearTimers, TimerRemind, TimerEscalate)
	d.req.Gate = nil
	if status != GateClosed {
		return nil
	}
	return d.audit(audit.Entry{
		Type: audit.GateClosed, Action: audit.Update, Gate: &audit.Gate{ID: g.ID, State: g.State, Status: string(status)},
	})
}

// enter starts the state's step, opens its gate, or ends the request.
func (d *draft) enter() error {
	s := d.machine.State(d.req.State)
	switch s.Kind {
	case workflow.Working:
		d.schedule(s, Execution{Attempt: 1, RunAt: d.now, Status: StepReady})
	case workflow.Waiting:
		return d.openGate(s)
	case workflow.Terminal:
		d.req.Outcome, d.req.ClosedAt = s.Name, d.now
		d.req.Proposed = nil
		d.commit.ClearTimers = append(d.commit.ClearTimers, TimerOverdue)
		d.notify(NotifyClosed, "", nil)
	}
	return nil
}

// schedule inserts an execution of the state's step.
func (d *draft) schedule(s *workflow.State, e Execution) {
	e.ID, e.Request, e.State, e.Step, e.Visit = audit.NewID(d.now), d.req.ID, s.Name, s.Step, d.req.Visit
	e.Priority = d.req.Priority
	if e.Token == 0 {
		// Higher than every token of the request's earlier executions, since each commit raises the version.
		e.Token = (d.req.Version + 1) << 16
	}
	d.commit.Insert = append(d.commit.Insert, e)
	d.req.Step = &d.commit.Insert[len(d.commit.Insert)-1]
}

// rescheduleStep ends the attempt that waits or is paused, and schedules the next one of the same visit.
func (d *draft) rescheduleStep() {
	old := d.req.Step
	d.commit.End = append(d.commit.End, ExecutionEnd{ID: old.ID, Status: StepCancelled, At: d.now})
	d.schedule(d.machine.State(d.req.State), Execution{
		Attempt: old.Attempt + 1, Failed: old.Failed, Lost: old.Lost, RunAt: d.now, Status: StepReady,
	})
}

func (d *draft) openGate(s *workflow.State) error {
	rule := s.Gate
	g := Gate{
		ID: audit.NewID(d.now), Request: d.req.ID, State: s.Name, Visit: d.req.Visit, Roles: rule.Roles,
		EscalateTo: rule.EscalateTo, Quorum: rule.Quorum, Status: GateOpen, OpenedAt: d.now,
		RequirementsVersion: d.req.RequirementsVersion,
	}
	for _, after := range rule.Reminders {
		d.timer(TimerRemind, g.ID, d.now.Add(after.D()))
	}
	if rule.Timeout > 0 {
		g.DueAt = d.now.Add(rule.Timeout.D())
		d.timer(TimerEscalate, g.ID, g.DueAt)
	}
	d.commit.OpenGates = append(d.commit.OpenGates, g)
	d.req.Gate = &g
	d.notify(NotifyGateOpened, g.ID, rule.Roles)
	return d.audit(audit.Entry{
		Type: audit.GateOpened, Action: audit.Create,
		Gate: &audit.Gate{ID: g.ID, State: g.State, Status: string(GateOpen), Roles: rule.Roles},
	})
}

func (d *draft) timer(kind TimerKind, gate string, at time.Time) {
	d.commit.Timers = append(d.commit.Timers, Timer{ID: audit.NewID(d.now), Request: d.req.ID, Kind: kind, Gate: gate, FireAt: at})
}

// notify puts a notification into the outbox, if the host has a notifier.
func (d *draft) notify(kind NotificationKind, gate string, roles []string) {
	d.queue(Notification{Kind: kind, Gate: gate, Roles: roles})
}

func (d *draft) queue(n Notification) {
	if d.o.cfg.notifier == nil {
		return
	}
	n.ID, n.Request, n.State, n.At = audit.NewID(d.now), d.req.ID, d.req.State, d.now
	payload, err := json.Marshal(n)
	if err != nil {
		panic(err) // strings and a time: it cannot fail
	}
	d.message(MessageNotification, n.ID, payload)
}

func (d *draft) message(kind MessageKind, id string, payload []byte) {
	d.commit.Messages = append(d.commit.Messages, Message{
		ID: id, Kind: kind, Request: d.req.ID, Seq: (d.commit.Expect+1)*1000 + int64(len(d.commit.Messages)),
		Payload: payload, CreatedAt: d.now,
	})
}

// revise makes a new version of the requirements.
func (d *draft) revise(req Requirements, by Actor, reason string) error {
	before, err := canonicalDigest(d.req.Requirements)
	if err != nil {
		return err
	}
	after, err := canonicalDigest(req)
	if err != nil {
		return err
	}
	d.req.RequirementsVersion++
	d.req.Requirements = req
	d.commit.Requirements = &RequirementsVersion{
		Request: d.req.ID, Version: d.req.RequirementsVersion, Requirements: req, By: by, Reason: reason, At: d.now,
	}
	return d.audit(audit.Entry{
		Type: audit.RequestChanged, Action: audit.Update,
		Entity: []audit.Entity{{Kind: "requirements", Version: d.req.RequirementsVersion, Before: before, After: after}},
	})
}

// newRequestID returns an id such as REQ-20261123-1A2B3C4D.
func newRequestID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("REQ-%s-%s", now.UTC().Format("20060102"), strings.ToUpper(fmt.Sprintf("%x", b)))
}
