package runner

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// crew is the workers of a run. It begins with one, and whenever a worker gets a block while none waits for the source,
// another one joins, up to the cap. So there are as many as the source keeps busy, and one more: a slow server has two, a
// file of one block as well, and a large file as many as there are processors.
//
// A worker takes a token before each block; a block's token comes back when its rows were delivered. So the tokens bound
// how far the workers may be ahead of that, and with it the memory. The goroutine that called the run delivers.
type crew struct {
	run     *run
	most    int32
	size    atomic.Int32 // workers that were started
	waiting atomic.Int32 // workers that wait for the source
	ended   atomic.Bool  // the source is at its end
	group   sync.WaitGroup
	tokens  chan struct{}
	results chan *batch // with room for every token
	once    sync.Once
	fault   error // of the source

	// Of the goroutine that called the run.
	ready map[int64]*batch // to be delivered when those before them have been
	next  int64            // number of the block to be delivered
	err   error            // of the delivery
}

func newCrew(r *run, most int) *crew {
	window := 2*most + 2
	return &crew{
		run: r, most: int32(most), ready: make(map[int64]*batch),
		tokens: make(chan struct{}, window), results: make(chan *batch, window),
	}
}

// work does the run, up to the end of the source or the first error. All workers have ended when it returns.
func (c *crew) work(ctx context.Context, cancel context.CancelFunc) error {
	c.join(ctx)
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

// join starts another worker, if there may be one.
func (c *crew) join(ctx context.Context) {
	for {
		n := c.size.Load()
		if n >= c.most {
			return
		}
		if c.size.CompareAndSwap(n, n+1) {
			c.group.Go(func() { c.labour(ctx) })
			return
		}
	}
}

// labour is what a worker does.
func (c *crew) labour(ctx context.Context) {
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
			c.join(ctx)
		}
		c.results <- c.run.work(ctx, w, blk)
	}
}

// deliver delivers a batch, and whatever waited for it: as they come, or in the order of the source. After an error nothing
// is delivered any more.
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
