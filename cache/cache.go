package cache

import (
	"strings"
	"sync"
	"time"

	"github.com/jellydator/ttlcache/v3"
	"golang.org/x/sync/singleflight"
)

// Cache is a map from strings to values of any type, with a maximum age and a byte budget. Any number of goroutines may
// share it. Values are returned as they were stored and must not be changed afterwards.
//
// Make one with [New].
type Cache struct {
	cfg Config

	mu       sync.Mutex // guards everything below, and every call into items
	items    *ttlcache.Cache[string, *entry]
	costs    map[string]int64     // what each key in items is accounted for
	flights  map[string]*flight   // loads that can be joined
	group    singleflight.Group   // its keys are those of flights
	inFlight map[*flight]struct{} // all loads that still run
	running  sync.WaitGroup       // as many
	sweeper  *time.Timer          // nil while there are no entries that expire
	closed   bool
	stats    Stats // Size, MaxBytes, InFlight and HitRatePercent are filled by Stats
}

type entry struct {
	value any
	stale time.Time // when it becomes older than the TTL; zero: stale entries are not used
}

// New returns an empty cache. It starts nothing. [Cache.Close] frees the cache's memory.
func New(cfg Config) *Cache {
	cfg = cfg.withDefaults()
	life := ttlcache.NoTTL
	if cfg.TTL > 0 {
		life = cfg.TTL + cfg.StaleFor
	}
	// The cost limit of ttlcache is not used: DeleteAll does not reset it, an item above it empties the cache, and
	// evictions are reported late, by goroutines. Budget and statistics are kept here instead.
	return &Cache{
		cfg: cfg,
		items: ttlcache.New(
			ttlcache.WithTTL[string, *entry](life),
			ttlcache.WithDisableTouchOnHit[string, *entry](),
		),
		costs:    make(map[string]int64),
		flights:  make(map[string]*flight),
		inFlight: make(map[*flight]struct{}),
	}
}

// Get returns the value of a key, and whether there is one. It makes the entry the most recently used but does not
// extend its life. Get never returns a value older than the TTL, whatever Config.StaleFor, because it loads no new
// one.
func (c *Cache) Get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.lookup(key, false)
	if e == nil {
		return nil, false
	}
	return e.value, true
}

// Set stores a value under key, replaces the one that was there, and reports whether it stored it. Cost is the size
// of the value in bytes; a negative cost counts as 0. A value larger than the whole budget is not stored and evicts
// nothing, but an older value of the key is removed, since it is outdated. The result of a running load of the key is
// not stored.
func (c *Cache) Set(key string, value any, cost int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.detach(key)
	return c.store(key, value, cost)
}

// Delete removes the entry of a key. The result of a running load of the key is not stored: its callers still get it,
// because they asked before, and later callers start a new load.
func (c *Cache) Delete(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detach(key)
	if c.remove(key) {
		c.stats.Deletions++
	}
}

// DeletePrefix deletes every key with the prefix, like Delete, and returns the number of entries removed.
func (c *Cache) DeletePrefix(prefix string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return c.deletePrefix(prefix)
}

// Purge deletes every key, like Delete.
func (c *Cache) Purge() { c.DeletePrefix("") }

// Stats returns the current statistics.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	s := c.stats
	s.Size = int64(len(c.costs))
	s.InFlight = int64(len(c.inFlight))
	s.MaxBytes = c.cfg.MaxBytes
	s.HitRatePercent = hitRatePercent(s.Hits, s.Misses)
	return s
}

// Close empties the cache, cancels running loads and waits for them. Afterwards nothing is stored, Get finds nothing
// and GetOrLoad returns [ErrClosed]; Stats keeps working. Close may be called more than once, but not from a load
// function.
func (c *Cache) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		for f := range c.inFlight {
			f.cancel()
		}
		c.expire()
		c.deletePrefix("")
	}
	c.mu.Unlock()
	c.running.Wait()
	return nil
}

// isStale reports whether the entry is older than the TTL.
func (e *entry) isStale() bool { return !e.stale.IsZero() && time.Now().After(e.stale) }

// lookup returns the entry of a key, a stale one only if asked for, and counts a hit or a miss.
func (c *Cache) lookup(key string, staleToo bool) *entry {
	item := c.items.Get(key)
	if item == nil || !staleToo && item.Value().isStale() {
		c.stats.Misses++
		return nil
	}
	c.stats.Hits++
	return item.Value()
}

// store stores a value as the last step of Set or of a load.
func (c *Cache) store(key string, value any, cost int64) bool {
	cost = max(cost, 0) + int64(len(key)) + entryOverhead
	if limit := c.cfg.MaxBytes; limit >= 0 && (cost > limit || cost < 0) {
		c.stats.TooLarge++
		if c.remove(key) {
			c.stats.Deletions++
		}
		return false
	}
	if c.items.Has(key) {
		c.remove(key)
		c.stats.Replacements++
	} else if c.remove(key) { // it is there, but too old
		c.stats.Expirations++
	}
	c.makeRoom(cost)
	e := &entry{value: value}
	if c.cfg.TTL > 0 && c.cfg.StaleFor > 0 {
		e.stale = time.Now().Add(c.cfg.TTL)
	}
	c.items.Set(key, e, ttlcache.DefaultTTL)
	c.costs[key] = cost
	c.stats.Bytes += cost
	c.stats.Stores++
	if c.sweeper == nil && c.cfg.TTL > 0 {
		c.sweeper = time.AfterFunc(c.cfg.sweepEvery(), c.sweep)
	}
	return true
}

// makeRoom removes entries until cost fits into the budget: expired ones first, then the least recently used.
func (c *Cache) makeRoom(cost int64) {
	limit := c.cfg.MaxBytes
	if limit < 0 || c.stats.Bytes+cost <= limit {
		return
	}
	c.expire()
	for c.stats.Bytes+cost > limit {
		oldest, found := "", false
		c.items.RangeBackwards(func(item *ttlcache.Item[string, *entry]) bool {
			oldest, found = item.Key(), true
			return false
		})
		if !found { // what is left became too old just now
			if c.expire() == 0 {
				return
			}
			continue
		}
		if c.remove(oldest) {
			c.stats.Evictions++
		}
	}
}

// expire removes expired entries and returns their number. It visits every entry only if there is an expired one.
func (c *Cache) expire() int {
	if c.items.Len() == len(c.costs) {
		return 0
	}
	n := 0
	for key := range c.costs {
		if !c.items.Has(key) && c.remove(key) {
			n++
		}
	}
	c.stats.Expirations += int64(n)
	return n
}

// remove removes an entry of any age and reports whether it was there.
func (c *Cache) remove(key string) bool {
	cost, ok := c.costs[key]
	if !ok {
		return false
	}
	c.items.Delete(key)
	delete(c.costs, key)
	c.stats.Bytes -= cost
	return true
}

func (c *Cache) deletePrefix(prefix string) int {
	for key := range c.flights {
		if strings.HasPrefix(key, prefix) {
			c.detach(key)
		}
	}
	n := 0
	for key := range c.costs {
		if strings.HasPrefix(key, prefix) && c.remove(key) {
			n++
		}
	}
	c.stats.Deletions += int64(n)
	if len(c.costs) == 0 {
		// Maps never shrink; an empty cache starts over.
		c.costs = make(map[string]int64)
		c.items.DeleteAll()
		if c.sweeper != nil {
			c.sweeper.Stop()
			c.sweeper = nil
		}
	}
	return n
}

// sweep is the timer's function: it frees expired entries that nobody asks for.
func (c *Cache) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sweeper == nil {
		return
	}
	c.expire()
	if len(c.costs) == 0 {
		c.sweeper = nil
		return
	}
	c.sweeper.Reset(c.cfg.sweepEvery())
}
