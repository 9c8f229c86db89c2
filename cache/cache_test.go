package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// give is a load that returns value at once.
func give(value any, cost int64) cache.Load {
	return func(context.Context) (any, int64, error) { return value, cost, nil }
}

func mustNotLoad(t *testing.T) cache.Load {
	return func(context.Context) (any, int64, error) {
		t.Error("load ran, though the value should have come from memory")
		return nil, 0, nil
	}
}

func load(t *testing.T, c *cache.Cache, key string, l cache.Load) any {
	t.Helper()
	v, err := c.GetOrLoad(t.Context(), key, l)
	if err != nil {
		t.Fatalf("GetOrLoad(%q): %v", key, err)
	}
	return v
}

func TestTTL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		opts    cache.Config
		reads   []time.Duration // ages at which the entry is read before the last look
		age     time.Duration
		wantHit bool
	}{
		{name: "young", opts: cache.Config{TTL: time.Minute}, age: 59 * time.Second, wantHit: true},
		{name: "exactly as old as the TTL", opts: cache.Config{TTL: time.Minute}, age: time.Minute, wantHit: true},
		{name: "too old", opts: cache.Config{TTL: time.Minute}, age: time.Minute + 1},
		{name: "default TTL, young", age: cache.DefaultTTL - 1, wantHit: true},
		{name: "default TTL, too old", age: cache.DefaultTTL + 1},
		{name: "no expiry", opts: cache.Config{TTL: -1}, age: 1e6 * time.Hour, wantHit: true},
		{
			name: "a hit does not prolong a life", opts: cache.Config{TTL: time.Minute},
			reads: []time.Duration{20 * time.Second, 40 * time.Second, 59 * time.Second}, age: time.Minute + 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cache.New(tt.opts)
				defer c.Close()
				start := time.Now()
				load(t, c, "k", give("v", 1))
				for _, age := range tt.reads {
					<-time.After(age - time.Since(start))
					if _, ok := c.Get("k"); !ok {
						t.Errorf("Get at age %v: miss, want hit", age)
					}
				}
				<-time.After(tt.age - time.Since(start))
				if _, ok := c.Get("k"); ok != tt.wantHit {
					t.Errorf("Get at age %v: hit %v, want %v", tt.age, ok, tt.wantHit)
				}
			})
		})
	}
}

func TestExpiredEntriesAreFreedUnasked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{TTL: time.Minute})
		defer c.Close()
		c.Set("k", make([]byte, 1<<20), 1<<20)
		<-time.After(time.Minute + time.Minute/8 + time.Second)
		synctest.Wait()
		if got := c.Stats(); got.Size != 0 || got.Expirations != 1 {
			t.Errorf("Stats = %+v, want the entry gone", got)
		}
	})
}

func TestStaleWhileReloading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{TTL: time.Minute, StaleFor: time.Minute})
		defer c.Close()
		load(t, c, "k", give("old", 1))
		<-time.After(90 * time.Second)

		release := make(chan struct{})
		slow := func(context.Context) (any, int64, error) {
			<-release
			return "new", 1, nil
		}
		for range 3 { // answered at once, and one load begins
			if got := load(t, c, "k", slow); got != "old" {
				t.Errorf("under the stale allowance: got %v, want old", got)
			}
		}
		close(release)
		synctest.Wait()
		if got := load(t, c, "k", mustNotLoad(t)); got != "new" {
			t.Errorf("after the reload: got %v, want new", got)
		}
		if s := c.Stats(); s.Loads != 2 || s.Refreshes != 1 || s.StaleHits != 3 || s.Replacements != 1 {
			t.Errorf("Stats = %+v, want 2 loads, 1 refresh, 3 stale hits, 1 replacement", s)
		}

		<-time.After(2*time.Minute + 1) // beyond the allowance
		if got := load(t, c, "k", give("newest", 1)); got != "newest" {
			t.Errorf("beyond the allowance: got %v, want newest", got)
		}
	})
}

func TestGetHandsOutNothingStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{TTL: time.Minute, StaleFor: time.Minute})
		defer c.Close()
		load(t, c, "k", give("old", 1))
		<-time.After(time.Minute)
		if got, ok := c.Get("k"); got != "old" || !ok {
			t.Errorf("at the TTL: Get = %v, %v, want old, true", got, ok)
		}
		<-time.After(time.Nanosecond)
		if got, ok := c.Get("k"); got != nil || ok {
			t.Errorf("after the TTL: Get = %v, %v, want nothing: it loads no other", got, ok)
		}
		if s := c.Stats(); s.Hits != 1 || s.Misses != 2 || s.StaleHits != 0 || s.Size != 1 {
			t.Errorf("Stats = %+v, want 1 hit, 2 misses, and the entry kept for GetOrLoad", s)
		}
	})
}

func TestStaleEntrySurvivesAFailedReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{TTL: time.Minute, StaleFor: time.Minute})
		defer c.Close()
		load(t, c, "k", give("old", 1))
		<-time.After(90 * time.Second)
		fail := func(context.Context) (any, int64, error) { return nil, 0, errors.New("down") }
		for range 2 {
			if got := load(t, c, "k", fail); got != "old" {
				t.Errorf("got %v, want old", got)
			}
			synctest.Wait()
		}
		if s := c.Stats(); s.LoadErrors != 2 || s.Size != 1 {
			t.Errorf("Stats = %+v, want 2 load errors and the entry kept", s)
		}
	})
}

func TestOneLoadForManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{})
		defer c.Close()
		const callers = 100
		var loads atomic.Int64
		release := make(chan struct{})
		slow := func(context.Context) (any, int64, error) {
			loads.Add(1)
			<-release
			return "v", 1, nil
		}
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				if v, err := c.GetOrLoad(t.Context(), "k", slow); v != "v" || err != nil {
					t.Errorf("GetOrLoad = %v, %v, want v, nil", v, err)
				}
			})
		}
		synctest.Wait()
		if got := c.Stats().InFlight; got != 1 {
			t.Errorf("InFlight = %d, want 1", got)
		}
		close(release)
		wg.Wait()
		if got := loads.Load(); got != 1 {
			t.Errorf("%d loads for %d callers, want 1", got, callers)
		}
		if s := c.Stats(); s.Misses != callers || s.Joined != callers-1 || s.Loads != 1 || s.Hits != 0 {
			t.Errorf("Stats = %+v", s)
		}
	})
}

func TestCancelledCallerFailsAlone(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprintf("the first caller leaves: %v", first), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cache.New(cache.Config{})
				defer c.Close()
				release := make(chan struct{})
				slow := func(ctx context.Context) (any, int64, error) {
					select {
					case <-release:
						return "v", 1, nil
					case <-ctx.Done():
						return nil, 0, ctx.Err()
					}
				}
				leaving, cancel := context.WithCancel(t.Context())
				ctxs := []context.Context{leaving, t.Context()}
				want := []error{context.Canceled, nil}
				if !first {
					ctxs[0], ctxs[1] = ctxs[1], ctxs[0]
					want[0], want[1] = want[1], want[0]
				}
				got := make([]error, 2)
				var wg sync.WaitGroup
				for i, ctx := range ctxs {
					wg.Go(func() { _, got[i] = c.GetOrLoad(ctx, "k", slow) })
					synctest.Wait()
				}
				cancel()
				synctest.Wait()
				close(release)
				wg.Wait()
				for i := range want {
					if !errors.Is(got[i], want[i]) {
						t.Errorf("caller %d: %v, want %v", i, got[i], want[i])
					}
				}
				if _, ok := c.Get("k"); !ok {
					t.Error("the value was not kept")
				}
			})
		})
	}
}

func TestLoadIsCancelledWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{})
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended, finish := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.GetOrLoad(ctx, "k", func(ctx context.Context) (any, int64, error) {
				<-ctx.Done()
				close(ended)
				<-finish // slow to notice
				return "late", 1, nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("GetOrLoad: %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		cancel()
		<-ended
		wg.Wait()
		// A caller who comes while the cancelled load still runs gets a load of its own.
		if got := load(t, c, "k", give("fresh", 1)); got != "fresh" {
			t.Errorf("got %v, want fresh", got)
		}
		close(finish)
		synctest.Wait()
		if got, _ := c.Get("k"); got != "fresh" {
			t.Errorf("the abandoned load overwrote the entry: got %v", got)
		}
	})
}

func TestLoadSeesValuesOfTheFirstContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	c := cache.New(cache.Config{})
	defer c.Close()
	ctx := context.WithValue(t.Context(), key{}, "trace")
	v, err := c.GetOrLoad(ctx, "k", func(ctx context.Context) (any, int64, error) { return ctx.Value(key{}), 1, nil })
	if v != "trace" || err != nil {
		t.Errorf("GetOrLoad = %v, %v, want the context's value", v, err)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	tests := []struct {
		name string
		load cache.Load
		want func(error) bool
	}{
		{"error", func(context.Context) (any, int64, error) { return "half", 1, down }, func(err error) bool { return err == down }},
		{"panic", func(context.Context) (any, int64, error) { panic("CANARY") }, func(err error) bool {
			pe, ok := errors.AsType[*cache.PanicError](err)
			return ok && pe.Value == "CANARY" && len(pe.Stack) > 0 && !strings.Contains(err.Error(), "CANARY")
		}},
		{"panic with an error", func(context.Context) (any, int64, error) { panic(down) }, func(err error) bool { return errors.Is(err, down) }},
		{"goexit", func(context.Context) (any, int64, error) { runtime.Goexit(); return nil, 0, nil }, func(err error) bool { return err != nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := cache.New(cache.Config{})
			defer c.Close()
			v, err := c.GetOrLoad(t.Context(), "k", tt.load)
			if v != nil || !tt.want(err) {
				t.Errorf("GetOrLoad = %v, %v", v, err)
			}
			if got := load(t, c, "k", give("good", 1)); got != "good" {
				t.Errorf("the next load: got %v, want good", got)
			}
			if s := c.Stats(); s.LoadErrors != 1 || s.Loads != 2 || s.Misses != 2 || s.Size != 1 {
				t.Errorf("Stats = %+v", s)
			}
		})
	}
}

func TestEndedContextLoadsNothing(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{})
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.GetOrLoad(ctx, "k", mustNotLoad(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("GetOrLoad: %v, want context.Canceled", err)
	}
	if diff := cmp.Diff(cache.Stats{MaxBytes: cache.DefaultMaxBytes}, c.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
}
