package fhir

import (
	"context"
	"sync"
	"time"
)

// limiter bounds the requests to each host, and adapts: a host that answers 429 or 503 gets half as many, and one more
// for each round that goes well (additive increase, multiplicative decrease).
type limiter struct {
	most int

	mu    sync.Mutex
	hosts map[string]*hostLimit
}

// maxHosts bounds the map; hosts beyond it share a limit.
const maxHosts = 256

func newLimiter(most int) *limiter { return &limiter{most: most, hosts: make(map[string]*hostLimit)} }

func (l *limiter) host(name string) *hostLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hosts[name] == nil && len(l.hosts) >= maxHosts {
		name = ""
	}
	h := l.hosts[name]
	if h == nil {
		h = &hostLimit{most: float64(l.most), limit: float64(l.most), changed: make(chan struct{})}
		l.hosts[name] = h
	}
	return h
}

type hostLimit struct {
	most float64

	mu      sync.Mutex
	limit   float64
	inUse   int
	since   time.Time // when the limit was last cut
	paused  time.Time // no request before
	changed chan struct{}
}

// acquire waits for a slot and returns when it was given.
func (h *hostLimit) acquire(ctx context.Context) (time.Time, error) {
	for {
		h.mu.Lock()
		now := time.Now()
		pause := h.paused.Sub(now)
		if pause <= 0 && h.inUse < int(h.limit) {
			h.inUse++
			h.mu.Unlock()
			return now, nil
		}
		changed := h.changed
		h.mu.Unlock()

		var timer *time.Timer
		var waited <-chan time.Time
		if pause > 0 {
			timer = time.NewTimer(pause)
			waited = timer.C
		}
		select {
		case <-changed:
		case <-waited:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
		if err := ctx.Err(); err != nil {
			return now, err
		}
	}
}

// verdict is what an answer says about the host's load.
type verdict int

const (
	neutral verdict = iota
	served
	overloaded
)

// release gives a slot back that was acquired at start. Pause is what the host asked to wait.
func (h *hostLimit) release(start time.Time, v verdict, pause time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inUse--
	switch v {
	case served:
		h.limit = min(h.most, h.limit+1/h.limit)
	case overloaded:
		// Answers to requests that began before the last cut say nothing new.
		if !start.Before(h.since) {
			h.limit = max(1, h.limit/2)
			h.since = time.Now()
		}
		if until := time.Now().Add(pause); pause > 0 && until.After(h.paused) {
			h.paused = until
		}
	}
	close(h.changed)
	h.changed = make(chan struct{})
}
