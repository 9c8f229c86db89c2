package researchflow_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// TestOwnWorkflowKeepsNoData checks that extracted data is kept until its request ends and is then removed, whatever
// names a host gives to the states.
func TestOwnWorkflowKeepsNoData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		gate    string
		verdict orchestrator.Verdict
		end     string
	}{
		{"look", orchestrator.Approve, "released"},
		{"look", orchestrator.Reject, "dropped"},
		{workflow.StateFailed, orchestrator.Approve, workflow.StateComplete}, // a name that ends a request elsewhere
	}
	for _, tt := range tests {
		t.Run(tt.gate+" "+tt.end, func(t *testing.T) {
			t.Parallel()
			b := workflow.Define("own", "extracting")
			b.Step("extracting", workflow.StepExtraction).
				On(workflow.EventExtracted, tt.gate).On(workflow.EventStepFailed, tt.end)
			b.Gate(tt.gate, workflow.GateRule{Roles: []string{"board"}}).
				On(workflow.EventApprove, tt.end).On(workflow.EventReject, tt.end).On(workflow.EventModify, "extracting")
			definition, err := b.Terminal(tt.end).Build()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cfg := config(t)
			cfg.DataPath = data(t, 3)
			cfg.Orchestrator = []orchestrator.Option{orchestrator.WithDefinition(definition)}
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

// TestOpenRemovesDataOfEndedRequests checks that Open removes the data that a host left behind when it was killed at
// the end of a request.
func TestOpenRemovesDataOfEndedRequests(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.DataPath = data(t, 1)
	passive := cfg
	passive.Passive = true
	flow := open(t, passive)
	live, err := flow.Orchestrator.Submit(t.Context(), newRequest("patient_simple"))
	if err != nil {
		t.Fatal(err)
	}
	ended, err := flow.Orchestrator.Submit(t.Context(), newRequest("patient_simple"))
	if err != nil {
		t.Fatal(err)
	}
	researcher := orchestrator.Actor{ID: "mara@example.org"}
	if err := flow.Orchestrator.Withdraw(t.Context(), ended, researcher, "not needed"); err != nil {
		t.Fatal(err)
	}
	const foreign = "REQ-20260101-00000000" // of another database
	folders := []string{
		filepath.Join(cfg.WorkDir, live), filepath.Join(cfg.WorkDir, ended), filepath.Join(cfg.WorkDir, foreign), filepath.Join(cfg.WorkDir, "notes"),
		filepath.Join(cfg.OutDir, ended), filepath.Join(cfg.OutDir, "."+ended+".part"), filepath.Join(cfg.OutDir, "."+live+".part"),
	}
	for _, dir := range folders {
		if err := os.MkdirAll(filepath.Join(dir, "visit-1-token-1"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	open(t, cfg)
	var got []string
	for _, dir := range folders {
		if _, err := os.Stat(dir); err != nil {
			got = append(got, dir)
		}
	}
	if diff := cmp.Diff([]string{folders[1], folders[5]}, got); diff != "" {
		t.Errorf("removed folders (-want +got):\n%s", diff)
	}
}
