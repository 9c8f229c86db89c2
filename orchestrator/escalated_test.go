package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// TestRetryAtAnEscalatedGate: whoever may decide there may have the step run again.
func TestRetryAtAnEscalatedGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, store.WithClock(time.Now))
		b := workflow.Define("fails", "work")
		b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "review").Retry(workflow.RetryPolicy{Attempts: 1})
		b.Gate("review", workflow.GateRule{Roles: []string{"lead"}, Timeout: workflow.Duration(time.Hour), EscalateTo: []string{"chief"}}).
			On(workflow.EventApprove, workflow.Return).On(workflow.EventRetry, workflow.Return).
			On(workflow.EventReject, "end").On(workflow.EventModify, "work")
		b.Terminal("end")
		def, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		o := newOrchestrator(t, s, orchestrator.WithDefinition(def), orchestrator.WithStep("do", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				return orchestrator.StepResult{}, errors.New("no server")
			})))
		id, err := o.Submit(t.Context(), lifetest.Sample("fails"))
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

// TestEachRoleAtAnEscalatedGate: an approval by a role that the gate was escalated to stands in for one that is
// missing.
func TestEachRoleAtAnEscalatedGate(t *testing.T) {
	rule := workflow.GateRule{
		Roles: []string{"a", "b"}, Quorum: workflow.Quorum{EachRole: true},
		Timeout: workflow.Duration(time.Hour), EscalateTo: []string{"chief"},
	}
	for _, tt := range []struct {
		name  string
		roles []string
		want  string
	}{
		{"one role and a stand-in", []string{"a", "chief"}, "approved"},
		{"a stand-in and one role", []string{"chief", "b"}, "approved"},
		{"two stand-ins", []string{"chief", "chief"}, "approved"},
		{"one stand-in for two", []string{"chief"}, "review"},
		{"one role twice", []string{"a", "a"}, "review"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openStore(t, store.WithClock(time.Now))
				b := workflow.Define("each", "review")
				b.Gate("review", rule).On(workflow.EventApprove, "approved").On(workflow.EventReject, "rejected").On(workflow.EventModify, "review")
				b.Terminal("approved")
				b.Terminal("rejected")
				def, err := b.Build()
				if err != nil {
					t.Fatal(err)
				}
				o := newOrchestrator(t, s, orchestrator.WithDefinition(def))
				id, err := o.Submit(t.Context(), lifetest.Sample(tt.name))
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(2 * time.Hour)
				if err := o.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				r, err := o.Status(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				for i, role := range tt.roles {
					by := orchestrator.Actor{ID: fmt.Sprint("reviewer ", i), Roles: []string{role}}
					if err := o.Decide(t.Context(), orchestrator.Decision{Gate: r.Gate.ID, By: by, Verdict: orchestrator.Approve}); err != nil {
						t.Fatal(err)
					}
				}
				if r, err = o.Status(t.Context(), id); err != nil || r.State != tt.want {
					t.Errorf("state: got %s, %v; want %s", r.State, err, tt.want)
				}
			})
		})
	}
}
