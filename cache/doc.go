// Package cache keeps results of expensive work in memory for a limited time and within a byte budget.
//
// A [Cache] maps string keys to values of any type. Its main method is [Cache.GetOrLoad]: it answers from
// memory, or runs the caller's load function once, however many callers ask for the key at that moment.
//
//	c := cache.New(cache.Options{TTL: 5 * time.Minute, MaxBytes: 256 << 20})
//	defer c.Close()
//	v, err := c.GetOrLoad(ctx, key, func(ctx context.Context) (any, int64, error) {
//		rows, err := query(ctx)
//		return rows, rows.Bytes(), err
//	})
//
// What it promises, each with a test:
//
//   - one load per key at a time; a caller whose context ends fails alone, and the load goes on for the others.
//     When nobody waits any more, the load's context is cancelled;
//   - an answer is never older than Options.TTL (plus Options.StaleFor, when set). A hit does not prolong a life;
//   - an error is never kept;
//   - a value that costs more than the whole budget is handed to its callers, is not kept, and evicts nothing;
//   - a load that began before an invalidation ([Cache.Delete], [Cache.DeletePrefix], [Cache.Purge], [Cache.Set])
//     is not kept after it;
//   - the figures of [Cache.Stats] add up exactly.
//
// The key decides who may see a value: it must hold everything that the value depends on, which includes the
// tenant and the authorisation under which it was read.
//
// The cache is built on github.com/jellydator/ttlcache/v3 and golang.org/x/sync/singleflight. It starts no
// goroutine of its own while idle.
package cache
