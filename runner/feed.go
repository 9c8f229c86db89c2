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

// block is a unit of work: resources that lie in one piece of memory, or a fault in the source between them.
type block struct {
	index int64  // number among the run's blocks, from 0 without gaps
	data  []byte // the resources
	file  string
	line  int64  // number of the first line, where data is NDJSON; 0 where spans say what data holds
	spans []span // resources of data that is not NDJSON
	first int64  // position of the first span among the source's resources
	fault error  // the block has no data, but stands for a line that could not be read
	at    Place  // of the fault
	owner *ndjson.Block
	pool  *sync.Pool
}

// span is one resource in a block.
type span struct {
	start, end int
	line       int64
}

// release gives the block's memory back. Nothing that points into it may be used afterwards.
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
	// next returns the next block, or io.EOF behind the last one. After any other error the feed is at its end.
	next(ctx context.Context) (*block, error)
	// close ends the feed. It waits until no goroutine of the feed runs any more.
	close()
}

// feeder is a source that hands out blocks itself.
type feeder interface {
	feed(ctx context.Context, resourceType string, cfg *runConfig) (feed, error)
}

// openFeed returns the blocks of any source.
func openFeed(ctx context.Context, src Source, resourceType string, cfg *runConfig) (feed, error) {
	if src == nil {
		return nil, errors.New("runner: there is no source")
	}
	if f, ok := src.(feeder); ok {
		return f.feed(ctx, resourceType, cfg)
	}
	return newSeqFeed(ctx, cfg, func(ctx context.Context) iter.Seq2[json.RawMessage, error] {
		return src.Resources(ctx, resourceType, cfg.params)
	}), nil
}

// How much of a source that yields single resources goes into one block.
const (
	seqBlockBytes     = 256 << 10
	seqBlockResources = 128
)

// seqFeed turns single resources into blocks, in a goroutine of its own: the source works on while blocks are
// evaluated.
type seqFeed struct {
	blocks chan *block
	err    error // the source's error; readable once blocks is closed
	cancel context.CancelFunc
	pool   sync.Pool
}

func newSeqFeed(ctx context.Context, cfg *runConfig, open func(context.Context) iter.Seq2[json.RawMessage, error]) *seqFeed {
	ctx, cancel := context.WithCancel(ctx)
	f := &seqFeed{blocks: make(chan *block, 1), cancel: cancel}
	most := seqBlockResources
	if cfg.maxResources > 0 {
		most = int(min(int64(most), cfg.maxResources)) // hand over what is asked for as soon as it is there
	}
	go func() {
		defer close(f.blocks)
		ended := false
		defer func() { // a source must not end the program, nor end early without a word
			if r := recover(); r != nil {
				f.err = fmt.Errorf("the source: %w", internalError(r))
			} else if !ended {
				f.err = errors.New("the source ended its goroutine")
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

// sourceError gives an error of a source its place, and leaves the caller's own context errors as they are.
func sourceError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var nd *ndjson.Error
	if errors.As(err, &nd) {
		return &SourceError{Place: Place{File: nd.File, Line: nd.Line, Index: -1}, Err: cause(nd)}
	}
	var known *SourceError
	if errors.As(err, &known) || strings.HasPrefix(err.Error(), "runner: ") {
		return err
	}
	return &SourceError{Place: Place{Index: -1}, Err: err}
}
