package researchflow_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
)

// TestOwnWorkflowKeepsNoData: extracted data stays while a request lives and goes when it ends, whatever a host calls
// the states.
func TestOwnWorkflowKeepsNoData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		gate    string
		verdict orchestrator.Verdict
		end     string
	}{
		{"look", orchestrator.Approve, "released"},
		{"look", orchestrator.Reject, "dropped"},
		{orchestrator.StateFailed, orchestrator.Approve, orchestrator.StateComplete}, // a name that ends a request elsewhere
	}
	for _, tt := range tests {
		t.Run(tt.gate+" "+tt.end, func(t *testing.T) {
			t.Parallel()
			b := orchestrator.Define("own", "extracting")
			b.Step("extracting", orchestrator.StepExtraction).
				On(orchestrator.EventExtracted, tt.gate).On(orchestrator.EventStepFailed, tt.end)
			b.Gate(tt.gate, orchestrator.GateRule{Roles: []string{"board"}}).
				On(orchestrator.EventApprove, tt.end).On(orchestrator.EventReject, tt.end).On(orchestrator.EventModify, "extracting")
			workflow, err := b.Terminal(tt.end).Build()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := config(t)
			cfg.DataPath = data(t, 3)
			cfg.Orchestrator = []orchestrator.Option{orchestrator.WithDefinition(workflow)}
			flow := open(t, cfg)
			id, err := flow.Orchestrator.Submit(ctx, newRequest("patient_simple"))
			if err != nil {
				t.Fatal(err)
			}
			for change, err := range flow.Orchestrator.Watch(ctx, id, 0) {
				if err != nil {
					t.Fatal(err)
				}
				if change.To == tt.gate {
					break
				}
			}
			extracted := func() int {
				found, err := filepath.Glob(filepath.Join(cfg.WorkDir, id, "*", "patient_simple.csv"))
				if err != nil {
					t.Fatal(err)
				}
				return len(found)
			}
			before := extracted()
			r, err := flow.Orchestrator.Status(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			err = flow.Orchestrator.Decide(ctx, orchestrator.Decision{
				Gate: r.Gate.ID, By: orchestrator.Actor{ID: "reviewer", Roles: []string{"board"}}, Verdict: tt.verdict, Reason: "as said",
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]int{1, 0}, []int{before, extracted()}); diff != "" {
				t.Errorf("files of extracted data at the gate and after the end (-want +got):\n%s", diff)
			}
		})
	}
}
