package cache_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/cache"
)

func TestHitRatePercent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hits, misses int
		want         float64
	}{
		{0, 0, 0}, {0, 1, 0}, {1, 0, 100}, {1, 1, 50}, {2, 1, 66.7}, {1, 2, 33.3}, {6, 1, 85.7}, {171, 29, 85.5},
	}
	for _, tt := range tests {
		c := cache.New(cache.Config{})
		c.Set("k", "v", 1)
		for range tt.hits {
			c.Get("k")
		}
		for range tt.misses {
			c.Get("absent")
		}
		if got := c.Stats().HitRatePercent; got != tt.want {
			t.Errorf("%d hits, %d misses: HitRatePercent = %v, want %v", tt.hits, tt.misses, got, tt.want)
		}
		c.Close()
	}
}

func TestStatsOfASequence(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: 10_000})
	defer c.Close()
	load(t, c, "a", give(1, 1000))                                            // miss, load, store
	load(t, c, "a", mustNotLoad(t))                                           // hit
	c.Set("a", 2, 1000)                                                       // store, replacement
	c.GetOrLoad(t.Context(), "e", func(context.Context) (any, int64, error) { // miss, load, error
		return nil, 0, errors.New("down")
	})
	load(t, c, "big", give(1, 20_000)) // miss, load, too large
	load(t, c, "b", give(1, 7000))     // miss, load, store
	load(t, c, "c", give(1, 7000))     // miss, load, store, two evictions
	c.Get("a")                         // miss
	c.Delete("c")                      // deletion
	c.Delete("c")                      // nothing
	want := cache.Stats{
		Hits: 1, Misses: 6, Loads: 5, LoadErrors: 1, Stores: 4, Replacements: 1, TooLarge: 1,
		Evictions: 2, Deletions: 1, MaxBytes: 10_000, HitRatePercent: 14.3,
	}
	if diff := cmp.Diff(want, c.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}

// TestHammer does everything from many goroutines at once and then checks that the figures add up.
func TestHammer(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: 60_000, TTL: 3 * time.Millisecond, StaleFor: time.Millisecond})
	const workers, rounds = 8, 3000
	var gets, getHits, loadsRun, loadCalls, loadFailures, cancelled atomic.Int64
	down := errors.New("down")
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range rounds {
				key := strconv.Itoa(rnd.IntN(64))
				switch op := rnd.IntN(100); {
				case op < 70:
					ctx, cancel := context.WithCancel(t.Context())
					fail, leave := rnd.IntN(10) == 0, rnd.IntN(10) == 0
					if leave {
						go cancel()
					}
					loadCalls.Add(1)
					v, err := c.GetOrLoad(ctx, key, func(context.Context) (any, int64, error) {
						loadsRun.Add(1)
						if fail {
							loadFailures.Add(1)
							return nil, 0, down
						}
						return key, int64(i % 2000), nil
					})
					switch {
					case err == nil && v != key:
						t.Errorf("GetOrLoad(%s) = %v: the value of another key", key, v)
					case err == nil || errors.Is(err, down):
					case leave && errors.Is(err, context.Canceled):
						cancelled.Add(1)
					default:
						t.Errorf("GetOrLoad: %v", err)
					}
					cancel()
				case op < 85:
					gets.Add(1)
					if v, ok := c.Get(key); ok {
						getHits.Add(1)
						if v != key {
							t.Errorf("Get(%s) = %v: the value of another key", key, v)
						}
					}
				case op < 93:
					c.Set(key, key, int64(i%2000))
				case op < 97:
					c.Delete(key)
				case op < 99:
					c.DeletePrefix(key[:1])
				default:
					if got := c.Stats(); got.Bytes > 60_000 || got.Bytes < 0 {
						t.Errorf("Bytes = %d, budget 60000", got.Bytes)
					}
				}
			}
		})
	}
	wg.Wait()
	c.Close()
	s := c.Stats()
	t.Logf("%+v; cancelled %d", s, cancelled.Load())
	check := func(what string, got, want int64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	check("loads", s.Loads, loadsRun.Load())
	check("load errors", s.LoadErrors, loadFailures.Load())
	check("misses", s.Misses, s.Loads-s.Refreshes+s.Joined+gets.Load()-getHits.Load())
	check("size", s.Size, s.Stores-s.Replacements-s.Evictions-s.Expirations-s.Deletions)
	check("size after Close", s.Size, 0)
	check("bytes after Close", s.Bytes, 0)
	check("in flight", s.InFlight, 0)
	// A call whose context had ended beforehand is no lookup.
	if lookups := s.Hits + s.Misses; lookups > gets.Load()+loadCalls.Load() || lookups < gets.Load()+loadCalls.Load()-cancelled.Load() {
		t.Errorf("lookups = %d for %d calls, %d of them cancelled", lookups, gets.Load()+loadCalls.Load(), cancelled.Load())
	}
}
