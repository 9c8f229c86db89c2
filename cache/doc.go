// Package cache keeps results of expensive work in memory for a limited time and within a byte budget.
//
// A [Cache] maps string keys to values of any type. Its main method is [Cache.GetOrLoad]: it returns the cached
// value, or runs the caller's load function once, however many callers ask for the key at that moment.
//
//	c := cache.New(cache.Config{TTL: 5 * time.Minute, MaxBytes: 256 << 20})
//	defer c.Close()
//	v, err := c.GetOrLoad(ctx, key, func(ctx context.Context) (any, int64, error) {
//		rows, err := query(ctx)
//		return rows, rows.Bytes(), err
//	})
//
// What it promises, each with a test:
//
//   - one load per key at a time. When a caller's context ends, only that caller fails, and the load continues for the
//     others. When nobody waits any more, the load's context is cancelled;
//   - a value is never older than Config.TTL (plus Config.StaleFor, if set). A hit does not extend its life;
//   - errors are never cached;
//   - a value larger than the whole budget is returned to its callers, is not stored, and evicts nothing;
//   - the result of a load that began before an invalidation ([Cache.Delete], [Cache.DeletePrefix], [Cache.Purge],
//     [Cache.Set]) is not stored after it;
//   - the numbers of [Cache.Stats] add up exactly.
//
// The key decides who may see a value: it must contain everything that the value depends on, including the tenant and
// the authorisation under which it was read.
//
// The cache is built on github.com/jellydator/ttlcache/v3 and golang.org/x/sync/singleflight. While idle,
// it runs no goroutine.
package cache
