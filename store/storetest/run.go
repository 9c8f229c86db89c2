package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Run tests a backend: the contract of [orchestrator.Store] and the promises that rest on it. What
// needs several processes or SQL is skipped, loudly, where the backend does not offer it. reports takes
// a row per promise; it may be nil.
func Run(t *testing.T, b Backend, reports *Reports) {
	if reports == nil {
		reports = &Reports{}
	}
	for _, tt := range []struct {
		promise, what string
		test          func(t *testing.T, b Backend) (varied, runs int)
	}{
		{"R2", "owner killed (SIGKILL): taken over within lease + poll", takenOver},
		{"R3", "owner stopped past its lease (SIGSTOP), then resumed", fenced},
		{"R5", "64 goroutines x 2 processes decide, gates time out (porcupine)", decidedOnce},
		{"R7", "timers fire once, with three hosts; each driver call fails", timersFireOnce},
		{"R11", "graceful stop hands back, another host begins within 1 s", handedBack},
		{"R12", "a step that always panics, fails, times out, loses its host", failsForGood},
		{"R13", "definitions pinned, moved, unknown", upgrades},
		{"R14", "who may decide: table", fourEyes},
		{"R15", "contract of Store", contract},
		{"R16", "random histories (rapid)", randomHistories},
	} {
		t.Run(tt.promise, func(t *testing.T) {
			varied, runs := 0, 0
			defer func() { // also when the test gives up half way
				if runs > 0 || t.Failed() {
					reports.Add(Report{tt.promise, b.Name, tt.what, varied, runs, result(t)})
				}
			}()
			varied, runs = tt.test(t, b)
		})
	}
}

// open opens a store of a new database, closed when the test ends.
func open(t testing.TB, b Backend) (Database, Store) {
	t.Helper()
	db := b.New(t)
	return db, another(t, db)
}

func another(t testing.TB, db Database) Store {
	t.Helper()
	s, err := db.Open(t.Context(), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newOrchestrator(t testing.TB, s orchestrator.Store, opts ...orchestrator.Option) *orchestrator.Orchestrator {
	t.Helper()
	o, err := orchestrator.New(s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// start starts an orchestrator, stopped when the test ends.
func start(t testing.TB, o *orchestrator.Orchestrator) {
	t.Helper()
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := o.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func submit(t testing.TB, o *orchestrator.Orchestrator, title string) string {
	t.Helper()
	id, err := o.Submit(t.Context(), Sample(title))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func status(t testing.TB, o *orchestrator.Orchestrator, id string) *orchestrator.Request {
	t.Helper()
	r, err := o.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await waits until a request is as wanted, asking again and again.
func await(t testing.TB, o *orchestrator.Orchestrator, id, what string, within time.Duration, ok func(r *orchestrator.Request) bool) *orchestrator.Request {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		r := status(t, o, id)
		if ok(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not so after %v: state %s, outcome %q, parked %q, step %+v", what, within, r.State, r.Outcome, r.Parked, r.Step)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func checkRequest(t testing.TB, s orchestrator.Store, def *workflow.Definition, id string) {
	t.Helper()
	if err := Check(t.Context(), s, def, id); err != nil {
		t.Error(err)
	}
}

// oneStep is a definition with one step and nothing else.
func oneStep(retry workflow.RetryPolicy) *workflow.Definition {
	b := workflow.Define("one-step", "work")
	b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "review").Retry(retry)
	b.Gate("review", workflow.GateRule{Roles: []string{"boss"}}).
		On(workflow.EventApprove, workflow.Return).On(workflow.EventRetry, workflow.Return).
		On(workflow.EventReject, "end").On(workflow.EventModify, "work")
	b.Terminal("end")
	b.Anywhere(workflow.EventWithdraw, "end")
	d, err := b.Build()
	if err != nil {
		panic(err)
	}
	return d
}

// oneGate is a definition with one gate and nothing else.
func oneGate(rule workflow.GateRule) *workflow.Definition {
	b := workflow.Define("one-gate", "review")
	b.Gate("review", rule).On(workflow.EventApprove, "approved").On(workflow.EventReject, "rejected").
		On(workflow.EventModify, "modified")
	b.Terminal("approved").Terminal("rejected").Terminal("modified")
	d, err := b.Build()
	if err != nil {
		panic(err)
	}
	return d
}

// lines is a writer for logs of child processes and tests: any goroutine may use it.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
