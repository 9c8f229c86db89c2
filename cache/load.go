package cache

import (
	"context"
	"errors"
	"runtime/debug"
)

// Load fetches a value. Cost is its size in bytes. The context carries the values of the first caller's context, and
// is cancelled when no caller waits any more, or the cache is closed; deadlines of callers are their own.
type Load = func(ctx context.Context) (value any, cost int64, err error)

// flight is one running load.
type flight struct {
	cancel     context.CancelFunc
	waiters    int
	background bool // nobody needs to wait for it
	outdated   bool // the key was invalidated meanwhile
}

// GetOrLoad returns the value kept under key, or loads it. Callers that come while the key is being loaded wait for
// that load. When a caller's ctx ends it gets ctx's error at once; the load goes on as long as anybody waits.
//
// An error of load goes to every caller of that load, as it is, and is not kept. A panic in load becomes a
// [*PanicError]. After [Cache.Close] the error is [ErrClosed].
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
			c.detach(key) // a caller who comes now must not join a cancelled load
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

// land is the end of a load: it keeps the value, or not, and returns the error that the callers get.
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

// detach makes the load of key that is under way, if any, one that will not be kept and that nobody can join.
func (c *Cache) detach(key string) {
	if f := c.flights[key]; f != nil {
		f.outdated = true
		delete(c.flights, key)
		c.group.Forget(key)
	}
}

// guard runs load in a goroutine of its own, so that neither a panic nor runtime.Goexit in it leaves callers waiting
// or ends the process.
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
