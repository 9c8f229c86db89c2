package steps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/steps"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
)

// Requirements are checked against the views and the engine of the host before a request is taken.
func ExampleSet_CheckRequirements() {
	r, err := runner.New(runner.Resources{json.RawMessage(`{"resourceType":"Patient","id":"1"}`)})
	if err != nil {
		log.Fatal(err)
	}
	set, err := steps.New(steps.Config{
		Runner: r, WorkDir: "work", OutDir: "packages",
		Views: func(name string) (*runner.View, error) { return views.Compile(name) },
	})
	if err != nil {
		log.Fatal(err)
	}
	faults := set.CheckRequirements(context.Background(), orchestrator.Requirements{
		Inclusion: []orchestrator.Criterion{
			{Resource: "Patient", Condition: "gender = 'female'"},
			{Resource: "Patient", Period: &orchestrator.Period{Start: "2020"}},
		},
		DataElements: []string{"patient_simple"},
		Format:       orchestrator.Parquet,
	})
	for _, f := range faults {
		fmt.Println(f)
	}
	// Output:
	// inclusion[1].period Patient has no date; use a condition
	// format parquet is not a supported format
}
