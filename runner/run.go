package runner

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"
)

func newRunConfig(opts []RunOption) *runConfig {
	cfg := &runConfig{now: time.Now}
	for _, opt := range opts {
		opt(cfg)
	}
	return cfg
}

// maxSkips is how many errors of skipped resources Stats holds at most.
const maxSkips = 20

// sink takes the rows of a run.
type sink struct {
	keep    bool    // rows may be kept: batches are compact copies and never recycled
	encoder encoder // encodes batches in the workers; may be nil
	rows    func(b *batch) error
}

// errStop ends a run without an error: a limit is reached.
var errStop = errors.New("stop")

// run is one run of a view over a source.
type run struct {
	view    *View
	cfg     *runConfig
	sink    sink
	feed    feed
	filter  *patientFilter
	stats   Stats
	begun   time.Time
	limited bool // a limit is reached: no more rows are delivered
}

// execute runs a view over a source into a sink. It uses the caller's goroutine and others that it starts; these have
// all ended when it returns.
func execute(ctx context.Context, v *View, src Source, cfg *runConfig, s sink) (stats Stats, err error) {
	r := &run{view: v, cfg: cfg, sink: s, begun: cfg.now()}
	workers := cfg.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	r.stats.Workers = 1
	defer func() { // also if a callback panics
		r.stats.Duration = cfg.now().Sub(r.begun)
		stats = r.stats
		if cfg.stats != nil {
			*cfg.stats = r.stats
		}
	}()
	if err := r.start(ctx, src, workers); !errors.Is(err, errStop) {
		return stats, err
	}
	return stats, nil
}

func (r *run) start(ctx context.Context, src Source, workers int) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.filter, err = newPatientFilter(r.view, r.cfg); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.feed, err = openFeed(ctx, src, r.view.resource, r.cfg); err != nil {
		return sourceError(err)
	}
	defer r.feed.close()
	if workers == 1 {
		return r.inline(ctx)
	}
	c := newCrew(r, workers)
	defer func() { r.stats.Workers = int(c.size.Load()) }()
	return c.work(ctx, cancel)
}

// inline evaluates and delivers all blocks in this goroutine.
func (r *run) inline(ctx context.Context) error {
	w := newWorker(r.view, r.cfg, r.filter)
	defer w.engine.Release()
	for {
		blk, err := r.feed.next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.sourceFault(ctx, err)
		}
		if err := r.deliver(r.work(ctx, w, blk)); err != nil {
			return err
		}
	}
}

// sourceFault returns the error of a run whose source failed. Once a limit is reached, the failure no longer matters:
// the run is truncated and has no error.
func (r *run) sourceFault(ctx context.Context, err error) error {
	if r.limited && ctx.Err() == nil {
		r.stats.Truncated = true
		return nil
	}
	return sourceError(err)
}

// work evaluates a block.
func (r *run) work(ctx context.Context, w *worker, blk *block) *batch {
	b := r.batch()
	b.index = blk.index
	w.block(ctx, blk, b)
	if r.sink.keep {
		// Copy what the rows need, so that the block can be reused.
		kept := b.compact()
		blk.release()
		r.recycle(b)
		return kept
	}
	b.blk = blk
	if r.sink.encoder != nil {
		b.out = r.sink.encoder.encode(b.out[:0], b, 0, b.Rows)
	}
	return b
}

// deliver cuts a batch at the run's limits, counts its rows and resources, and passes it to the sink.
func (r *run) deliver(b *batch) error {
	defer r.recycle(b)
	if r.limited {
		// An earlier batch reached the limit, and the source has more.
		r.stats.Truncated = true
		return errStop
	}
	s := &r.stats
	s.Bytes += b.bytes
	cut := r.cut(b)
	s.Resources += int64(len(b.ends))
	for _, k := range b.skips {
		s.Skipped++
		if len(s.Skips) < maxSkips {
			s.Skips = append(s.Skips, k.err)
		}
	}
	if b.Rows > 0 {
		s.Rows += int64(b.Rows)
		if cut && r.sink.encoder != nil {
			b.out = r.sink.encoder.encode(b.out[:0], b, 0, b.Rows)
		}
		if err := r.sink.rows(b); err != nil {
			return err
		}
	}
	if r.cfg.progress != nil {
		now := *s
		now.Duration = r.cfg.now().Sub(r.begun)
		r.cfg.progress(now)
	}
	if b.err != nil {
		var e *RunError
		if errors.As(b.err, &e) {
			s.Resources++ // the faulty one
		}
		return b.err
	}
	if s.Truncated {
		return errStop
	}
	return nil
}

// cut shortens a batch to what the limits still allow, and reports whether it did.
func (r *run) cut(b *batch) (cut bool) {
	if most := r.cfg.maxResources; most > 0 {
		left := int(most - r.stats.Resources)
		if len(b.ends) > left || len(b.ends) == left && b.err != nil {
			r.stats.Truncated, cut = true, true
			b.truncate(left)
		}
		r.limited = len(b.ends) == left
	}
	if most := r.cfg.maxRows; most > 0 {
		left := int(most - r.stats.Rows)
		if b.Rows > left || b.Rows == left && b.err != nil {
			r.stats.Truncated, cut = true, true
			b.truncateRows(left)
		}
		r.limited = r.limited || b.Rows == left
	}
	return cut
}

// batch returns an empty batch.
func (r *run) batch() *batch {
	b, _ := r.view.batches.Get().(*batch)
	if b == nil {
		b = &batch{}
	}
	b.view = r.view
	return b
}

// maxKeptBatch is the maximum size of a batch that is recycled. Larger ones are left to the garbage collector.
const maxKeptBatch = 16 << 20

// recycle releases the block of a batch and, unless its rows may be kept, returns the batch to the pool.
func (r *run) recycle(b *batch) {
	if b.blk != nil {
		b.blk.release()
		b.blk = nil
	}
	if b.kept || b.size() > maxKeptBatch {
		return
	}
	b.reset()
	r.view.batches.Put(b)
}

// streamRows runs a view and yields its rows.
func streamRows(ctx context.Context, v *View, src Source, cfg *runConfig, yield func(Row, error) bool) (Stats, error) {
	stats, err := execute(ctx, v, src, cfg, sink{keep: true, rows: func(b *batch) error {
		for i := range b.Rows {
			if !yield(Row{b: b, i: i}, nil) {
				return errBreak
			}
		}
		return nil
	}})
	if errors.Is(err, errBreak) {
		return stats, nil
	}
	if err != nil {
		yield(Row{}, err)
	}
	return stats, err
}

// errBreak ends a run whose caller left the loop over its rows.
var errBreak = errors.New("break")

// writeRows runs a view into a writer.
func writeRows(ctx context.Context, v *View, src Source, cfg *runConfig, w Writer) (Stats, error) {
	if err := w.Begin(v.columns); err != nil {
		return Stats{}, err
	}
	s := sink{rows: func(b *batch) error {
		for i := range b.Rows {
			if err := w.Write(Row{b: b, i: i}); err != nil {
				return err
			}
		}
		return nil
	}}
	if enc, ok := w.(encoder); ok {
		s.encoder = enc
		s.rows = func(b *batch) error { return enc.emit(b.out) }
	}
	stats, err := execute(ctx, v, src, cfg, s)
	if err != nil {
		return stats, err
	}
	return stats, w.Close()
}
