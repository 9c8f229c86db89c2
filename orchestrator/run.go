package orchestrator

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// engine is a running orchestrator.
type engine struct {
	o *Orchestrator
	// Contexts of the engine's own goroutines, which outlive the call of Start: claiming is cancelled when Stop
	// begins, working when running steps must end as well.
	claiming, working     context.Context
	stopClaims, stopSteps context.CancelCauseFunc
	loops, steps          sync.WaitGroup
	abandoned             sync.WaitGroup // abandoned handlers, see call

	ending       sync.Once
	ended, quiet chan struct{} // see end

	draining bool // see Drain

	mu     sync.Mutex
	free   map[string]int // step -> free slots
	failed error          // see takeError
}

var errStopping = errors.New("orchestrator: the host is stopping")

// Start starts running steps, firing timers and delivering messages, and returns. Starting twice changes nothing;
// after a Stop that gave up, Start waits until everything has ended. It fails when the store cannot be used. ctx
// limits starting only; see [Orchestrator.Stop].
func (o *Orchestrator) Start(ctx context.Context) error {
	o.run.Lock()
	defer o.run.Unlock()
	if e := o.engine; e != nil {
		if e.claiming.Err() == nil {
			return nil
		}
		select { // a Stop gave up waiting for this engine
		case <-e.end():
			o.engine = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := o.putDefinition(ctx); err != nil {
		return err
	}
	e := o.newEngine(context.WithoutCancel(ctx))
	e.loop("steps", e.claimSteps)
	e.loop("timers", e.fireTimers)
	if kinds := o.messageKinds(); len(kinds) > 0 {
		e.loop("messages", e.deliverMessages)
	}
	if w, ok := o.store.(Waker); ok {
		e.loops.Go(func() { e.listen(w) })
	}
	e.loops.Go(e.adopt)
	o.engine = e
	return nil
}

func (o *Orchestrator) newEngine(base context.Context) *engine {
	e := &engine{o: o, free: map[string]int{}, ended: make(chan struct{}), quiet: make(chan struct{})}
	e.claiming, e.stopClaims = context.WithCancelCause(base)
	e.working, e.stopSteps = context.WithCancelCause(base)
	for name, set := range o.cfg.steps {
		e.free[name] = set.concurrency
	}
	return e
}

// Drain runs the steps, fires the timers and delivers the messages that are due, until there are none, and returns. It
// is for tests and for programs that want no goroutines between calls. It may be used beside [Orchestrator.Start],
// also on other hosts. It stops at the first error of the store. When ctx ends, running steps are cancelled and their
// leases released.
func (o *Orchestrator) Drain(ctx context.Context) error {
	if err := o.putDefinition(ctx); err != nil {
		return err
	}
	e := o.newEngine(ctx)
	e.draining = true
	defer e.stopClaims(nil)
	defer e.stopSteps(nil)
	works := []func(context.Context) (bool, error){e.claimSteps, e.fireTimers}
	if len(o.messageKinds()) > 0 {
		works = append(works, e.deliverMessages)
	}
	for more := true; more; {
		more = false
		for _, work := range works {
			did, err := work(ctx)
			e.steps.Wait()
			if err = errors.Join(err, e.takeError()); err != nil {
				return err
			}
			more = more || did
		}
	}
	return ctx.Err()
}

// takeError returns, once, the first error of a step that could not be started or stored.
func (e *engine) takeError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.failed
	e.failed = nil
	return err
}

// Stop ends what Start started: it claims nothing more, lets running steps continue for the grace period, cancels the
// remaining ones, releases their leases, and waits. It may be called twice, and before Start. When ctx ends first,
// Stop returns its error while everything still ends; a second Stop waits for that. Stop waits for a handler that was
// abandoned after its timeout (see [workflow.RetryPolicy]) during the grace period only.
func (o *Orchestrator) Stop(ctx context.Context) error {
	o.run.Lock()
	defer o.run.Unlock()
	e := o.engine
	if e == nil {
		return nil
	}
	e.stopClaims(errStopping)
	done := e.end()
	if o.cfg.grace > 0 {
		select {
		case <-e.quiet:
		case <-ctx.Done():
		case <-time.After(o.cfg.grace):
		}
	}
	e.stopSteps(errStopping)
	select {
	case <-done:
		o.engine = nil
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end returns a channel that is closed when everything has ended, except abandoned handlers; quiet is closed when they
// have returned, too.
func (e *engine) end() <-chan struct{} {
	e.ending.Do(func() {
		go func() {
			e.loops.Wait()
			e.steps.Wait()
			close(e.ended)
			e.abandoned.Wait()
			close(e.quiet)
		}()
	})
	return e.ended
}

// wakes tells the loops of this host that there may be work.
type wakes struct {
	mu   sync.Mutex
	subs map[chan struct{}]bool
}

func (w *wakes) subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.subs == nil {
		w.subs = map[chan struct{}]bool{}
	}
	w.subs[c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.subs, c)
	}
}

// signal wakes this host's loops and watchers.
func (o *Orchestrator) signal() {
	o.wakes.mu.Lock()
	defer o.wakes.mu.Unlock()
	for c := range o.wakes.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// loop calls work repeatedly: at once while there is more, otherwise after a wake or the poll interval. After each
// further error it waits a little longer.
func (e *engine) loop(name string, work func(ctx context.Context) (more bool, err error)) {
	wake, unsubscribe := e.o.wakes.subscribe()
	e.loops.Go(func() {
		defer unsubscribe()
		failures := 0
		for e.claiming.Err() == nil {
			more, err := work(e.claiming)
			switch {
			case err != nil && e.claiming.Err() == nil:
				failures++
				e.o.cfg.logger.LogAttrs(e.claiming, slog.LevelWarn, "loop failed", slog.String("loop", name), slog.Any("error", err))
				if !e.pause(nil, min(e.o.cfg.poll, time.Duration(failures)*100*time.Millisecond)) {
					return
				}
			case more:
				failures = 0
			default:
				failures = 0
				if !e.pause(wake, e.o.cfg.poll) {
					return
				}
			}
		}
	})
}

// pause waits for a wake or d. It is false when the host stops.
func (e *engine) pause(wake <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-e.claiming.Done():
		return false
	case <-wake:
	case <-t.C:
	}
	return true
}

// listen lets the commits of other hosts wake this one.
func (e *engine) listen(w Waker) {
	for {
		err := w.Listen(e.claiming, e.o.signal)
		if e.claiming.Err() != nil || errors.Is(err, ErrUnsupported) {
			return
		}
		e.o.cfg.logger.LogAttrs(e.claiming, slog.LevelInfo, "listening again", slog.Any("error", err))
		if !e.pause(nil, e.o.cfg.poll) {
			return
		}
	}
}

// claimSteps claims what there is room for, and runs it.
func (e *engine) claimSteps(ctx context.Context) (bool, error) {
	e.mu.Lock()
	free := maps.Clone(e.free)
	e.mu.Unlock()
	e.o.abandoned.takeFrom(free) // after the copy: whoever leaves a handler behind counts it first, then frees its slot
	maps.DeleteFunc(free, func(_ string, n int) bool { return n <= 0 })
	if len(free) == 0 {
		return false, nil // a step that ends wakes this loop
	}
	if ctx.Err() != nil {
		return false, nil
	}
	// A claim that is cancelled half way could leave leases that no host knows of.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.cfg.lease)
	defer cancel()
	claimed, err := e.o.store.ClaimSteps(ctx, StepClaim{Owner: e.o.cfg.instance, Lease: e.o.cfg.lease, Steps: free})
	for _, x := range claimed {
		e.mu.Lock()
		e.free[x.Step]--
		e.mu.Unlock()
		e.steps.Go(func() {
			defer func() {
				e.mu.Lock()
				e.free[x.Step]++
				e.mu.Unlock()
				e.o.signal()
			}()
			e.execute(x)
		})
	}
	return len(claimed) > 0, err
}

// adopt unparks parked requests that this host can continue, and moves requests as [WithMigration] says.
func (e *engine) adopt() {
	live := true
	queries := []Query{{Live: &live, Parked: true, Limit: 200}}
	if old := slices.Sorted(maps.Keys(e.o.cfg.migrations)); len(old) > 0 {
		queries = append(queries, Query{Live: &live, Definitions: old, Limit: 200})
	}
	for _, q := range queries {
		e.adoptAll(q)
	}
}

func (e *engine) adoptAll(q Query) {
	for r, err := range e.o.Requests(e.claiming, q) {
		if err != nil {
			return // the next start tries again, and so does each change of such a request
		}
		err := e.o.change(e.claiming, r.ID, func(_ context.Context, d *draft) error {
			if d.req.Parked == "" {
				return errNothing
			}
			return d.unpark()
		})
		if err != nil && e.claiming.Err() == nil {
			e.o.cfg.logger.LogAttrs(e.claiming, slog.LevelWarn, "cannot adopt", slog.String("request", r.ID), slog.Any("error", err))
		}
	}
}

func (o *Orchestrator) messageKinds() []MessageKind {
	var kinds []MessageKind
	if o.cfg.notifier != nil {
		kinds = append(kinds, MessageNotification)
	}
	if o.cfg.sink != nil {
		kinds = append(kinds, MessageAudit)
	}
	return slices.Clip(kinds)
}
