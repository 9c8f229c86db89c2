package orchestrator_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(t testing.TB, opts ...store.Option) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "rf.db"), opts...)
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

// TestStartAndStopInAnyOrder: no order, and no number at once, hangs, fails, or leaves anything running.
func TestStartAndStopInAnyOrder(t *testing.T) {
	s := openStore(t)
	o := newOrchestrator(t, s, lifetest.Steps(nil)...)
	ctx := t.Context()
	for _, call := range []func(context.Context) error{o.Stop, o.Start, o.Start, o.Stop, o.Stop, o.Start, o.Stop} {
		if err := call(ctx); err != nil {
			t.Fatal(err)
		}
	}
	id, err := o.Submit(ctx, lifetest.Sample("stress"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				call := o.Start
				if rand.IntN(2) == 0 {
					call = o.Stop
				}
				if err := call(ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := o.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := lifetest.Finish(ctx, o, id); err != nil {
		t.Error(err)
	}
	if err := storetest.Check(ctx, s, workflow.Default(), id); err != nil {
		t.Error(err)
	}
}

func TestStopGivesUpWaitingWhenItsContextEnds(t *testing.T) {
	s := openStore(t)
	began, stop := make(chan struct{}, 2), make(chan struct{})
	o := newOrchestrator(t, s, orchestrator.WithStep(workflow.StepRequirements, orchestrator.StepFunc(
		func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			began <- struct{}{}
			<-stop // it does not listen to its context
			return orchestrator.StepResult{Event: workflow.EventComplete}, nil
		})))
	if _, err := o.Submit(t.Context(), lifetest.Sample("deaf")); err != nil {
		t.Fatal(err)
	}
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: got %v, want Canceled", err)
	}
	if err := o.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Start while it still stops: got %v, want Canceled", err)
	}
	close(stop)
	if err := o.Start(t.Context()); err != nil {
		t.Errorf("Start again: %v", err)
	}
	id, err := o.Submit(t.Context(), lifetest.Sample("after that"))
	if err != nil {
		t.Fatal(err)
	}
	for h, err := range o.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if h.To == workflow.StateRequirementsReview {
			break
		}
	}
	if err := o.Stop(t.Context()); err != nil {
		t.Errorf("Stop again: %v", err)
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	s := openStore(t)
	bad := workflow.Default()
	bad.Initial = "nowhere"
	for _, tt := range []struct {
		name, want string
		store      orchestrator.Store
		opts       []orchestrator.Option
	}{
		{"no store", "no store", nil, nil},
		{"definition", "initial names no state", s, []orchestrator.Option{orchestrator.WithDefinition(bad)}},
		{"lease", "the lease is shorter than 100 ms", s, []orchestrator.Option{orchestrator.WithLease(time.Millisecond)}},
		{"poll", "the poll interval is not positive", s, []orchestrator.Option{orchestrator.WithPoll(0)}},
		{"grace", "the grace period is negative", s, []orchestrator.Option{orchestrator.WithGrace(-1)}},
		{"concurrency", "the concurrency is below 1", s, []orchestrator.Option{orchestrator.WithConcurrency(0)}},
		{"handler", "step extract_data has no handler", s, []orchestrator.Option{orchestrator.WithStep("extract_data", nil)}},
		{"step's concurrency", "the concurrency of step x is negative", s, []orchestrator.Option{orchestrator.WithStep("x", orchestrator.StepFunc(nil), orchestrator.StepConcurrency(-1))}},
		{"instance", "the instance name is longer than 100 characters", s, []orchestrator.Option{orchestrator.WithInstance("a b")}},
		{"step's name", `"Extract data" is not a name of a step`, s, []orchestrator.Option{orchestrator.WithStep("Extract data", orchestrator.StepFunc(nil))}},
		{"tenant", "the tenant's name is not UTF-8", s, []orchestrator.Option{orchestrator.WithTenant("a\xff")}},
		{"hook", "WithOnStateChange: no function", s, []orchestrator.Option{orchestrator.WithOnStateChange(nil)}},
		{"migration", `state work maps to "job", which the definition does not have`, s, []orchestrator.Option{orchestrator.WithMigration("x", map[string]string{"work": "job"})}},
		{"authorizer", "no authorizer", s, []orchestrator.Option{orchestrator.WithAuthorizer(nil)}},
	} {
		if _, err := orchestrator.New(tt.store, tt.opts...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	_, err := orchestrator.New(s, orchestrator.WithDefinition(bad))
	var faults *workflow.DefinitionError
	if !errors.Is(err, orchestrator.ErrInvalid) || !errors.As(err, &faults) {
		t.Errorf("an invalid definition: %v, want ErrInvalid and a DefinitionError", err)
	}
}

// TestStateChangesAreSeenInOrder: the hook of the host that writes, and Watch of another.
func TestStateChangesAreSeenInOrder(t *testing.T) {
	s := openStore(t)
	var mu sync.Mutex
	var hooked []string
	o := newOrchestrator(t, s, append(lifetest.Steps(nil), orchestrator.WithOnStateChange(func(h orchestrator.StateChange) {
		mu.Lock()
		defer mu.Unlock()
		hooked = append(hooked, h.To)
	}))...)
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := o.Submit(t.Context(), lifetest.Sample("watched"))
	if err != nil {
		t.Fatal(err)
	}
	other := newOrchestrator(t, s, orchestrator.WithPoll(10*time.Millisecond))
	var watched []string
	for h, err := range other.Watch(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		watched = append(watched, h.To)
		r, err := other.Status(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Gate != nil && r.Visit == h.Seq {
			d := orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Verdict: orchestrator.Approve}
			if err := o.Decide(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(lifetest.HappyPath(), watched); diff != "" {
		t.Errorf("Watch: %s", diff)
	}
	if err := o.Stop(t.Context()); err != nil { // the last calls may be later than what Watch sees
		t.Error(err)
	}
	if diff := cmp.Diff(lifetest.HappyPath(), hooked); diff != "" {
		t.Errorf("WithOnStateChange: %s", diff)
	}
}

// TestLeaseIsKeptWhileAStepRuns: a step of ten minutes under a lease of 15 s is not taken over.
func TestLeaseIsKeptWhileAStepRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		long := orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			if err := c.Progress(ctx, orchestrator.Progress{Done: 1, Total: 2, Note: "half way\nthrough"}); err != nil {
				return orchestrator.StepResult{}, err
			}
			select {
			case <-ctx.Done():
				return orchestrator.StepResult{}, context.Cause(ctx)
			case <-time.After(10 * time.Minute):
				return orchestrator.StepResult{Event: workflow.EventComplete}, nil
			}
		})
		var hosts []*orchestrator.Orchestrator
		for _, name := range []string{"one", "two"} {
			o := newOrchestrator(t, s, orchestrator.WithInstance(name), orchestrator.WithStep(workflow.StepRequirements, long))
			if err := o.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, o)
		}
		id, err := hosts[0].Submit(t.Context(), lifetest.Sample("long"))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Minute)
		r, err := hosts[0].Status(t.Context(), id)
		if err != nil || r.Step == nil || r.Step.Progress != (orchestrator.Progress{Done: 1, Total: 2, Note: "half way through"}) {
			t.Fatalf("half way: %+v, %v", r.Step, err)
		}
		<-time.After(6 * time.Minute)
		all, err := s.Executions(t.Context(), id)
		if err != nil || len(all) != 1 || all[0].Status != orchestrator.StepSucceeded {
			t.Errorf("executions: %+v, %v; want one that succeeded", all, err)
		}
		for _, o := range hosts {
			if err := o.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
