package orchestrator_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// panicky is an output that does not go into JSON, loudly.
type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic("Jane Doe") }

// TestBadResultsFailTheStep: what a step hands back, or does in its effect, is a failure of the step, and of nothing
// else.
func TestBadResultsFailTheStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		result orchestrator.StepResult
		want   string // error class and text
	}{
		{
			"the effect panics",
			orchestrator.StepResult{Effect: func(context.Context, orchestrator.Tx) error { panic("Jane Doe") }},
			"panic: orchestrator: the step panicked",
		},
		{"the output panics", orchestrator.StepResult{Output: panicky{}}, "panic: orchestrator: the step panicked"},
		{
			"an output that is not UTF-8",
			orchestrator.StepResult{Output: json.RawMessage("\"a\xff\"")},
			"outcome: orchestrator: the step's output is not UTF-8",
		},
		{
			"a file name that is not UTF-8",
			orchestrator.StepResult{Delivery: &orchestrator.Delivery{Files: []orchestrator.DeliveredFile{{Name: "a\xff"}}}},
			"outcome: orchestrator: the step's delivery is invalid: files[0].name is not UTF-8",
		},
		{
			"a reason with a control character",
			orchestrator.StepResult{Feasibility: &orchestrator.FeasibilityReport{Reasons: []string{"a\x00"}}},
			"outcome: orchestrator: the step's feasibility report is invalid: reasons[0] contains a control character",
		},
		{
			"a share that is no number",
			orchestrator.StepResult{Feasibility: &orchestrator.FeasibilityReport{
				Elements: []orchestrator.ElementAvailability{{Name: "labs", Availability: math.NaN()}},
			}},
			"outcome: orchestrator: the step's feasibility report is invalid: elements[0].availability is not a finite number",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := workflow.Define("once", "work")
			b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "end").Retry(workflow.RetryPolicy{Attempts: 1, Takeovers: 1})
			b.Terminal("end")
			def, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			o := newOrchestrator(t, openStore(t), orchestrator.WithDefinition(def), orchestrator.WithStep("do", orchestrator.StepFunc(
				func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
					tt.result.Event = "done"
					return tt.result, nil
				})))
			id, err := o.Submit(t.Context(), lifetest.Sample("bad result"))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			all, err := o.Executions(t.Context(), id)
			if err != nil || len(all) != 1 {
				t.Fatalf("executions: got %+v, %v; want one", all, err)
			}
			if diff := cmp.Diff(tt.want, all[0].ErrorClass+": "+all[0].ErrorText); diff != "" {
				t.Error(diff)
			}
		})
	}
}
