package fhir

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// slots acquires as many slots as are free now.
func slots(t *testing.T, h *hostLimit) (n int, start time.Time) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		at, err := h.acquire(ctx)
		cancel()
		if err != nil {
			return n, start
		}
		n, start = n+1, at
	}
}

func TestLimitIsHalvedOnceARoundAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newLimiter(8).host("h")
		n, start := slots(t, h)
		if n != 8 {
			t.Fatalf("%d slots, want 8", n)
		}
		for range n { // all eight were refused: one cut
			h.release(start, overloaded, 0)
		}
		if n, start = slots(t, h); n != 4 {
			t.Errorf("%d slots after a refused round, want 4", n)
		}
		for range n {
			h.release(start, served, 0)
		}
		if n, start = slots(t, h); n != 4 && n != 5 {
			t.Errorf("%d slots after a served round, want one more at most", n)
		}
		for range 5 * n {
			h.release(start, served, 0)
			if _, err := h.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			h.release(start, served, 0)
		}
		if n, _ = slots(t, h); n != 8 {
			t.Errorf("%d slots after many served requests, want 8", n)
		}
		for range n { // each refused in a round of its own: never below one
			<-time.After(time.Second)
			h.release(time.Now(), overloaded, 0)
		}
		if n, _ = slots(t, h); n != 1 {
			t.Errorf("%d slots after many refusals, want 1", n)
		}
	})
}
