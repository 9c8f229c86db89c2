package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// A request goes through a workflow of its own: a step, a gate, the end.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := store.Open(ctx, "sqlite://"+filepath.Join(dir, "rf.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()

	b := workflow.Define("count", "counting")
	b.Step("counting", "count").On("counted", "review").On(workflow.EventStepFailed, "failed")
	b.Gate("review", workflow.GateRule{Roles: []string{"reviewer"}}).
		On(workflow.EventApprove, "released").
		On(workflow.EventReject, "failed").
		On(workflow.EventModify, "counting")
	b.Terminal("released").Terminal("failed")
	workflow, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	flow, err := orchestrator.New(db, orchestrator.WithDefinition(workflow),
		orchestrator.WithStep("count", orchestrator.StepFunc(
			func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
				return orchestrator.StepResult{Event: "counted", Output: map[string]int{"patients": 42}}, nil
			})))
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := flow.Submit(ctx, orchestrator.NewRequest{
		Title: "How many adults have diabetes?", Description: "a count, no data", Protocol: "IRB-2026-017",
		Researcher: orchestrator.Researcher{Name: "Ada Example", Email: "ada@example.org", Department: "Endocrinology"},
		Requirements: orchestrator.Requirements{
			Inclusion:    []orchestrator.Criterion{{Resource: "Condition", Codes: []orchestrator.Coding{{Code: "44054006"}}}},
			DataElements: []string{"patient_demographics"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := flow.Drain(ctx); err != nil { // or Start, and Stop at the end
		fmt.Println(err)
		return
	}
	r, err := flow.Status(ctx, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.State, "waits for", r.Gate.Roles)
	fmt.Println(flow.Decide(ctx, orchestrator.Decision{
		Gate: r.Gate.ID, By: r.Researcher.Actor(), Verdict: orchestrator.Approve,
	}))
	err = flow.Decide(ctx, orchestrator.Decision{
		Gate: r.Gate.ID, Verdict: orchestrator.Approve, Reason: "as planned",
		By: orchestrator.Actor{ID: "u-2", Name: "Grace Reviewer", Roles: []string{"reviewer"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	history, err := flow.History(ctx, id)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range history {
		fmt.Println(h.Seq, h.Event, h.To)
	}
	_, err = flow.VerifyAudit(ctx, id)
	fmt.Println("audit:", err)
	// Output:
	// review waits for [reviewer]
	// orchestrator: denied (four-eyes): the submitter cannot decide about the request
	// 1 submit counting
	// 2 counted review
	// 3 approve released
	// audit: <nil>
}

func ExampleNewRequest_Validate() {
	n := orchestrator.NewRequest{Title: "no more than a title"}
	n.Researcher.Email = "ada"
	var invalid *orchestrator.ValidationError
	if errors.As(n.Validate(), &invalid) {
		for _, fault := range invalid.Faults {
			fmt.Println(fault)
		}
	}
	// Output:
	// description is missing
	// protocol is missing
	// researcher.name is missing
	// researcher.department is missing
	// researcher.email is not an e-mail address
	// requirements.inclusion is missing
	// requirements.dataElements is missing
}
