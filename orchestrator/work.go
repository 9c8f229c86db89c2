package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// execute runs one claimed execution and stores its result.
func (e *engine) execute(x Execution) {
	o := e.o
	log := o.cfg.logger.With(slog.String("request", x.Request), slog.String("step", x.Step))
	ctx, cancel := context.WithCancelCause(e.working)
	defer cancel(nil)
	lease := Lease{Execution: x.ID, Owner: o.cfg.instance, Token: x.Token, For: o.cfg.lease}

	run, err := o.begin(e.working, x, cancel)
	var parked *parkedError
	if errors.As(err, &parked) {
		err = o.parkUnknown(e.working, x.Request, parked.reason)
	}
	if err != nil || run == nil {
		if err != nil {
			log.LogAttrs(ctx, slog.LevelWarn, "step not started", slog.Any("error", err))
		}
		if err != nil && !errors.Is(err, ErrFenced) {
			e.report(err)
			if !e.draining {
				e.pause(nil, o.cfg.poll) // do not try again at once
			}
			o.release(ctx, lease, log)
		}
		return
	}
	lease.Execution, lease.Token = run.exec.ID, run.exec.Token

	var keeping sync.WaitGroup
	stopKeeping := make(chan struct{})
	keeping.Go(func() { o.keepLease(ctx, lease, stopKeeping, cancel) })
	started := time.Now()
	result, err := e.call(ctx, run, lease)
	o.handlers.remove(run.exec)
	o.metrics.step(ctx, x.Step, time.Since(started), err)

	// The lease is renewed until the result is written, which may take longer than the lease.
	stopped := e.working.Err() != nil && !errors.Is(err, errStepAbandoned)
	finish := context.WithoutCancel(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrFenced) {
		err = cause // whatever the handler returned
	} else {
		err = o.persist(finish, lease, func(ctx context.Context) error { return o.finish(ctx, run, result, err, stopped) })
	}
	close(stopKeeping)
	keeping.Wait()
	switch {
	case err == nil:
	case errors.Is(err, ErrFenced):
		log.LogAttrs(ctx, slog.LevelInfo, "step's lease was lost, its result is dropped")
	default:
		log.LogAttrs(ctx, slog.LevelWarn, "step's result could not be stored", slog.Any("error", err))
		e.report(err)
		o.release(ctx, lease, log)
	}
}

// report keeps the first error for takeError.
func (e *engine) report(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = err
	}
}

// execution is a step that this host has started.
type execution struct {
	exec      Execution
	req       Request
	machine   *workflow.Machine
	outputs   map[string]json.RawMessage
	abandoned atomic.Bool // see call
}

// begin marks a claimed execution as running. An execution whose host was lost is ended and replaced by another
// attempt. begin returns nil when there is nothing to run. It registers cancel in o.handlers before the commit, and so
// before any commit that could end the execution.
func (o *Orchestrator) begin(ctx context.Context, x Execution, cancel context.CancelCauseFunc) (_ *execution, err error) {
	var run *execution
	defer func() {
		if run != nil && err != nil {
			o.handlers.remove(run.exec)
		}
	}()
	err = o.change(ctx, x.Request, func(_ context.Context, d *draft) error {
		if run != nil {
			o.handlers.remove(run.exec)
			run = nil
		}
		// The token also tells whether this change was already committed and only its reply lost.
		if s := d.req.Step; s == nil || s.ID != x.ID || s.Token != x.Token || d.req.Suspended != nil {
			return ErrFenced
		}
		s := d.machine.State(d.req.State)
		if s == nil || s.Step != x.Step {
			return d.park(fmt.Sprintf("its definition does not run step %s in state %s", x.Step, d.req.State))
		}
		entry := audit.Entry{Type: audit.StepStarted, Action: audit.Execute}
		exec := *d.req.Step
		if exec.Status == StepRunning {
			entry.Type = audit.StepTakenOver
			lost := ExecutionEnd{ID: x.ID, Token: x.Token, Status: StepLost, At: d.now, ErrorClass: "lost"}
			d.commit.End = append(d.commit.End, lost)
			d.req.Step = nil
			if exec.Lost+1 > s.Policy().Takeovers {
				if err := d.audit(stepEntry(audit.StepFailed, exec, "lost")); err != nil {
					return err
				}
				d.notify(NotifyStepFailed, "", nil)
				return d.move(workflow.EventStepFailed, Actor{}, "the step lost its host too often", nil)
			}
			d.schedule(s, Execution{
				Attempt: exec.Attempt + 1, Failed: exec.Failed, Lost: exec.Lost + 1, RunAt: d.now, Status: StepRunning,
				Owner: x.Owner, Token: x.Token, LeaseUntil: x.LeaseUntil, StartedAt: d.now,
			})
			exec = *d.req.Step
		} else {
			d.commit.Start = &ExecutionStart{ID: x.ID, Token: x.Token, StartedAt: d.now}
		}
		exec.Status, exec.StartedAt = StepRunning, d.now
		e := stepEntry(entry.Type, exec, "")
		if err := d.audit(e); err != nil {
			return err
		}
		run = &execution{exec: exec, req: d.req, machine: d.machine}
		o.handlers.add(exec, cancel)
		return nil
	})
	if err != nil || run == nil {
		return nil, err
	}
	run.req.Version++
	run.req.Step = &run.exec
	// Not cancelled by ctx: a host that stops now hands the step back, instead of losing it as if the host had died.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), o.cfg.lease)
	defer done()
	if run.outputs, err = o.store.Outputs(ctx, x.Request); err != nil {
		return nil, err
	}
	return run, nil
}

func stepEntry(t audit.Type, x Execution, class string) audit.Entry {
	e := audit.Entry{
		Type: t, Action: audit.Execute, Error: class,
		Step: &audit.Step{ID: x.ID, Name: x.Step, Attempt: x.Attempt, Token: x.Token},
	}
	if class != "" {
		e.Outcome = audit.Serious
	}
	return e
}

// keepLease renews the lease until stop is closed. It cancels the step when the lease is lost or could not be renewed
// in time.
func (o *Orchestrator) keepLease(ctx context.Context, lease Lease, stop <-chan struct{}, cancel context.CancelCauseFunc) {
	ctx = context.WithoutCancel(ctx)
	every := time.NewTicker(o.cfg.lease / 3)
	defer every.Stop()
	renewed := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
		}
		begin := time.Now()
		limited, done := context.WithTimeout(ctx, o.cfg.lease/3)
		err := o.store.RenewLease(limited, lease, nil)
		done()
		switch {
		case err == nil:
			renewed = begin
		case errors.Is(err, ErrFenced):
			cancel(ErrFenced)
			return
		case time.Since(renewed) > o.cfg.lease:
			cancel(fmt.Errorf("%w: it could not be renewed", ErrFenced))
			return
		}
	}
}

// persist stores a result, and tries again while the database cannot be reached.
func (o *Orchestrator) persist(ctx context.Context, lease Lease, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(4*lease.For, 30*time.Second))
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := f(ctx)
		if err == nil || isFinal(err) {
			return err
		}
		o.cfg.logger.LogAttrs(ctx, slog.LevelInfo, "trying again to store a result", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(mathrand.N(wait) + time.Millisecond):
		}
	}
}

// isFinal says whether trying again cannot help.
func isFinal(err error) bool {
	for _, target := range []error{ErrFenced, ErrNotFound, ErrInvalidTransition, ErrParked, ErrInvalid, errEffect} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

var errEffect = errors.New("orchestrator: the step's effect failed")

func (o *Orchestrator) release(ctx context.Context, lease Lease, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.cfg.lease)
	defer cancel()
	if err := o.store.ReleaseLease(ctx, lease); err != nil {
		log.LogAttrs(ctx, slog.LevelInfo, "lease not released", slog.Any("error", err))
	}
}

// finish stores the result of an execution: the request moves on, another attempt is scheduled, or the step has failed
// for good.
func (o *Orchestrator) finish(ctx context.Context, run *execution, result StepResult, failure error, stopped bool) error {
	var output json.RawMessage
	if failure == nil {
		output, failure = o.check(ctx, run, result)
	}
	if failure == nil {
		err := o.succeed(ctx, run, result, output)
		if !errors.Is(err, errEffect) {
			return err
		}
		failure = err
	}
	if stopped {
		return o.handBack(ctx, run)
	}
	return o.fail(ctx, run, failure)
}

func (o *Orchestrator) succeed(ctx context.Context, run *execution, result StepResult, output json.RawMessage) error {
	return o.change(ctx, run.req.ID, func(_ context.Context, d *draft) error {
		if err := d.stillRunning(run); err != nil {
			return err
		}
		d.commit.End = append(d.commit.End, ExecutionEnd{
			ID: run.exec.ID, Token: run.exec.Token, Status: StepSucceeded, At: d.now, Event: result.Event, Output: output,
		})
		d.req.Step = nil
		e := stepEntry(audit.StepSucceeded, run.exec, "")
		e.Step.Event, e.Step.Micros = result.Event, d.now.Sub(run.exec.StartedAt).Microseconds()
		if err := d.audit(e); err != nil {
			return err
		}
		if f := result.Feasibility; f != nil {
			row := *f
			row.ID, row.Request, row.RequirementsVersion, row.At = audit.NewID(d.now), d.req.ID, run.req.RequirementsVersion, d.now
			d.commit.Feasibility = &row
		}
		if y := result.Delivery; y != nil {
			row := *y
			row.ID, row.Request, row.At = audit.NewID(d.now), d.req.ID, d.now
			d.commit.Delivery = &row
			if err := d.disclose(&row); err != nil {
				return err
			}
		}
		if result.Effect != nil {
			d.commit.Effects = append(d.commit.Effects, func(ctx context.Context, tx Tx) error {
				if err := o.contain(ctx, run, func() error { return result.Effect(ctx, tx) }); err != nil {
					return errors.Join(errEffect, err)
				}
				return nil
			})
		}
		return d.move(result.Event, Actor{}, clean(result.Reason, 500), output)
	})
}

// stillRunning checks that the execution is still the request's and running. The store would refuse the commit, too;
// this check is earlier.
func (d *draft) stillRunning(run *execution) error {
	if s := d.req.Step; s == nil || s.ID != run.exec.ID || s.Token != run.exec.Token || s.Status != StepRunning {
		return ErrFenced
	}
	return nil
}

func (d *draft) disclose(y *Delivery) error {
	e := audit.Entry{Type: audit.DatasetDisclosed, Action: audit.Read}
	e.Entity = append(e.Entity, audit.Entity{Kind: "delivery", Ref: y.ID, After: y.ManifestSHA256, Count: int64(len(y.Files))})
	for _, f := range y.Files {
		e.Entity = append(e.Entity, audit.Entity{Kind: "file", Ref: f.Name, After: f.SHA256, Count: f.Rows})
	}
	return d.audit(e)
}

// handBack schedules another attempt at once, for another host, because this one is stopping.
func (o *Orchestrator) handBack(ctx context.Context, run *execution) error {
	return o.change(ctx, run.req.ID, func(_ context.Context, d *draft) error {
		if err := d.stillRunning(run); err != nil {
			return err
		}
		d.commit.End = append(d.commit.End, ExecutionEnd{
			ID: run.exec.ID, Token: run.exec.Token, Status: StepLost, At: d.now, ErrorClass: "stopped",
		})
		d.schedule(d.machine.State(d.req.State), Execution{
			Attempt: run.exec.Attempt + 1, Failed: run.exec.Failed, Lost: run.exec.Lost, RunAt: d.now, Status: StepReady,
		})
		e := stepEntry(audit.StepFailed, run.exec, "stopped")
		e.Outcome = audit.Minor
		return d.audit(e)
	})
}

func (o *Orchestrator) fail(ctx context.Context, run *execution, failure error) error {
	class, text := classify(failure)
	return o.change(ctx, run.req.ID, func(_ context.Context, d *draft) error {
		if err := d.stillRunning(run); err != nil {
			return err
		}
		d.commit.End = append(d.commit.End, ExecutionEnd{
			ID: run.exec.ID, Token: run.exec.Token, Status: StepFailed, At: d.now, ErrorClass: class, ErrorText: text,
		})
		d.req.Step = nil
		e := stepEntry(audit.StepFailed, run.exec, class)
		e.Step.Micros = d.now.Sub(run.exec.StartedAt).Microseconds()
		if err := d.audit(e); err != nil {
			return err
		}
		s := d.machine.State(d.req.State)
		policy := s.Policy()
		if run.exec.Failed+1 >= policy.Attempts || isPermanent(failure) {
			d.notify(NotifyStepFailed, "", nil)
			return d.move(workflow.EventStepFailed, Actor{}, fmt.Sprintf("step %s failed for good (%s)", run.exec.Step, class), nil)
		}
		d.schedule(s, Execution{
			Attempt: run.exec.Attempt + 1, Failed: run.exec.Failed + 1, Lost: run.exec.Lost,
			RunAt: d.now.Add(backoff(policy, run.exec.Failed+1)), Status: StepReady,
		})
		return nil
	})
}

// backoff is how long after the n-th failure the next attempt begins: doubled each time, less a random part of up to
// half.
func backoff(p workflow.RetryPolicy, n int) time.Duration {
	d := p.Backoff.D()
	for i := 1; i < n && d < p.MaxBackoff.D(); i++ {
		d *= 2
	}
	d = min(d, p.MaxBackoff.D())
	if d <= 0 {
		return 0
	}
	return d - mathrand.N(d/2+1)
}

func classify(err error) (class, text string) {
	var p *panicError
	var out *outcomeError
	switch {
	case errors.As(err, &p):
		return "panic", p.Error()
	case errors.Is(err, errStepTimeout):
		class = "timeout"
	case errors.As(err, &out):
		class = "outcome"
	default:
		class = "error"
	}
	return class, clean(err.Error(), 1000)
}

// clean makes text valid UTF-8 in one line of at most limit bytes.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < 0x20 || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return s
}
