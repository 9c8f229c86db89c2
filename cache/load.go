package cache

import (
	"context"
	"errors"
	"runtime/debug"
)

// Load loads a value. Cost is its size in bytes. The context has the values of the first caller's context but not its
// deadline. It is cancelled when no caller waits any more or when the cache is closed.
type Load = func(ctx context.Context) (value any, cost int64, err error)

// flight is one running load.
type flight struct {
	cancel     context.CancelFunc
	waiters    int
	background bool // callers do not wait for it
	outdated   bool // the key was invalidated since the load began
}

// GetOrLoad returns the cached value of a key, or loads it. Concurrent callers wait for the same load. A caller whose
// ctx ends gets ctx's error at once; the load continues as long as anybody waits.
//
// Every caller of a load gets its error, unchanged; it is not cached. A panic in load becomes a [*PanicError]. After
// [Cache.Close] the error is [ErrClosed].
func (c *Cache) GetOrLoad(ctx context.Context, key string, load Load) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if e := c.lookup(key, true); e != nil {
		if e.isStale() {
			c.stats.StaleHits++
			if c.flights[key] == nil {
				c.stats.Refreshes++
				c.launch(ctx, key, load).background = true
			}
		}
		c.mu.Unlock()
		return e.value, nil
	}
	f := c.flights[key]
	if f == nil {
		f = c.launch(ctx, key, load)
	} else {
		c.stats.Joined++
	}
	f.waiters++
	// The group's map and c.flights hold the same keys, so this joins f and never runs the function given here.
	done := c.group.DoChan(key, func() (any, error) { return nil, errGoexit })
	c.mu.Unlock()

	select {
	case res := <-done:
		return res.Val, res.Err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case res := <-done: // both happened: the value is there, so hand it out
		return res.Val, res.Err
	default:
	}
	if f.waiters--; f.waiters == 0 && !f.background {
		if c.flights[key] == f {
			c.detach(key) // later callers must not join a cancelled load
		}
		f.cancel()
	}
	return nil, ctx.Err()
}

// launch starts a load under the lock.
func (c *Cache) launch(ctx context.Context, key string, load Load) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel}
	c.flights[key] = f
	c.inFlight[f] = struct{}{}
	c.stats.Loads++
	c.running.Add(1)
	c.group.DoChan(key, func() (any, error) {
		defer cancel()
		value, cost, err := guard(ctx, load)
		return value, c.land(key, f, value, cost, err)
	})
	return f
}

// land ends a load: it stores the value, unless it is outdated, and returns the error for the callers.
func (c *Cache) land(key string, f *flight, value any, cost int64, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.running.Done()
	delete(c.inFlight, f)
	if c.flights[key] == f {
		delete(c.flights, key)
		c.group.Forget(key)
	}
	switch {
	case err != nil:
		c.stats.LoadErrors++
		if c.closed && errors.Is(err, context.Canceled) {
			return ErrClosed
		}
	case f.outdated || c.closed:
		c.stats.Outdated++
	default:
		c.store(key, value, cost)
	}
	return err
}

// detach keeps the running load of a key, if any, from being stored and from being joined.
func (c *Cache) detach(key string) {
	if f := c.flights[key]; f != nil {
		f.outdated = true
		delete(c.flights, key)
		c.group.Forget(key)
	}
}

// guard runs load in its own goroutine, so that a panic or runtime.Goexit neither leaves callers waiting nor ends the
// process.
func guard(ctx context.Context, load Load) (value any, cost int64, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			if returned {
				return
			}
			err = errGoexit
			if r := recover(); r != nil {
				err = &PanicError{Value: r, Stack: debug.Stack()}
			}
		}()
		value, cost, err = load(ctx)
		returned = true
	}()
	<-done
	if err != nil {
		value = nil
	}
	return value, cost, err
}
