package researchflow_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/researchflow/researchflow"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// A request is submitted, and continues until a person has to decide.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "researchflow-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	flow, err := researchflow.Open(ctx, researchflow.Config{
		DatabaseURL: "sqlite://" + filepath.Join(dir, "rf.db"), // and the synthetic data
		WorkDir:     filepath.Join(dir, "work"),
		OutDir:      filepath.Join(dir, "packages"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer flow.Close(ctx)

	id, err := flow.Orchestrator.Submit(ctx, orchestrator.NewRequest{
		Title: "Asthma in adults", Description: "Adults with asthma, with their medication.", Protocol: "IRB-2026-0007",
		Researcher: orchestrator.Researcher{Name: "Mara Lindholm", Email: "mara@example.org", Department: "Pneumology"},
		Requirements: orchestrator.Requirements{
			Inclusion: []orchestrator.Criterion{
				{Resource: "Patient", Condition: "birthDate <= @2007-12-31"},
				{Resource: "Condition", Codes: []orchestrator.Coding{{System: "http://snomed.info/sct", Code: "195967001"}}},
			},
			DataElements:  []string{"patient_simple", "medication_requests"},
			PHILevel:      orchestrator.LimitedDataSet,
			MinimumCohort: 5,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for change, err := range flow.Orchestrator.Watch(ctx, id, 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.To)
		if change.To == workflow.StateRequirementsReview {
			break // until flow.Orchestrator.Decide
		}
	}
	// Output:
	// new_request
	// requirements_gathering
	// requirements_complete
	// requirements_review
}
