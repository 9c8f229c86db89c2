package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// start returns a started Checker of which every component was checked once.
func start(t *testing.T, components ...health.Component) *health.Checker {
	t.Helper()
	c := newChecker(t, components...)
	if err := c.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	if err := c.Wait(t.Context()); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	return c
}

func newChecker(t *testing.T, components ...health.Component) *health.Checker {
	t.Helper()
	c, err := health.New(health.Config{Components: components, Clock: func() time.Time { return noon }})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

// get asks a path of the Checker over HTTP.
func get(c *health.Checker, method, path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	c.Routes(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

type pinger struct{ err error }

func (p pinger) PingContext(context.Context) error { return p.err }

func active(n int, err error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return n, err }
}

func version(v string, err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return v, err }
}

func hitRate(p float64, err error) func(context.Context) (float64, error) {
	return func(context.Context) (float64, error) { return p, err }
}

func TestBodies(t *testing.T) {
	t.Parallel()
	down := fmt.Errorf("dial tcp 10.0.0.7:5432 (db.internal): %w", syscall.ECONNREFUSED)
	tests := []struct {
		name        string
		components  []health.Component
		health      string
		healthCode  int
		ready       string
		readyCode   int
		wantLogical health.Status
	}{
		{
			name: "all well",
			components: []health.Component{
				health.Database(pinger{}, active(5, nil)), health.FHIRServer(version("4.0.1", nil)), health.Cache(hitRate(85.5, nil)),
			},
			health: `{"status":"healthy","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"healthy","active_requests":5},` +
				`"fhir_server":{"status":"healthy","version":"4.0.1"},"cache":{"status":"healthy","hit_rate_percent":85.5}}}`,
			healthCode: 200, ready: `{"status":"ready","components":{"database":"ready","fhir_server":"ready"}}`, readyCode: 200,
		},
		{
			name: "FHIR server and cache down",
			components: []health.Component{
				health.Database(pinger{}, active(0, nil)), health.FHIRServer(version("", down)), health.Cache(hitRate(0, context.DeadlineExceeded)),
			},
			health: `{"status":"degraded","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"healthy","active_requests":0},` +
				`"fhir_server":{"status":"unhealthy","error":"refused"},"cache":{"status":"unhealthy","error":"timeout"}}}`,
			healthCode: 200, ready: `{"status":"ready","components":{"database":"ready","fhir_server":"not_ready"}}`, readyCode: 200,
		},
		{
			name:       "database down",
			components: []health.Component{health.Database(pinger{down}, active(5, nil)), health.FHIRServer(version("4.0.1", nil))},
			health: `{"status":"unhealthy","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"unhealthy","error":"refused"},` +
				`"fhir_server":{"status":"healthy","version":"4.0.1"}}}`,
			healthCode: 503, ready: `{"status":"not_ready","components":{"database":"not_ready","fhir_server":"ready"}}`, readyCode: 503,
		},
		{
			name:       "database answers, its requests cannot be counted",
			components: []health.Component{health.Database(pinger{}, active(0, errors.New(`relation "requests" does not exist`)))},
			health:     `{"status":"unhealthy","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"unhealthy","error":"error"}}}`,
			healthCode: 503, ready: `{"status":"not_ready","components":{"database":"not_ready"}}`, readyCode: 503,
		},
		{
			name: "FHIR server marked critical, down",
			components: []health.Component{
				health.Database(pinger{}, nil), {Name: "fhir_server", Critical: true, Check: health.FHIRServer(version("", down)).Check},
			},
			health: `{"status":"unhealthy","timestamp":"2026-11-23T12:00:00Z","components":{"database":{"status":"healthy"},` +
				`"fhir_server":{"status":"unhealthy","error":"refused"}}}`,
			healthCode: 503, ready: `{"status":"not_ready","components":{"database":"ready","fhir_server":"not_ready"}}`, readyCode: 503,
		},
		{
			name:       "no components",
			health:     `{"status":"healthy","timestamp":"2026-11-23T12:00:00Z","components":{}}`,
			healthCode: 200, ready: `{"status":"ready","components":{}}`, readyCode: 200,
		},
		{
			name: "details that cannot be shown are left out",
			components: []health.Component{{Name: "x", Check: func(context.Context) (map[string]any, error) {
				return map[string]any{
					"status": "fine", "error": "none", "Bad Name": 1, "nan": math.NaN(), "ch": make(chan int), "ok": "<1>",
				}, nil
			}}},
			health:     `{"status":"healthy","timestamp":"2026-11-23T12:00:00Z","components":{"x":{"status":"healthy","ok":"<1>"}}}`,
			healthCode: 200, ready: `{"status":"ready","components":{"x":"ready"}}`, readyCode: 200,
		},
		{
			name: "a server's version that is none",
			components: []health.Component{
				health.FHIRServer(version("<b>https://fhir.internal/</b>", nil)),
			},
			health:     `{"status":"healthy","timestamp":"2026-11-23T12:00:00Z","components":{"fhir_server":{"status":"healthy"}}}`,
			healthCode: 200, ready: `{"status":"ready","components":{"fhir_server":"ready"}}`, readyCode: 200,
		},
		{
			name: "a check that panics",
			components: []health.Component{{Name: "x", Check: func(context.Context) (map[string]any, error) {
				panic("secret")
			}}},
			health:     `{"status":"degraded","timestamp":"2026-11-23T12:00:00Z","components":{"x":{"status":"unhealthy","error":"panic"}}}`,
			healthCode: 200, ready: `{"status":"ready","components":{"x":"not_ready"}}`, readyCode: 200,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, tt.components...)
			for path, want := range map[string]struct {
				body string
				code int
			}{
				"/health":       {tt.health, tt.healthCode},
				"/health/ready": {tt.ready, tt.readyCode},
				"/health/live":  {`{"status":"alive"}`, 200},
			} {
				w := get(c, "GET", path)
				if diff := cmp.Diff(want.body, w.Body.String()); diff != "" {
					t.Errorf("GET %s (-want +got):\n%s", path, diff)
				}
				if w.Code != want.code {
					t.Errorf("GET %s: %d, want %d", path, w.Code, want.code)
				}
				if !json.Valid(w.Body.Bytes()) {
					t.Errorf("GET %s: not JSON", path)
				}
				if got := w.Header().Get("Content-Type"); got != "application/json" {
					t.Errorf("GET %s: Content-Type %q", path, got)
				}
				if got := w.Header().Get("Cache-Control"); got != "no-store" {
					t.Errorf("GET %s: Cache-Control %q", path, got)
				}
			}
			b := c.Bodies()
			if diff := cmp.Diff([]string{tt.health, `{"status":"alive"}`, tt.ready}, []string{string(b.Health), string(b.Live), string(b.Ready)}); diff != "" {
				t.Errorf("Bodies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	c := start(t)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		if got := get(c, method, "/health/live").Code; got != want {
			t.Errorf("%s /health/live: %d, want %d", method, got, want)
		}
	}
	if got := get(c, "GET", "/health/other").Code; got != 404 {
		t.Errorf("GET /health/other: %d, want 404", got)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	ok := func(context.Context) (map[string]any, error) { return nil, nil }
	tests := []struct {
		name       string
		components []health.Component
		want       string
	}{
		{"no name", []health.Component{{Check: ok}}, "health: component 0: name"},
		{"bad name", []health.Component{{Name: `a"b`, Check: ok}}, "health: component 0: name"},
		{"long name", []health.Component{{Name: strings.Repeat("a", 64), Check: ok}}, "health: component 0: name"},
		{"two of a name", []health.Component{{Name: "a", Check: ok}, {Name: "a", Check: ok}}, "health: component a: duplicate name"},
		{"no check", []health.Component{{Name: "a"}}, "health: component a: no Check"},
		{"negative interval", []health.Component{{Name: "a", Check: ok, Interval: -1}}, "health: component a: negative"},
		{"negative timeout", []health.Component{{Name: "a", Check: ok, Timeout: -1}}, "health: component a: negative"},
	}
	for _, tt := range tests {
		_, err := health.New(health.Config{Components: tt.components})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: New: %v, want %q", tt.name, err, tt.want)
		}
	}
}
