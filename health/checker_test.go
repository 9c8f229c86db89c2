package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/researchflow/researchflow/health"
)

// hang is a check that ignores its context until release is closed.
func hang(started *atomic.Int64, release chan struct{}) health.Component {
	return health.Component{Name: "slow", Critical: true, Check: func(context.Context) (map[string]any, error) {
		started.Add(1)
		<-release
		return nil, nil
	}}
}

func TestProbeAnswersWhileADependencyHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int64
		release := make(chan struct{})
		c := newChecker(t, hang(&started, release), health.Cache(hitRate(50, nil)))
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := []string{"not_checked", "timeout", "timeout"}
		for i, pause := range []time.Duration{0, health.DefaultTimeout + time.Second, time.Hour} {
			<-time.After(pause)
			synctest.Wait()
			began := time.Now()
			w := get(c, "GET", "/health")
			if took := time.Since(began); took != 0 { // synctest's clock only moves when everybody waits
				t.Errorf("the probe waited %v for a hanging check", took)
			}
			if w.Code != 503 || !strings.Contains(w.Body.String(), `"slow":{"status":"unhealthy","error":"`+want[i]+`"}`) {
				t.Errorf("GET /health: %d %s, want slow: %s", w.Code, w.Body, want[i])
			}
			if !strings.Contains(w.Body.String(), `"cache":{"status":"healthy","hit_rate_percent":50}`) {
				t.Errorf("GET /health: %s: the other component suffers", w.Body)
			}
		}
		if got := started.Load(); got != 1 {
			t.Errorf("a hanging check was started %d times, want 1", got)
		}

		stopping, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Stop(stopping); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop with a hanging check: %v, want context.DeadlineExceeded", err)
		}
		close(release)
		if err := c.Stop(t.Context()); err != nil {
			t.Errorf("Stop once the check has returned: %v", err)
		}
	})
}

func TestHangingCheckRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int64
		release := make(chan struct{})
		c := newChecker(t, hang(&started, release))
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		close(release)
		<-time.After(health.DefaultInterval + health.DefaultTimeout)
		synctest.Wait()
		if b := c.Bodies(); !b.IsReady || b.Status != health.Healthy {
			t.Errorf("after recovery: %s", b.Health)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyProbesCostOneCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int64
		c := start(t, health.Component{Name: "database", Critical: true, Check: func(context.Context) (map[string]any, error) {
			checks.Add(1)
			return nil, nil
		}})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if w := get(c, "GET", "/health/ready"); w.Code != 200 {
					t.Errorf("GET /health/ready: %d", w.Code)
				}
			})
		}
		wg.Wait()
		if got := checks.Load(); got != 1 {
			t.Errorf("%d checks for 1000 probes, want 1", got)
		}
		<-time.After(3*health.DefaultInterval + time.Second)
		if got := checks.Load(); got != 4 {
			t.Errorf("%d checks after three intervals, want 4", got)
		}
	})
}

func TestStatusFollowsTheComponent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var down atomic.Bool
		c, err := health.New(health.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Components: []health.Component{{Name: "database", Critical: true, Check: func(context.Context) (map[string]any, error) {
				if down.Load() {
					return nil, errors.New("CANARY https://db.internal")
				}
				return map[string]any{"active_requests": 1}, nil
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false, false, true, true} {
			down.Store(!want)
			<-time.After(health.DefaultInterval + time.Second)
			synctest.Wait()
			if got := c.Bodies(); got.IsReady != want {
				t.Errorf("ready %v, want %v: %s", got.IsReady, want, got.Ready)
			}
		}
		if err := c.Refresh(t.Context()); err != nil {
			t.Errorf("Refresh: %v", err)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(log.String(), "component changed"); got != 3 {
			t.Errorf("%d log records, want 3 (up, down, up):\n%s", got, &log)
		}
		if strings.Contains(log.String(), "CANARY") || !strings.Contains(log.String(), "error_class=error") {
			t.Errorf("the log must name the class and nothing else:\n%s", &log)
		}
	})
}

func TestNotReadyBeforeTheFirstCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newChecker(t, health.Component{Name: "database", Critical: true, Check: func(context.Context) (map[string]any, error) {
			<-release
			return nil, nil
		}})
		const notReady = `{"status":"not_ready","components":{"database":"not_ready"}}`
		check := func(when string, wantCode int, wantBody string) {
			t.Helper()
			synctest.Wait()
			w := get(c, "GET", "/health/ready")
			if w.Code != wantCode || w.Body.String() != wantBody {
				t.Errorf("%s: GET /health/ready: %d %s, want %d %s", when, w.Code, w.Body, wantCode, wantBody)
			}
			if w := get(c, "GET", "/health/live"); w.Code != 200 {
				t.Errorf("%s: GET /health/live: %d, want 200", when, w.Code)
			}
		}
		check("before Start", 503, notReady)
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("during the first check", 503, notReady)
		close(release)
		check("after the first check", 200, `{"status":"ready","components":{"database":"ready"}}`)
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("after Stop", 503, notReady)
	})
}

func TestStartAndStopInAnyOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var checks atomic.Int64
		c := newChecker(t, health.Component{Name: "x", Check: func(context.Context) (map[string]any, error) {
			checks.Add(1)
			return nil, nil
		}})
		if err := c.Wait(t.Context()); !errors.Is(err, health.ErrNotStarted) {
			t.Errorf("Wait before Start: %v, want ErrNotStarted", err)
		}
		if err := c.Refresh(t.Context()); !errors.Is(err, health.ErrNotStarted) {
			t.Errorf("Refresh before Start: %v, want ErrNotStarted", err)
		}
		steps := []struct {
			name string
			do   func(context.Context) error
			want int64 // checks so far
		}{
			{"Stop", c.Stop, 0},
			{"Start", c.Start, 1},
			{"Start", c.Start, 1},
			{"Wait", c.Wait, 1},
			{"Refresh", c.Refresh, 2},
			{"Stop", c.Stop, 2},
			{"Stop", c.Stop, 2},
			{"Start", c.Start, 3},
			{"Stop", c.Stop, 3},
		}
		for i, s := range steps {
			if err := s.do(t.Context()); err != nil {
				t.Errorf("step %d, %s: %v", i, s.name, err)
			}
			synctest.Wait()
			if got := checks.Load(); got != s.want {
				t.Errorf("step %d, %s: %d checks, want %d", i, s.name, got, s.want)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Start(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Start with an ended context: %v", err)
		}
	})
}

func TestWaitAndRefreshEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := newChecker(t, health.Component{Name: "x", Timeout: time.Hour, Check: func(ctx context.Context) (map[string]any, error) {
			if calls.Add(1) == 2 {
				return nil, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v, want context.DeadlineExceeded", err)
		}
		if err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Refresh: %v, want context.DeadlineExceeded", err)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStopEndsARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChecker(t, health.Component{Name: "x", Timeout: time.Hour, Check: func(ctx context.Context) (map[string]any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		refreshed := make(chan error, 1)
		go func() { refreshed <- c.Refresh(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		if err := c.Stop(t.Context()); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("Stop took %v, want no waiting for the refresh", took)
		}
		if err := <-refreshed; !errors.Is(err, health.ErrNotStarted) {
			t.Errorf("Refresh: %v, want ErrNotStarted", err)
		}
	})
}

func TestStopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newChecker(t, health.Component{Name: "x", Check: func(context.Context) (map[string]any, error) {
			<-release
			return nil, nil
		}})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := make(chan error, 1)
		go func() { first <- c.Stop(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		second := make(chan error, 1)
		go func() { second <- c.Stop(ctx) }()
		<-time.After(2 * time.Second)
		synctest.Wait()
		select {
		case err := <-second:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the second Stop: %v, want context.DeadlineExceeded", err)
			}
		default:
			t.Error("the second Stop waits beyond its context")
		}
		close(release)
		if err := <-first; err != nil {
			t.Errorf("the first Stop: %v", err)
		}
	})
}

// TestHammer uses one Checker from many goroutines, for the race detector.
func TestHammer(t *testing.T) {
	t.Parallel()
	c := newChecker(t, health.Component{Name: "x", Interval: time.Microsecond, Check: func(context.Context) (map[string]any, error) {
		return map[string]any{"n": 1}, nil
	}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				switch i {
				case 0:
					_ = c.Start(t.Context())
				case 1:
					_ = c.Stop(t.Context())
				case 2:
					if err := c.Refresh(t.Context()); err != nil && !errors.Is(err, health.ErrNotStarted) {
						t.Errorf("Refresh: %v", err)
					}
				default:
					if w := get(c, "GET", "/health"); w.Code != 200 {
						t.Errorf("GET /health: %d %s", w.Code, w.Body)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
