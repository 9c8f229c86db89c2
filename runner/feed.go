package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/researchflow/researchflow/internal/ndjson"
)

// block is a unit of work: some resources in one piece of memory, or a line of the source that could not be read.
type block struct {
	index int64  // number among the run's blocks, from 0 without gaps
	data  []byte // text of the resources
	file  string
	line  int64         // number of the first line if data is NDJSON, otherwise 0
	spans []span        // where the resources are if data is not NDJSON
	first int64         // position of the first span among the source's resources
	fault error         // why a line could not be read; the block has no data
	at    Place         // place of the fault
	owner *ndjson.Block // where data came from, or nil
	pool  *sync.Pool    // where the block came from, or nil
}

// span is one resource in a block.
type span struct {
	start, end int
	line       int64
}

// release returns the block's memory. Nothing that points into it may be used afterwards.
func (b *block) release() {
	switch {
	case b.owner != nil:
		b.owner.Release()
		b.owner, b.data = nil, nil
	case b.pool != nil:
		pool := b.pool
		b.pool = nil
		b.data, b.spans = b.data[:0], b.spans[:0]
		pool.Put(b)
	}
}

// feed hands out the blocks of a source. Any number of goroutines may call next.
type feed interface {
	// next returns the next block, and io.EOF after the last one. Any other error ends the feed.
	next(ctx context.Context) (*block, error)
	// close ends the feed. It waits until all goroutines of the feed have ended.
	close()
}

// feeder is a source that yields blocks itself.
type feeder interface {
	feed(ctx context.Context, resourceType string, cfg *runConfig) (feed, error)
}

var errNoSource = errors.New("runner: the source is nil")

// openFeed returns the blocks of any source.
func openFeed(ctx context.Context, src Source, resourceType string, cfg *runConfig) (feed, error) {
	if src == nil {
		return nil, errNoSource
	}
	if f, ok := src.(feeder); ok {
		return f.feed(ctx, resourceType, cfg)
	}
	return newSeqFeed(ctx, cfg, func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
		return src.Resources(ctx, resourceType, cfg.params)
	}), nil
}

// Maximum size of a block of a source that yields single resources.
const (
	seqBlockBytes     = 256 << 10
	seqBlockResources = 128
)

// seqFeed groups single resources into blocks. It reads the source in a goroutine of its own, while workers evaluate
// earlier blocks.
type seqFeed struct {
	blocks chan *block
	err    error // the source's error; readable once blocks is closed
	cancel context.CancelFunc
	pool   sync.Pool
}

func newSeqFeed(
	ctx context.Context, cfg *runConfig, open func(context.Context) iter.Seq2[json.RawMessage, error],
) *seqFeed {
	ctx, cancel := context.WithCancel(ctx)
	f := &seqFeed{blocks: make(chan *block, 1), cancel: cancel}
	most := seqBlockResources
	if cfg.maxResources > 0 {
		most = int(min(int64(most), cfg.maxResources)) // do not wait for more resources than the run asks for
	}
	go func() {
		defer close(f.blocks)
		ended := false
		defer func() { // a source must neither crash the program nor end early without an error
			if r := recover(); r != nil {
				f.err = fmt.Errorf("the source: %w", internalError(r))
			} else if !ended {
				f.err = errors.New("the source ended the goroutine that reads it")
			}
		}()
		f.run(ctx, open(ctx), most)
		ended = true
	}()
	return f
}

func (f *seqFeed) run(ctx context.Context, seq iter.Seq2[json.RawMessage, error], most int) {
	var index, count int64
	var b *block
	send := func() bool {
		b.index = index
		index++
		select {
		case f.blocks <- b:
			b = nil
			return true
		case <-ctx.Done():
			f.err = ctx.Err()
			return false
		}
	}
	for raw, err := range seq {
		if err != nil {
			f.err = err
			break
		}
		if b == nil {
			b = f.block(count)
		}
		start := len(b.data)
		b.data = append(b.data, raw...)
		b.spans = append(b.spans, span{start: start, end: len(b.data)})
		count++
		if (len(b.data) >= seqBlockBytes || len(b.spans) >= most) && !send() {
			return
		}
	}
	if b != nil {
		send()
	}
}

func (f *seqFeed) block(first int64) *block {
	b, _ := f.pool.Get().(*block)
	if b == nil {
		b = &block{}
	}
	b.first, b.pool = first, &f.pool
	return b
}

func (f *seqFeed) next(ctx context.Context) (*block, error) {
	select {
	case b, ok := <-f.blocks:
		if ok {
			return b, nil
		}
		if f.err != nil {
			return nil, f.err
		}
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *seqFeed) close() {
	f.cancel()
	for range f.blocks { // until the goroutine has ended
	}
}

// sourceError adds the place to an error of a source. It returns errors of the caller's context unchanged.
func sourceError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var nd *ndjson.Error
	if errors.As(err, &nd) {
		return faultAt(nd.File, nd.Line, cause(nd))
	}
	var known *SourceError
	if errors.As(err, &known) || strings.HasPrefix(err.Error(), "runner: ") {
		return err
	}
	return faultAt("", 0, err)
}

// faultAt returns the error of a source at a line of a file; both may be unknown.
func faultAt(file string, line int64, err error) error {
	return &SourceError{Place: Place{File: file, Line: line, Index: -1}, Err: err}
}
