package runner

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime"
	"time"
)

// Defaults of [WithMaxResult].
const (
	DefaultMaxResultRows  = 1_000_000
	DefaultMaxResultBytes = 1 << 30
)

// Runner runs views over one source, with a cache, bounded parallelism and limits. Any number of goroutines may
// use it. It owns no goroutine between runs and needs no Close.
type Runner struct {
	src Source
	cfg config
}

// New returns a Runner over a source. It reads nothing. It fails where the source is nil.
func New(src Source, opts ...Option) (*Runner, error) {
	if src == nil {
		return nil, errors.New("runner: there is no source")
	}
	cfg := config{logger: slog.New(slog.DiscardHandler), now: time.Now}
	for _, opt := range opts {
		opt(&cfg)
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

// Run runs a view and collects its rows, or takes them from the cache. It fails with [ErrLimit] where there are
// more rows or bytes than [WithMaxResult] allows.
func (r *Runner) Run(ctx context.Context, v *View, opts ...RunOption) (*Result, error) {
	return nil, errEngine
}

// Stream runs a view and yields its rows as they come, past the cache. See [View.Rows].
func (r *Runner) Stream(ctx context.Context, v *View, opts ...RunOption) iter.Seq2[Row, error] {
	return v.Rows(ctx, r.src, opts...)
}

// Write runs a view into a writer, past the cache. See [View.Write].
func (r *Runner) Write(ctx context.Context, v *View, w Writer, opts ...RunOption) (Stats, error) {
	return v.Write(ctx, r.src, w, opts...)
}
