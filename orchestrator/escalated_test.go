package orchestrator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestRetryAtAnEscalatedGate: whoever may decide there may have the step run again.
func TestRetryAtAnEscalatedGate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), "sqlite://"+dir+"/rf.db", store.WithClock(time.Now))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		b := orchestrator.Define("fails", "work")
		b.Step("work", "do").On("done", "end").On(orchestrator.EventStepFailed, "review").Retry(orchestrator.RetryPolicy{Attempts: 1})
		b.Gate("review", orchestrator.GateRule{Roles: []string{"lead"}, Timeout: orchestrator.Duration(time.Hour), EscalateTo: []string{"chief"}}).
			On(orchestrator.EventApprove, orchestrator.Return).On(orchestrator.EventRetry, orchestrator.Return).
			On(orchestrator.EventReject, "end").On(orchestrator.EventModify, "work")
		b.Terminal("end")
		def, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		o := newOrchestrator(t, s, orchestrator.WithDefinition(def), orchestrator.WithStep("do", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				return orchestrator.StepResult{}, errors.New("no server")
			})))
		id, err := o.Submit(t.Context(), storetest.Sample("fails"))
		if err != nil {
			t.Fatal(err)
		}
		drain := func() {
			if err := o.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		drain()
		chief := orchestrator.Actor{ID: "c", Roles: []string{"chief"}}
		if err := o.Retry(t.Context(), id, chief, "it is back"); !errors.Is(err, orchestrator.ErrDenied) {
			t.Errorf("before escalation: got %v, want ErrDenied", err)
		}
		<-time.After(2 * time.Hour)
		drain()
		if err := o.Retry(t.Context(), id, chief, "it is back"); err != nil {
			t.Errorf("after escalation: %v", err)
		}
	})
}
