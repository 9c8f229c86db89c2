package runner

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// crew is the workers of a run. It starts with one worker. Whenever a worker gets a block and no other worker is
// waiting for the source, the crew grows by one, up to the maximum. So it has one worker more than the source keeps
// busy: two for a slow server or a file of a single block, and the maximum for a large file.
//
// A worker takes a token before it reads a block, and the token is returned when the block's rows have been delivered.
// The number of tokens therefore bounds how far the workers may run ahead, and how much memory they take. Rows are
// delivered by the goroutine that called the run.
type crew struct {
	run     *run
	most    int32        // maximum of size
	size    atomic.Int32 // workers started
	waiting atomic.Int32 // workers waiting for the source
	ended   atomic.Bool  // the source has no more blocks
	group   sync.WaitGroup
	tokens  chan struct{}
	results chan *batch // has room for every token
	once    sync.Once
	fault   error // error of the source, set once

	// Used only by the goroutine that called the run.
	ready map[int64]*batch // batches that wait for an earlier one, by block number
	next  int64            // number of the block to deliver next
	err   error            // error of the delivery
}

func newCrew(r *run, most int) *crew {
	window := 2*most + 2
	return &crew{
		run: r, most: int32(most), ready: make(map[int64]*batch),
		tokens: make(chan struct{}, window), results: make(chan *batch, window),
	}
}

// work runs until the source ends or the first error occurs. All workers have ended when it returns.
func (c *crew) work(ctx context.Context, cancel context.CancelFunc) error {
	c.grow(ctx)
	go func() {
		c.group.Wait()
		close(c.results)
	}()
	for b := range c.results {
		if c.deliver(b); c.err != nil {
			cancel()
		}
	}
	for _, b := range c.ready {
		c.run.recycle(b)
	}
	switch {
	case c.err != nil:
		return c.err
	case c.fault != nil:
		return c.run.sourceFault(ctx, c.fault)
	}
	return ctx.Err()
}

// grow starts another worker unless the crew has its maximum.
func (c *crew) grow(ctx context.Context) {
	for {
		n := c.size.Load()
		if n >= c.most {
			return
		}
		if c.size.CompareAndSwap(n, n+1) {
			c.group.Go(func() { c.runWorker(ctx) })
			return
		}
	}
}

// runWorker evaluates blocks until the source ends.
func (c *crew) runWorker(ctx context.Context) {
	w := newWorker(c.run.view, c.run.cfg, c.run.filter)
	defer w.engine.Release()
	for {
		select {
		case c.tokens <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c.waiting.Add(1)
		blk, err := c.run.feed.next(ctx)
		if err != nil {
			c.ended.Store(true)
		}
		idle := c.waiting.Add(-1)
		if err != nil {
			if err != io.EOF {
				c.once.Do(func() { c.fault = err })
			}
			return
		}
		if idle == 0 && !c.ended.Load() {
			c.grow(ctx)
		}
		c.results <- c.run.work(ctx, w, blk)
	}
}

// deliver delivers a batch and those that waited for it, in the order of the source. An unordered run delivers each
// batch at once. After an error batches are only recycled.
func (c *crew) deliver(b *batch) {
	r := c.run
	if r.cfg.unordered {
		c.next = b.index
	}
	c.ready[b.index] = b
	for b := c.ready[c.next]; b != nil; b = c.ready[c.next] {
		delete(c.ready, c.next)
		c.next++
		<-c.tokens
		if c.err != nil {
			r.recycle(b)
		} else {
			c.err = r.deliver(b)
		}
	}
}
