package chaos

import (
	"context"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store/storetest"
)

// waitLong is a generous timeout for something that takes no time on an idle machine.
const waitLong = time.Minute

// Promises tests the promises that need no failing driver calls, each in a subtest with its name, and adds a row for
// each to reports. ([Atomic] and [Killed] test R1, R4, R6 and R10.)
func Promises(t *testing.T, b Backend, reports *Reports) {
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

// contract is R15. It counts the databases that the contract asks for: one for each part.
func contract(t *testing.T, b Backend) (int, int) {
	parts := 0
	database := b.factory()
	storetest.Run(t, func(tb testing.TB) func() orchestrator.Store {
		parts++
		return database(tb)
	})
	return parts, parts
}

// randomHistories is R16.
func randomHistories(t *testing.T, b Backend) (int, int) {
	return storetest.RandomHistories(t, b.factory())
}

// factory makes the databases for the contract.
func (b Backend) factory() storetest.Factory {
	return func(tb testing.TB) func() orchestrator.Store {
		db := b.New(tb)
		return func() orchestrator.Store { return another(tb, db) }
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

// await waits until ok returns true for the request, and returns it.
func await(t testing.TB, o *orchestrator.Orchestrator, id, what string, within time.Duration, ok func(r *orchestrator.Request) bool) *orchestrator.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var r *orchestrator.Request
	err := lifetest.Poll(ctx, func() (bool, error) {
		r = lifetest.Status(t, o, id)
		return ok(r), nil
	})
	if err != nil {
		t.Fatalf("%s is not so after %v: state %s, outcome %q, parked %q, step %+v", what, within, r.State, r.Outcome, r.Parked, r.Step)
	}
	return r
}

func checkRequest(t testing.TB, s orchestrator.Store, def *workflow.Definition, id string) {
	t.Helper()
	if err := storetest.Check(t.Context(), s, def, id); err != nil {
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
