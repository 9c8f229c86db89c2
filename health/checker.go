package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	probe "github.com/alexliesenfeld/health"
)

// Config configures a [Checker].
type Config struct {
	// Components are shown in this order. There may be none.
	Components []Component

	// Logger gets one record whenever the status of a component changes: its name, status and error class. Nil disables
	// logging.
	Logger *slog.Logger

	// Clock returns the timestamp of /health. Nil means time.Now.
	Clock func() time.Time
}

// Checker checks components periodically and answers probes from the last results. Any number of goroutines may share
// it. Make one with [New].
type Checker struct {
	components []*component
	logger     *slog.Logger
	clock      func() time.Time

	life chan struct{} // holds one element while Start, Stop or Refresh runs

	mu       sync.Mutex         // guards what follows
	current  probe.Checker      // nil unless started
	abandon  context.CancelFunc // cancels the running Refresh; nil: none is running
	stopping int                // calls of Stop that wait for life
}

// lock serialises Start, Stop and Refresh. It returns the function that unlocks.
func (c *Checker) lock(ctx context.Context) (unlock func(), err error) {
	unlock = func() { <-c.life }
	select {
	case c.life <- struct{}{}:
		return unlock, nil // also when ctx has ended, since there is nothing to wait for
	default:
	}
	select {
	case c.life <- struct{}{}:
		return unlock, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// New checks cfg and returns a Checker. Until [Checker.Start] no check runs, and the instance is alive but not ready.
// New fails if a component has an invalid or duplicate name, no Check, or a negative Interval or Timeout.
func New(cfg Config) (*Checker, error) {
	c := &Checker{logger: cfg.Logger, clock: cfg.Clock, life: make(chan struct{}, 1)}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	seen := make(map[string]bool)
	for i, p := range cfg.Components {
		switch {
		case !isName(p.Name):
			return nil, fmt.Errorf("health: component %d: name %q must consist of lower case letters, digits and underscores", i, p.Name)
		case seen[p.Name]:
			return nil, fmt.Errorf("health: component %s: duplicate name", p.Name)
		case p.Check == nil:
			return nil, fmt.Errorf("health: component %s: no Check", p.Name)
		case p.Interval < 0 || p.Timeout < 0:
			return nil, fmt.Errorf("health: component %s: negative Interval or Timeout", p.Name)
		}
		seen[p.Name] = true
		if p.Interval == 0 {
			p.Interval = DefaultInterval
		}
		if p.Timeout == 0 {
			p.Timeout = DefaultTimeout
		}
		c.components = append(c.components, &component{Component: p})
	}
	return c, nil
}

// Start begins to check every component, at once and then at its interval, and returns without waiting for the first
// results (see [Checker.Wait]). The checks continue until [Checker.Stop]; ctx applies to Start alone. Starting twice
// has no further effect.
func (c *Checker) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if c.running() == nil {
		c.swap(c.launch())
	}
	return nil
}

// Stop ends all checks and waits for running check functions. If ctx ends first, it returns ctx's error and no longer
// waits for them. Afterwards the instance is not ready. Stop may be called before Start and more than once; a stopped
// Checker may be started again.
func (c *Checker) Stop(ctx context.Context) error {
	c.stop(1)
	unlock, err := c.lock(ctx)
	if err != nil {
		c.stop(-1)
		return err
	}
	defer unlock()
	c.stop(-1)
	if old := c.swap(nil); old != nil {
		old.Stop()
	}
	for _, p := range c.components {
		if err := p.idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Wait returns when every component has been checked since Start, whatever the result. It returns ctx's error if ctx
// ends first, and [ErrNotStarted] if the Checker is not started.
func (c *Checker) Wait(ctx context.Context) error {
	current := c.running()
	if current == nil {
		return ErrNotStarted
	}
	return c.await(ctx, current)
}

// ErrNotStarted is returned by methods that need a started [Checker].
var ErrNotStarted = errors.New("health: checker not started")

// Refresh checks every component now, regardless of its interval, and waits for the results; meanwhile probes get the
// previous results. It returns ctx's error if ctx ends first, and [ErrNotStarted] if the Checker is not started or is
// stopped meanwhile.
func (c *Checker) Refresh(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	waiting, cancel := context.WithCancel(ctx)
	defer c.abandonable(nil)
	defer cancel()
	old := c.running()
	if old == nil || !c.abandonable(cancel) {
		return ErrNotStarted
	}
	next := c.launch()
	if err := c.await(waiting, next); err != nil {
		next.Stop()
		if ctx.Err() == nil { // ended by Stop
			err = ErrNotStarted
		}
		return err
	}
	c.swap(next)
	old.Stop()
	return nil
}

// stop records that a Stop begins (1) or has ended (-1), and cancels the running Refresh.
func (c *Checker) stop(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping += n
	if n > 0 && c.abandon != nil {
		c.abandon()
	}
}

// abandonable registers cancel as what ends the running Refresh. It reports whether no Stop is waiting.
func (c *Checker) abandonable(cancel context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon = cancel
	return c.stopping == 0
}

func (c *Checker) running() probe.Checker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

func (c *Checker) swap(next probe.Checker) (old probe.Checker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, c.current = c.current, next
	return old
}

// launch starts a checker with periodic checks only: a synchronous check would hold the library's mutex, and so delay
// every probe, while it runs.
func (c *Checker) launch() probe.Checker {
	opts := []probe.CheckerOption{probe.WithDisabledAutostart()}
	for _, p := range c.components {
		opts = append(opts, probe.WithPeriodicCheck(p.Interval, 0, probe.Check{
			Name:    p.Name,
			Timeout: p.Timeout,
			Check:   p.run,
			StatusListener: func(ctx context.Context, _ string, state probe.CheckState) {
				if !errors.Is(ctx.Err(), context.Canceled) { // else it was stopped, which says nothing
					c.report(ctx, p, state)
				}
			},
		}))
	}
	checker := probe.NewChecker(opts...)
	checker.Start()
	return checker
}

// report logs a status that differs from the last logged one.
func (c *Checker) report(ctx context.Context, p *component, state probe.CheckState) {
	level, status := slog.LevelInfo, Healthy
	if state.Status != probe.StatusUp {
		level, status = slog.LevelWarn, Unhealthy
	}
	p.mu.Lock()
	changed := p.logged != status
	p.logged = status
	p.mu.Unlock()
	if changed {
		c.logger.LogAttrs(ctx, level, "health: component changed", slog.String("component", p.Name),
			slog.String("status", string(status)), slog.String("error_class", ErrorClass(state.Result)))
	}
}

// await polls the library, which reports changes of a status but not the first check.
func (c *Checker) await(ctx context.Context, checker probe.Checker) error {
	const pause = 5 * time.Millisecond
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		if allChecked(checker.Check(ctx)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func allChecked(result probe.CheckerResult) bool {
	for _, d := range result.Details {
		if d.Timestamp.IsZero() {
			return false
		}
	}
	return true
}

// component is a Component with the result of its last check.
type component struct {
	Component

	mu      sync.Mutex
	done    chan struct{} // closed when the running check returns; nil: none runs
	details []byte        // members of a JSON object, each after a comma; never changed, only replaced
	logged  Status
}

// run is the check that the library calls. The library abandons a check that ignores its context and would start the
// next one beside it; run makes the next one wait until the first has returned.
func (p *component) run(ctx context.Context) (err error) {
	done := make(chan struct{})
	for {
		p.mu.Lock()
		before := p.done
		if before == nil {
			p.done = done
		}
		p.mu.Unlock()
		if before == nil {
			break
		}
		select {
		case <-before:
		case <-ctx.Done():
			return probe.CheckTimeoutErr
		}
	}

	var details []byte
	defer func() {
		if r := recover(); r != nil {
			details, err = nil, errPanic
		}
		p.mu.Lock()
		p.details = details
		p.done = nil
		p.mu.Unlock()
		close(done)
	}()
	shown, err := p.Check(ctx)
	if err == nil {
		details = appendDetails(nil, shown)
	}
	return err
}

func (p *component) lastDetails() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.details
}

// idle waits until no check is running.
func (p *component) idle(ctx context.Context) error {
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
