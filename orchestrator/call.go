package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// call runs the handler; a panic is an error. A handler that has not returned one lease after its timeout is abandoned
// (errStepAbandoned): its result is dropped, and its slot stays taken until it returns. One lease is how long a host
// may be silent before it counts as dead, which is long enough to clean up.
func (e *engine) call(ctx context.Context, run *execution, lease Lease) (StepResult, error) {
	o, step := e.o, run.exec.Step
	var leave <-chan time.Time
	if timeout := run.machine.State(run.exec.State).Policy().Timeout.D(); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errStepTimeout)
		defer cancel()
		t := time.NewTimer(max(timeout, timeout+lease.For)) // the sum may be too large for a Duration
		defer t.Stop()
		leave = t.C
	}
	type outcome struct {
		result StepResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		out := outcome{err: &panicError{}} // for a handler that ends its goroutine
		defer func() { done <- out }()
		out.err = o.contain(ctx, run, func() (err error) {
			out.result, err = o.cfg.steps[step].handler.Run(ctx, o.stepContext(run, lease))
			return err
		})
	}()
	select {
	case out := <-done:
		if out.err != nil && errors.Is(context.Cause(ctx), errStepTimeout) {
			out.err = errStepTimeout
		}
		return out.result, out.err
	case <-leave:
	}
	run.abandoned.Store(true)
	log := o.cfg.logger.With(slog.String("request", run.req.ID), slog.String("step", step))
	log.LogAttrs(ctx, slog.LevelWarn, "step does not return, abandoned", slog.Int("attempt", run.exec.Attempt))
	o.abandoned.add(step, 1)
	e.abandoned.Go(func() {
		<-done
		log.LogAttrs(ctx, slog.LevelInfo, "abandoned step has returned")
		o.abandoned.add(step, -1)
		o.signal()
	})
	return StepResult{}, errStepAbandoned
}

// handlers holds the cancel functions of the handlers that run on this host. The key is the claim, not the execution:
// this host may claim an execution again (Drain beside Start) before the handler of the earlier claim has noticed.
type handlers struct {
	mu     sync.Mutex
	cancel map[claim]context.CancelCauseFunc
}

type claim struct {
	execution string
	token     int64
}

func (h *handlers) add(x Execution, cancel context.CancelCauseFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancel == nil {
		h.cancel = map[claim]context.CancelCauseFunc{}
	}
	h.cancel[claim{x.ID, x.Token}] = cancel
}

func (h *handlers) remove(x Execution) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.cancel, claim{x.ID, x.Token})
}

// end cancels the handlers of executions that a commit of this host has ended, with the error of a lost lease. The
// handler of an execution that ended by itself has been removed before.
func (h *handlers) end(ends []ExecutionEnd) {
	if len(ends) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, cancel := range h.cancel {
		if slices.ContainsFunc(ends, func(x ExecutionEnd) bool { return x.ID == c.execution }) {
			cancel(ErrFenced)
		}
	}
}

// abandonedSteps counts abandoned handlers that still run, by step.
type abandonedSteps struct {
	mu sync.Mutex
	n  map[string]int
}

func (l *abandonedSteps) add(step string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == nil {
		l.n = map[string]int{}
	}
	l.n[step] += n
}

// takeFrom subtracts their slots from the free ones.
func (l *abandonedSteps) takeFrom(free map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for step, n := range l.n {
		free[step] -= n
	}
}

// contain calls the step's code and turns a panic into an error.
func (o *Orchestrator) contain(ctx context.Context, run *execution, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's value may contain data: only the stack is logged.
			o.cfg.logger.LogAttrs(ctx, slog.LevelError, "step panicked", slog.String("request", run.req.ID),
				slog.String("step", run.exec.Step), slog.String("stack", stackWithoutValues()))
			err = &panicError{}
		}
	}()
	return f()
}

type panicError struct{}

func (*panicError) Error() string { return "orchestrator: the step panicked" }

var (
	errStepTimeout   = errors.New("orchestrator: the step took longer than its timeout")
	errStepAbandoned = fmt.Errorf("%w and did not return", errStepTimeout)
)

// stackWithoutValues names the functions on the stack, without arguments.
func stackWithoutValues() string {
	var names []string
	for line := range strings.Lines(string(debug.Stack())) {
		if name, _, ok := strings.Cut(line, "("); ok && !strings.HasPrefix(line, "\t") {
			names = append(names, name)
		}
	}
	if len(names) > 20 {
		names = names[:20]
	}
	return strings.Join(names, " < ")
}

func (o *Orchestrator) stepContext(run *execution, lease Lease) *StepContext {
	return &StepContext{
		Request: run.req, Step: run.exec.Step, Attempt: run.exec.Attempt,
		IdempotencyKey: fmt.Sprintf("%s/%d/%s", run.req.ID, run.exec.Visit, run.exec.Step), Token: lease.Token,
		outputs: run.outputs,
		progress: func(ctx context.Context, p Progress) error {
			if run.abandoned.Load() {
				return ErrFenced
			}
			p.Note = clean(p.Note, 200)
			return o.store.RenewLease(ctx, lease, &p)
		},
		audit: func(ctx context.Context, entries []audit.Entry) error {
			if run.abandoned.Load() {
				return ErrFenced
			}
			for part := range slices.Chunk(entries, maxEntries) {
				if err := o.auditStep(ctx, run, lease, part); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// auditStep commits entries under the step's lease.
func (o *Orchestrator) auditStep(ctx context.Context, run *execution, lease Lease, entries []audit.Entry) error {
	return o.change(ctx, run.req.ID, func(_ context.Context, d *draft) error {
		d.commit.Fence = &lease
		for _, e := range entries {
			if e.Step == nil {
				e.Step = &audit.Step{ID: run.exec.ID, Name: run.exec.Step, Attempt: run.exec.Attempt, Token: lease.Token}
			}
			if err := d.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
}
