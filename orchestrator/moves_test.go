package orchestrator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

var boss = orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator, "lead"}}

// detours has a step that fails, a gate whose way back after retry is written out, and two gates that any state may
// lead to.
func detours(t *testing.T) *workflow.Definition {
	t.Helper()
	b := workflow.Define("detours", "work")
	b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "review").Retry(workflow.RetryPolicy{Attempts: 1})
	rule := workflow.GateRule{Roles: []string{"lead"}}
	b.Gate("review", rule).On(workflow.EventApprove, "end").On(workflow.EventRetry, "work").
		On(workflow.EventReject, "end").On(workflow.EventModify, "work")
	b.Gate("scope", rule).On(workflow.EventApprove, workflow.Return).On(workflow.EventReject, workflow.Return).
		On(workflow.EventModify, workflow.Return)
	b.Terminal("end")
	b.Anywhere(workflow.EventScopeChange, "scope").Anywhere(workflow.EventWithdraw, "end")
	def, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestRetryTakesTheWayThatIsWrittenOut(t *testing.T) {
	def, runs := detours(t), 0
	o := newOrchestrator(t, openStore(t), orchestrator.WithDefinition(def), orchestrator.WithStep("do", orchestrator.StepFunc(
		func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			if runs++; runs == 1 {
				return orchestrator.StepResult{}, errors.New("no server")
			}
			return orchestrator.StepResult{Event: "done"}, nil
		})))
	id, err := o.Submit(t.Context(), lifetest.Sample("retried"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Drain(t.Context()), o.Retry(t.Context(), id, boss, "it is back"), o.Drain(t.Context())); err != nil {
		t.Fatal(err)
	}
	if r, err := o.Status(t.Context(), id); err != nil || r.State != "end" || runs != 2 {
		t.Errorf("state %s after %d runs, %v; want end after 2", r.State, runs, err)
	}
}

// TestStepsDoNotTakePeoplesWays: the outcome of a step is none of the events by which people lead away from any state.
func TestStepsDoNotTakePeoplesWays(t *testing.T) {
	for _, event := range []string{workflow.EventWithdraw, workflow.EventScopeChange, workflow.EventStepFailed} {
		o := newOrchestrator(t, openStore(t), orchestrator.WithDefinition(detours(t)), orchestrator.WithStep("do", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				return orchestrator.StepResult{Event: event}, nil
			})))
		id, err := o.Submit(t.Context(), lifetest.Sample(event))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := o.Executions(t.Context(), id)
		if err != nil || len(all) != 1 || all[0].ErrorClass != "outcome" {
			t.Errorf("%s: executions %+v, %v; want one that failed by its outcome", event, all, err)
		}
		if r, err := o.Status(t.Context(), id); err != nil || r.State != "review" {
			t.Errorf("%s: state %s, %v; want review", event, r.State, err)
		}
	}
}

// TestPeopleAreToldApart: a namespace and an id are another person than the id that they look like together.
func TestPeopleAreToldApart(t *testing.T) {
	b := workflow.Define("two", "review")
	b.Gate("review", workflow.GateRule{Roles: []string{"lead"}, Quorum: workflow.Quorum{Approvals: 2}}).
		On(workflow.EventApprove, "end").On(workflow.EventReject, "end").On(workflow.EventModify, "review")
	b.Terminal("end")
	def, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	o := newOrchestrator(t, openStore(t), orchestrator.WithDefinition(def))
	id, err := o.Submit(t.Context(), lifetest.Sample("two"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []orchestrator.Actor{{ID: "auth0|7"}, {System: "auth0", ID: "7"}} {
		by.Roles = []string{"lead"}
		if err := o.Decide(t.Context(), orchestrator.Decision{Gate: r.Gate.ID, By: by, Verdict: orchestrator.Approve}); err != nil {
			t.Errorf("%s, %s: %v", by.System, by.ID, err)
		}
	}
	if r, err = o.Status(t.Context(), id); err != nil || r.State != "end" {
		t.Errorf("state %s, %v; want end", r.State, err)
	}
	by := orchestrator.Actor{System: "a|b", ID: "7", Roles: []string{"lead"}}
	if err := o.Decide(t.Context(), orchestrator.Decision{Gate: "x", By: by, Verdict: orchestrator.Approve}); !errors.Is(err, orchestrator.ErrInvalid) {
		t.Errorf("a namespace with |: got %v, want ErrInvalid", err)
	}
}

// TestProposalIsMovedWithItsGate: a change of scope that waits is decided under the new definition as under the old
// one.
func TestProposalIsMovedWithItsGate(t *testing.T) {
	s := openStore(t)
	old := detours(t)
	hash, err := old.Hash()
	if err != nil {
		t.Fatal(err)
	}
	before := newOrchestrator(t, s, orchestrator.WithDefinition(old))
	id, err := before.Submit(t.Context(), lifetest.Sample("moved"))
	if err != nil {
		t.Fatal(err)
	}
	err = before.RequestScopeChange(t.Context(), orchestrator.ScopeChange{
		Request: id, By: orchestrator.Actor{ID: "admin", Roles: []string{workflow.RoleAdministrator}}, Reason: "smaller", Patch: []byte(`{"minimumCohort": 3}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	renamed := detours(t)
	for i := range renamed.States {
		if renamed.States[i].Name == "scope" {
			renamed.States[i].Name = "change"
		}
	}
	for i := range renamed.Transitions {
		for _, name := range []*string{&renamed.Transitions[i].From, &renamed.Transitions[i].To} {
			if *name == "scope" {
				*name = "change"
			}
		}
	}
	o := newOrchestrator(t, s, orchestrator.WithDefinition(renamed), orchestrator.WithMigration(hash, map[string]string{"scope": "change"}))
	if err := o.SetPriority(t.Context(), id, orchestrator.Stat, boss, "moves it"); err != nil {
		t.Fatal(err)
	}
	r, err := o.Status(t.Context(), id)
	if err != nil || r.State != "change" {
		t.Fatalf("state %s, %v; want change", r.State, err)
	}
	if err := o.Decide(t.Context(), orchestrator.Decision{Gate: r.Gate.ID, By: boss, Verdict: orchestrator.Approve}); err != nil {
		t.Fatal(err)
	}
	if r, err = o.Status(t.Context(), id); err != nil || r.State != "work" || r.Requirements.MinimumCohort != 3 || r.Proposed != nil {
		t.Errorf("state %s, minimum cohort %d, proposal %v, %v; want work, 3, none", r.State, r.Requirements.MinimumCohort, r.Proposed, err)
	}
}
