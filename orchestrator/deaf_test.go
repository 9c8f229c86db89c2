package orchestrator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// oneStep is a workflow of one step, "do", that may take a minute.
func oneStep(t *testing.T, attempts int) orchestrator.Option {
	t.Helper()
	b := workflow.Define("once", "work")
	b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "failed").
		Retry(workflow.RetryPolicy{Attempts: attempts, Takeovers: 1, Timeout: workflow.Duration(time.Minute)})
	b.Terminal("end")
	b.Terminal("failed")
	def, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return orchestrator.WithDefinition(def)
}

// inBubble runs f with a store whose clock is the bubble's.
func inBubble(t *testing.T, f func(t *testing.T, s *store.Store)) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		f(t, s)
	})
}

// attempts are a request's executions, each as status and error class.
func attempts(t *testing.T, s *store.Store, id string) []string {
	t.Helper()
	all, err := s.Executions(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range all {
		got = append(got, strings.TrimSpace(string(x.Status)+" "+x.ErrorClass))
	}
	return got
}

func wantAttempts(t *testing.T, s *store.Store, id, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, attempts(t, s, id)); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
}

func submit(t *testing.T, o *orchestrator.Orchestrator, title string) string {
	t.Helper()
	id, err := o.Submit(t.Context(), lifetest.Sample(title))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func start(t *testing.T, o *orchestrator.Orchestrator) {
	t.Helper()
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// stop stops, and checks how long that took.
func stop(t *testing.T, o *orchestrator.Orchestrator, want time.Duration) {
	t.Helper()
	begin := time.Now()
	if err := o.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got := time.Since(begin); got != want {
		t.Errorf("Stop took %v, want %v", got, want)
	}
}

// TestDeafStepTimesOut: each attempt fails one lease after its time-out, the request goes on, and what the handlers do
// and return later is of no effect.
func TestDeafStepTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		release, late, effects := make(chan struct{}), make(chan error, 4), make(chan struct{}, 2)
		deaf := orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			<-release
			late <- c.Progress(ctx, orchestrator.Progress{Done: 1})
			late <- c.Audit(context.WithoutCancel(ctx), audit.Entry{Type: audit.DatasetDisclosed, Action: audit.Read})
			return orchestrator.StepResult{Event: "done", Effect: func(context.Context, orchestrator.Tx) error {
				effects <- struct{}{}
				return nil
			}}, nil
		})
		var logged bytes.Buffer
		m := &meters{got: map[string]float64{}}
		o := newOrchestrator(t, s, oneStep(t, 2), orchestrator.WithStep("do", deaf), orchestrator.WithMeterProvider(m.provider()),
			orchestrator.WithLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		start(t, o)
		id := submit(t, o, "deaf")
		<-time.After(74 * time.Second)
		wantAttempts(t, s, id, "a second early", "running")
		<-time.After(2 * time.Second)
		wantAttempts(t, s, id, "a second late", "failed timeout", "running")
		<-time.After(76 * time.Second)
		wantAttempts(t, s, id, "after both", "failed timeout", "failed timeout")
		stop(t, o, 0)
		close(release)
		for range cap(late) {
			if err := <-late; !errors.Is(err, orchestrator.ErrFenced) {
				t.Errorf("Progress or Audit too late: got %v, want ErrFenced", err)
			}
		}
		synctest.Wait()
		if len(effects) > 0 {
			t.Error("the effect of a result that came too late was run")
		}
		r, err := o.Status(t.Context(), id)
		if err != nil || r.State != "failed" {
			t.Errorf("the request is in state %q, %v; want failed", r.State, err)
		}
		wantAttempts(t, s, id, "at the end", "failed timeout", "failed timeout")
		if got := m.got["researchflow.step.duration outcome=timeout,step=do"]; got != 2 {
			t.Errorf("measured %v time-outs, want 2", got)
		}
		if got := strings.Count(logged.String(), `msg="step does not return, abandoned" request=`+id+" step=do"); got != 2 {
			t.Errorf("told %d times, want 2: %s", got, &logged)
		}
	})
}

// TestDeafStepKeepsItsSlot: also over Stop and Start, and for Drain.
func TestDeafStepKeepsItsSlot(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		release := make(chan struct{})
		first := true
		o := newOrchestrator(t, s, oneStep(t, 1), orchestrator.WithGrace(10*time.Second), orchestrator.WithStep("do", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				if first {
					first = false
					<-release
				}
				return orchestrator.StepResult{Event: "done"}, nil
			}), orchestrator.StepConcurrency(1)))
		deaf := submit(t, o, "deaf")
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAttempts(t, s, deaf, "after Drain", "failed timeout")
		next := submit(t, o, "next")
		for _, when := range []string{"first start", "second start"} {
			start(t, o)
			<-time.After(time.Hour)
			wantAttempts(t, s, next, when, "ready")
			stop(t, o, 0)
		}
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAttempts(t, s, next, "after another Drain", "ready")
		start(t, o)
		close(release)
		<-time.After(time.Millisecond) // well before the next poll
		wantAttempts(t, s, next, "when it has returned", "succeeded")
		stop(t, o, 0)
	})
}

// TestStopAndDeafSteps: an abandoned one is waited for during the grace; one whose time-out is still to come is
// recorded once, as timed out.
func TestStopAndDeafSteps(t *testing.T) {
	for _, tt := range []struct {
		after, want time.Duration
	}{
		{2 * time.Minute, 10 * time.Second},
		{30 * time.Second, 45 * time.Second},
	} {
		t.Run(fmt.Sprint(tt.after), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *store.Store) {
				release := make(chan struct{})
				o := newOrchestrator(t, s, oneStep(t, 2), orchestrator.WithGrace(10*time.Second), orchestrator.WithStep("do", orchestrator.StepFunc(
					func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
						<-release
						return orchestrator.StepResult{Event: "done"}, nil
					}), orchestrator.StepConcurrency(1)))
				start(t, o)
				id := submit(t, o, "deaf")
				<-time.After(tt.after)
				stop(t, o, tt.want)
				wantAttempts(t, s, id, "stopped", "failed timeout", "ready")
				close(release)
				synctest.Wait()
				wantAttempts(t, s, id, "returned", "failed timeout", "ready")
			})
		})
	}
}

// TestStepThatEndsItsGoroutine fails like one that panics.
func TestStepThatEndsItsGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		o := newOrchestrator(t, s, oneStep(t, 1), orchestrator.WithStep("do", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				runtime.Goexit()
				return orchestrator.StepResult{}, nil
			})))
		id := submit(t, o, "gone")
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAttempts(t, s, id, "drained", "failed panic")
	})
}
