package cache_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/researchflow/researchflow/cache"
)

func TestInvalidationDuringALoad(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		invalidate func(*cache.Cache)
		wantKept   any // under tenant/k, after everything
	}{
		{"Delete", func(c *cache.Cache) { c.Delete("tenant/k") }, nil},
		{"DeletePrefix", func(c *cache.Cache) { c.DeletePrefix("tenant/") }, nil},
		{"Purge", func(c *cache.Cache) { c.Purge() }, nil},
		{"Set", func(c *cache.Cache) { c.Set("tenant/k", "newer", 1) }, "newer"},
		{"another key", func(c *cache.Cache) { c.Delete("tenant/other"); c.DeletePrefix("x") }, "old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cache.New(cache.Config{})
				defer c.Close()
				release := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					v, err := c.GetOrLoad(t.Context(), "tenant/k", func(context.Context) (any, int64, error) {
						<-release
						return "old", 1, nil
					})
					if v != "old" || err != nil {
						t.Errorf("the caller from before: %v, %v, want old", v, err)
					}
				})
				synctest.Wait()
				tt.invalidate(c)
				close(release)
				wg.Wait()
				got, _ := c.Get("tenant/k")
				if got != tt.wantKept {
					t.Errorf("kept %v, want %v", got, tt.wantKept)
				}
			})
		})
	}
}

func TestCallerAfterInvalidationLoadsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(cache.Config{})
		defer c.Close()
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			load(t, c, "k", func(context.Context) (any, int64, error) {
				<-release
				return "old", 1, nil
			})
		})
		synctest.Wait()
		c.Delete("k")
		if got := load(t, c, "k", give("new", 1)); got != "new" {
			t.Errorf("got %v, want new", got)
		}
		close(release)
		wg.Wait()
		synctest.Wait()
		if got, _ := c.Get("k"); got != "new" {
			t.Errorf("the old load came back: got %v", got)
		}
		if s := c.Stats(); s.Outdated != 1 || s.Loads != 2 {
			t.Errorf("Stats = %+v", s)
		}
	})
}

func TestDeletePrefix(t *testing.T) {
	t.Parallel()
	c := cache.New(cache.Config{})
	defer c.Close()
	for _, k := range []string{"a/1", "a/2", "ab", "b/1"} {
		c.Set(k, k, 1)
	}
	if got := c.DeletePrefix("a/"); got != 2 {
		t.Errorf("DeletePrefix = %d, want 2", got)
	}
	for k, want := range map[string]bool{"a/1": false, "a/2": false, "ab": true, "b/1": true} {
		if _, got := c.Get(k); got != want {
			t.Errorf("Get(%s): %v, want %v", k, got, want)
		}
	}
	c.Purge()
	if s := c.Stats(); s.Size != 0 || s.Bytes != 0 || s.Deletions != 4 {
		t.Errorf("Stats after Purge = %+v", s)
	}
	// ttlcache's DeleteAll forgets to reset the cost; the budget must be whole again.
	if !c.Set("k", "v", cache.DefaultMaxBytes-10_000) || c.Stats().Evictions != 0 {
		t.Errorf("after Purge the budget is not whole: %+v", c.Stats())
	}
}
