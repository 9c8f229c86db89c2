package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"testing"

	"github.com/researchflow/researchflow/cache"
)

func TestOversizedValueIsNotKeptAndEvictsNothing(t *testing.T) {
	t.Parallel()
	for _, cost := range []int64{100_000, 100_001, math.MaxInt64} {
		c := cache.New(cache.Config{MaxBytes: 100_000})
		defer c.Close()
		for i := range 10 {
			if !c.Set(strconv.Itoa(i), i, 1000) {
				t.Fatalf("Set(%d) was not kept", i)
			}
		}
		if got := load(t, c, "big", give("v", cost)); got != "v" {
			t.Errorf("the caller got %v, want its value", got)
		}
		if c.Set("big", "v", cost) {
			t.Errorf("Set kept a value of %d bytes in a budget of 100000", cost)
		}
		for i := range 10 {
			if _, ok := c.Get(strconv.Itoa(i)); !ok {
				t.Errorf("cost %d: entry %d was evicted", cost, i)
			}
		}
		if _, ok := c.Get("big"); ok {
			t.Error("the oversized value was kept")
		}
		if s := c.Stats(); s.TooLarge != 2 || s.Evictions != 0 || s.Size != 10 {
			t.Errorf("Stats = %+v", s)
		}
	}
}

func TestOversizedSetRemovesTheOutdatedValue(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: 10_000})
	defer c.Close()
	c.Set("k", "old", 1)
	c.Set("k", "new", 1_000_000)
	if v, ok := c.Get("k"); ok {
		t.Errorf("Get = %v, want nothing", v)
	}
	if s := c.Stats(); s.Bytes != 0 || s.Size != 0 || s.Deletions != 1 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: 50_000})
	defer c.Close()
	for _, k := range []string{"a", "b", "c", "d"} {
		c.Set(k, k, 10_000)
	}
	c.Get("a") // now b is the oldest
	c.Set("e", "e", 10_000)
	for k, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "e": true} {
		if _, got := c.Get(k); got != want {
			t.Errorf("Get(%s): kept %v, want %v", k, got, want)
		}
	}
	if s := c.Stats(); s.Evictions != 1 || s.Size != 4 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestReplacingKeepsTheBooksRight(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: 50_000})
	defer c.Close()
	c.Set("k", 1, 10_000)
	first := c.Stats().Bytes
	c.Set("k", 2, 30_000)
	if got, want := c.Stats().Bytes-first, int64(20_000); got != want {
		t.Errorf("bytes grew by %d, want %d", got, want)
	}
	c.Set("k", 3, -5)
	if got := c.Stats().Bytes; got <= 0 || got > 2000 {
		t.Errorf("Bytes = %d after a value without cost", got)
	}
	c.Delete("k")
	if got := c.Stats().Bytes; got != 0 {
		t.Errorf("Bytes = %d in an empty cache", got)
	}
}

func TestNoBudget(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{MaxBytes: -1})
	defer c.Close()
	if !c.Set("k", "v", 1<<50) {
		t.Error("a cache without a budget refused a value")
	}
}

// Not parallel: it measures the heap of the process.
func TestMemoryStaysWithinBudget(t *testing.T) {
	for _, size := range []int{16, 4096, 100_000} {
		t.Run(fmt.Sprintf("values of %d bytes", size), func(t *testing.T) {
			const budget = 16 << 20
			before := heap()
			c := cache.New(cache.Config{MaxBytes: budget})
			for i := range 2 * budget / (size + 600) {
				key := "server|tenant|view|" + strconv.Itoa(i)
				_, err := c.GetOrLoad(t.Context(), key, func(context.Context) (any, int64, error) {
					return make([]byte, size), int64(size), nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := c.Stats().Bytes; got > budget {
					t.Fatalf("accounted %d bytes, budget %d", got, budget)
				}
			}
			used := heap() - before
			t.Logf("budget %d, accounted %d, heap %d, entries %d", budget, c.Stats().Bytes, used, c.Stats().Size)
			if used > budget+budget/10 {
				t.Errorf("heap grew by %d bytes, budget %d + 10 %%", used, budget)
			}
			if c.Stats().Evictions == 0 {
				t.Error("nothing was evicted: the test fills too little")
			}
			runtime.KeepAlive(c)
			c.Close()
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestClose(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{})
	c.Set("k", "v", 1)
	started := make(chan struct{})
	got := make(chan error, 1)
	go func() {
		_, err := c.GetOrLoad(context.Background(), "slow", func(ctx context.Context) (any, int64, error) {
			close(started)
			<-ctx.Done()
			return nil, 0, ctx.Err()
		})
		got <- err
	}()
	<-started
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := <-got; !errors.Is(err, cache.ErrClosed) {
		t.Errorf("the load under way: %v, want ErrClosed", err)
	}
	if _, ok := c.Get("k"); ok {
		t.Error("Get found something in a closed cache")
	}
	if c.Set("k", "v", 1) {
		t.Error("Set kept something in a closed cache")
	}
	if _, err := c.GetOrLoad(t.Context(), "k", mustNotLoad(t)); !errors.Is(err, cache.ErrClosed) {
		t.Errorf("GetOrLoad: %v, want ErrClosed", err)
	}
	if s := c.Stats(); s.Size != 0 || s.Bytes != 0 || s.InFlight != 0 {
		t.Errorf("Stats = %+v", s)
	}
}
