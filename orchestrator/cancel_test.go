package orchestrator_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// admin may do everything.
func admin() orchestrator.Actor {
	return orchestrator.Actor{ID: "admin", Roles: []string{workflow.RoleAdministrator}}
}

// TestRunningStepIsCancelledAtOnce: on the host that commits what ends a running step its handler learns that with the
// commit, on another one when it renews the lease. It makes no difference whether Start or Drain runs the step.
func TestRunningStepIsCancelledAtOnce(t *testing.T) {
	ends := map[string]func(ctx context.Context, o *orchestrator.Orchestrator, id string) error{
		"suspend": func(ctx context.Context, o *orchestrator.Orchestrator, id string) error {
			return o.Suspend(ctx, id, admin(), "wait")
		},
		"withdraw": func(ctx context.Context, o *orchestrator.Orchestrator, id string) error {
			return o.Withdraw(ctx, id, admin(), "not needed")
		},
		"scope change": func(ctx context.Context, o *orchestrator.Orchestrator, id string) error {
			return o.RequestScopeChange(ctx, orchestrator.ScopeChange{Request: id, By: admin(), Reason: "more"})
		},
	}
	for name, end := range ends {
		for _, where := range []string{"started", "drained", "another host"} {
			t.Run(name+", "+where, func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *store.Store) {
					began, causes := make(chan struct{}), make(chan error, 1)
					first := true
					runs := newOrchestrator(t, s, orchestrator.WithStep(workflow.StepRequirements, orchestrator.StepFunc(
						func(ctx context.Context, _ *orchestrator.StepContext) (orchestrator.StepResult, error) {
							if first {
								first = false
								close(began)
								<-ctx.Done()
								causes <- context.Cause(ctx)
							}
							return orchestrator.StepResult{}, ctx.Err()
						}), orchestrator.StepConcurrency(1)))
					id := submit(t, runs, "cancelled")
					commits := runs
					var drained sync.WaitGroup
					switch where {
					case "drained":
						drained.Go(func() {
							if err := runs.Drain(t.Context()); err != nil {
								t.Errorf("Drain: %v", err)
							}
						})
					case "another host":
						commits = newOrchestrator(t, s)
						fallthrough
					default:
						start(t, runs)
					}
					<-began
					at := time.Now()
					if err := end(t.Context(), commits, id); err != nil {
						t.Fatal(err)
					}
					cause := <-causes
					if !errors.Is(cause, orchestrator.ErrFenced) {
						t.Errorf("the cause is %v, want ErrFenced", cause)
					}
					if took := time.Since(at); (took > time.Second) != (where == "another host") {
						t.Errorf("the handler noticed after %v", took)
					}
					drained.Wait()
					stop(t, runs, 0)
					if got := attempts(t, s, id); !slices.Contains([]string{"paused", "cancelled"}, got[0]) {
						t.Errorf("the execution is %s", got[0])
					}
				})
			})
		}
	}
}

// pausing is a store that waits, once, between the commit that begins a step and its answer.
type pausing struct {
	*store.Store
	once        sync.Once
	begun, goOn chan struct{}
}

func (p *pausing) Commit(ctx context.Context, c *orchestrator.Commit) error {
	err := p.Store.Commit(ctx, c)
	if c.Start != nil {
		p.once.Do(func() {
			close(p.begun)
			<-p.goOn
		})
	}
	return err
}

// TestStepIsCancelledBeforeItBegins: what ends a step may be committed between the commit that begins it and the call
// of its handler.
func TestStepIsCancelledBeforeItBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		p := &pausing{Store: s, begun: make(chan struct{}), goOn: make(chan struct{})}
		took := make(chan time.Duration, 1)
		o := newOrchestrator(t, p, orchestrator.WithStep(workflow.StepRequirements, orchestrator.StepFunc(
			func(ctx context.Context, _ *orchestrator.StepContext) (orchestrator.StepResult, error) {
				begin := time.Now()
				<-ctx.Done()
				took <- time.Since(begin)
				return orchestrator.StepResult{}, ctx.Err()
			})))
		start(t, o)
		id := submit(t, o, "early")
		<-p.begun
		if err := o.Suspend(t.Context(), id, admin(), "wait"); err != nil {
			t.Fatal(err)
		}
		close(p.goOn)
		if got := <-took; got > time.Second {
			t.Errorf("the handler noticed after %v", got)
		}
		stop(t, o, 0)
		wantAttempts(t, s, id, "at the end", "paused")
	})
}

// TestStepEndsWhileItIsCancelled: whichever comes first, the other one changes nothing, and nothing fails.
func TestStepEndsWhileItIsCancelled(t *testing.T) {
	s := openStore(t)
	began := make(chan struct{})
	o := newOrchestrator(t, s, oneStep(t, 1), orchestrator.WithStep("do", orchestrator.StepFunc(
		func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			began <- struct{}{}
			return orchestrator.StepResult{Event: "done"}, nil
		})))
	for range 20 {
		id := submit(t, o, "race")
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := o.Drain(t.Context()); err != nil {
				t.Errorf("Drain: %v", err)
			}
		})
		<-began
		if err := o.Suspend(t.Context(), id, admin(), "wait"); err != nil && !errors.Is(err, orchestrator.ErrInvalidTransition) {
			t.Errorf("Suspend: %v", err)
		}
		wg.Wait()
		if got := attempts(t, s, id); len(got) != 1 || got[0] != "succeeded" && got[0] != "paused" {
			t.Errorf("got %v, want one that succeeded or is paused", got)
		}
	}
}
