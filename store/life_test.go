package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

func TestARequestRunsThrough(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { life(t, "sqlite://"+filepath.Join(t.TempDir(), "rf.db")) })
	t.Run("postgres", func(t *testing.T) { life(t, pool.URL(t)) })
}

func life(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := store.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ok := func(event string) orchestrator.StepHandler {
		return orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{Event: event, Output: map[string]int{"n": 1}}, nil
		})
	}
	o, err := orchestrator.New(s,
		orchestrator.WithStep(workflow.StepRequirements, ok("complete")),
		orchestrator.WithStep(workflow.StepFeasibility, ok("feasible")),
		orchestrator.WithStep(workflow.StepKickoff, ok("scheduled")),
		orchestrator.WithStep(workflow.StepExtraction, ok("extracted")),
		orchestrator.WithStep(workflow.StepQA, ok("passed")),
		orchestrator.WithStep(workflow.StepDelivery, ok("delivered")))
	if err != nil {
		t.Fatal(err)
	}
	id, err := o.Submit(ctx, orchestrator.NewRequest{
		Title: "Diabetes", Description: "x", Protocol: "IRB-1", Researcher: orchestrator.Researcher{Name: "A", Email: "a@example.org", Department: "D"},
		Requirements: orchestrator.Requirements{Inclusion: []orchestrator.Criterion{{Resource: "Patient"}}, DataElements: []string{"patient_demographics"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer o.Stop(ctx)
	var got []string
	for h, err := range o.Watch(ctx, id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.To)
		r, err := o.Status(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Gate != nil && r.Gate.State == h.To {
			if err := o.Decide(ctx, orchestrator.Decision{Gate: r.Gate.ID, By: orchestrator.Actor{ID: "r", Name: "R", Roles: r.Gate.Roles}, Verdict: "approve"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(got) != 18 || got[17] != workflow.StateComplete {
		t.Errorf("states: got %v, want the 18 of the happy path", got)
	}
	if _, err := o.VerifyAudit(ctx, id); err != nil {
		t.Error(err)
	}
}
