package cache

import "time"

// Defaults of [Config].
const (
	DefaultTTL      = 5 * time.Minute
	DefaultMaxBytes = 256 << 20
)

// entryOverhead is the cost of an entry besides its value and the text of its key: the item of ttlcache, the element
// of its list, the slots in three maps and in the expiration queue. TestMemoryStaysWithinBudget measures it.
const entryOverhead = 640

// Config configures a [Cache]. The zero value is ready to use.
type Config struct {
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

func (c Config) withDefaults() Config {
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	c.StaleFor = max(c.StaleFor, 0)
	return c
}

// sweepEvery is the interval at which expired entries are removed while the cache is not empty.
func (c Config) sweepEvery() time.Duration {
	return max((c.TTL+c.StaleFor)/8, time.Second)
}
