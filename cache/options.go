package cache

import "time"

// Defaults of [Options].
const (
	DefaultTTL      = 5 * time.Minute
	DefaultMaxBytes = 256 << 20
)

// entryOverhead is the cost of an entry besides its value and the text of its key: the item of ttlcache, the element
// of its list, the slots in three maps and in the expiration queue. TestMemoryStaysWithinBudget measures it.
const entryOverhead = 640

// Options configures a [Cache]. The zero value is ready to use.
type Options struct {
	// TTL is the maximum age of a value, counted from the end of its load. Zero means [DefaultTTL]; a negative value means
	// that entries do not expire.
	TTL time.Duration

	// StaleFor lets [Cache.GetOrLoad] return an entry that is older than TTL by at most this much, while one load in the
	// background gets a new value. Zero, the default, means never.
	StaleFor time.Duration

	// MaxBytes is the budget for all entries: their costs as given by the callers, their keys and a fixed
	// overhead for each. When it is exhausted, the least recently used entries are evicted. Zero means [DefaultMaxBytes];
	// a negative value means no limit.
	MaxBytes int64
}

func (o Options) withDefaults() Options {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	o.StaleFor = max(o.StaleFor, 0)
	return o
}

// sweepEvery is the interval at which expired entries are removed while the cache is not empty.
func (o Options) sweepEvery() time.Duration {
	return max((o.TTL+o.StaleFor)/8, time.Second)
}
