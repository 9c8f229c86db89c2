package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of [WithMaxResult].
const (
	DefaultMaxResultRows  = 1_000_000
	DefaultMaxResultBytes = 1 << 30
)

// Runner runs views over one source, with a cache, an audit hook, and limits on parallelism and results. Any number of
// goroutines may use it. It has no goroutines between runs and needs no Close.
type Runner struct {
	src    Source
	cfg    config
	hits   atomic.Int64
	misses atomic.Int64
}

// New returns a Runner over a source. It reads nothing. It fails if the source is nil.
func New(src Source, opts ...Option) (*Runner, error) {
	if src == nil {
		return nil, errNoSource
	}
	var cfg config
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.logger == nil {
		cfg.logger = slog.New(slog.DiscardHandler)
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	if cfg.maxParallel <= 0 {
		cfg.maxParallel = runtime.GOMAXPROCS(0)
	}
	if cfg.maxRows == 0 {
		cfg.maxRows = DefaultMaxResultRows
	}
	if cfg.maxBytes == 0 {
		cfg.maxBytes = DefaultMaxResultBytes
	}
	return &Runner{src: src, cfg: cfg}, nil
}

// Run runs a view and collects its rows, or takes them from the cache. It fails with [ErrLimit] if there are more rows
// or bytes than [WithMaxResult] allows.
func (r *Runner) Run(ctx context.Context, v *View, opts ...RunOption) (*Result, error) {
	cfg := r.config(opts)
	audited, err := r.begin(ctx, v, cfg)
	if err != nil {
		return nil, err
	}
	defer audited.close(ctx)
	res, err := r.result(ctx, v, cfg, audited)
	if err != nil {
		return nil, audited.end(ctx, false, err)
	}
	audited.stats = res.stats
	if err := audited.end(ctx, res.cached, nil); err != nil {
		return nil, err
	}
	return res, nil
}

// result returns the rows of a run from the cache or from the source.
func (r *Runner) result(ctx context.Context, v *View, cfg *runConfig, audited *auditedRun) (*Result, error) {
	if r.cfg.cache == nil || audited.event.Source == "" || v.asks || cfg.resolver != nil {
		return r.load(ctx, v, cfg)
	}
	l := &cacheLoad{}
	defer l.end()
	value, err := r.cfg.cache.GetOrLoad(ctx, cacheKey(audited.event.Source, v, cfg),
		func(ctx context.Context) (any, int64, error) {
			res, err := l.run(ctx, r, v, cfg)
			if err != nil {
				return nil, 0, err
			}
			return res, res.bytes, nil
		})
	made, stats, begun := l.state()
	*cfg.stats = stats
	res, ok := value.(*Result)
	fresh := begun && (err != nil || res == made)
	if fresh {
		r.misses.Add(1)
	} else if err == nil {
		r.hits.Add(1)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("runner: the cache returned a %T", value)
	}
	own := *res
	own.view, own.cached = v, !fresh
	return &own, nil
}

// cacheLoad reads the source to fill the cache for a run. It may continue after the run has ended: for other callers,
// or to refresh the cache.
type cacheLoad struct {
	mu    sync.Mutex
	begun bool
	ended bool // the run has ended: its callbacks must not be called any more
	made  *Result
	stats Stats
}

// run runs the view, with the run's callbacks as long as that has not ended.
func (l *cacheLoad) run(ctx context.Context, r *Runner, v *View, cfg *runConfig) (*Result, error) {
	l.mu.Lock()
	l.begun = true
	l.mu.Unlock()
	own, stats := *cfg, Stats{}
	own.stats = &stats
	if cfg.progress != nil {
		own.progress = func(s Stats) { l.callback(func() { cfg.progress(s) }) }
	}
	if cfg.trace != nil {
		own.trace = func(name string, values []json.RawMessage) { l.callback(func() { cfg.trace(name, values) }) }
	}
	res, err := r.load(ctx, v, &own)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made, l.stats = res, stats
	return res, err
}

func (l *cacheLoad) callback(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		f()
	}
}

func (l *cacheLoad) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

func (l *cacheLoad) state() (made *Result, stats Stats, begun bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made, l.stats, l.begun
}

// load runs a view over the source and collects its rows.
func (r *Runner) load(ctx context.Context, v *View, cfg *runConfig) (*Result, error) {
	res := &Result{view: v}
	stats, err := execute(ctx, v, r.src, cfg, sink{keep: true, rows: func(b *batch) error {
		res.add(b)
		if r.cfg.maxRows > 0 && res.rows > r.cfg.maxRows {
			return fmt.Errorf("runner: %s: %w: the result has more than %d rows", v.label(), ErrLimit, r.cfg.maxRows)
		}
		if r.cfg.maxBytes > 0 && res.bytes > r.cfg.maxBytes {
			return fmt.Errorf("runner: %s: %w: the result has more than %d bytes", v.label(), ErrLimit, r.cfg.maxBytes)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	res.stats = stats
	return res, nil
}

// Stream runs a view and yields its rows as they come. It does not use the cache. See [View.Rows].
func (r *Runner) Stream(ctx context.Context, v *View, opts ...RunOption) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		cfg := r.config(opts)
		audited, err := r.begin(ctx, v, cfg)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer audited.close(ctx)
		broken := false
		_, err = streamRows(ctx, v, r.src, cfg, func(row Row, err error) bool {
			if err != nil {
				return false // yielded below, after the audit
			}
			broken = !yield(row, nil)
			return !broken
		})
		if err := audited.end(ctx, false, err); err != nil && !broken {
			yield(Row{}, err)
		}
	}
}

// Write runs a view into a writer. It does not use the cache. See [View.Write].
func (r *Runner) Write(ctx context.Context, v *View, w Writer, opts ...RunOption) (Stats, error) {
	cfg := r.config(opts)
	audited, err := r.begin(ctx, v, cfg)
	if err != nil {
		return Stats{}, err
	}
	defer audited.close(ctx)
	_, err = writeRows(ctx, v, r.src, cfg, w)
	err = audited.end(ctx, false, err)
	return audited.stats, err
}

// CacheStats says how often a Runner found results in its cache.
type CacheStats struct {
	Hits           int64   // results from the cache, or from another caller's run of the same view
	Misses         int64   // results that had to be read from the source
	HitRatePercent float64 // 0 if there were no hits and no misses
}

// CacheStats returns how often [Runner.Run] found its result in the cache. The cache may have figures of its own.
func (r *Runner) CacheStats() CacheStats {
	s := CacheStats{Hits: r.hits.Load(), Misses: r.misses.Load()}
	if all := s.Hits + s.Misses; all > 0 {
		s.HitRatePercent = 100 * float64(s.Hits) / float64(all)
	}
	return s
}

func (r *Runner) config(opts []RunOption) *runConfig {
	cfg := newRunConfig(opts)
	cfg.now = r.cfg.now
	if cfg.workers <= 0 {
		cfg.workers = runtime.GOMAXPROCS(0)
	}
	cfg.workers = min(cfg.workers, r.cfg.maxParallel)
	return cfg
}

// auditedRun is one run of a Runner as the audit hook and the log see it.
type auditedRun struct {
	r      *Runner
	event  AuditEvent
	stats  Stats  // set by the run, however it ends
	wanted *Stats // where the caller wants them ([CollectStats]), or nil
}

// begin announces a run to the audit hook, which may refuse it. The run's figures go to the result's stats.
func (r *Runner) begin(ctx context.Context, v *View, cfg *runConfig) (*auditedRun, error) {
	a := &auditedRun{r: r, wanted: cfg.stats}
	a.event = AuditEvent{View: v.name, Resource: v.resource, Digest: v.digest, Patients: -1}
	cfg.stats = &a.stats
	if cfg.byPatient {
		a.event.Patients = len(cfg.patients)
	}
	if id, ok := r.src.(IdentifiedSource); ok {
		if identity, ok := id.Identity(); ok {
			a.event.Source = identity
		}
	}
	if r.cfg.audit != nil {
		if err := r.cfg.audit(ctx, a.event); err != nil {
			return nil, fmt.Errorf("runner: %s: the run was refused: %w", v.label(), err)
		}
	}
	return a, nil
}

// errAbandoned is the error of a run whose caller panicked or ended its goroutine.
var errAbandoned = errors.New("runner: the caller abandoned the run")

// close ends a run that nobody ended, and hands out its figures. Callers defer it.
func (a *auditedRun) close(ctx context.Context) {
	defer func() { // also if the audit hook panics
		if a.wanted != nil {
			*a.wanted = a.stats
		}
	}()
	if !a.event.Done {
		_ = a.end(ctx, false, errAbandoned)
	}
}

// end tells the audit hook, and returns the error of the run, or that of the hook.
func (a *auditedRun) end(ctx context.Context, cached bool, err error) error {
	stats := a.stats
	a.event.Done, a.event.Stats, a.event.Cached, a.event.Err = true, stats, cached, err
	a.r.cfg.logger.LogAttrs(ctx, level(err), "view run",
		slog.String("view", a.event.View), slog.String("resource", a.event.Resource),
		slog.Int64("resources", stats.Resources), slog.Int64("rows", stats.Rows), slog.Int64("skipped", stats.Skipped),
		slog.Bool("truncated", stats.Truncated), slog.Bool("cached", cached), slog.Duration("duration", stats.Duration),
		slog.Bool("failed", err != nil))
	if a.r.cfg.audit == nil {
		return err
	}
	// The record of what was read must not be lost because the caller cancelled the context.
	if auditErr := a.r.cfg.audit(context.WithoutCancel(ctx), a.event); auditErr != nil {
		return errors.Join(err, fmt.Errorf("runner: the run could not be audited: %w", auditErr))
	}
	return err
}

func level(err error) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// cacheKey returns a hash of everything that decides the rows of a run.
func cacheKey(source string, v *View, cfg *runConfig) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n%s\n%q\n", source, v.digest, cfg.params.Encode())
	fmt.Fprintf(h, "%d %d %d %d %t %t\n",
		cfg.maxResources, cfg.maxRows, cfg.maxPerRes, cfg.policy, cfg.byPatient, cfg.unordered)
	ids := slices.Clone(cfg.patients)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		fmt.Fprintf(h, "%q\n", id)
	}
	return "view/" + v.resource + "/" + hex.EncodeToString(h.Sum(nil))
}
