package lifetest

import (
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// New returns an orchestrator of a store.
func New(t testing.TB, s orchestrator.Store, opts ...orchestrator.Option) *orchestrator.Orchestrator {
	t.Helper()
	o, err := orchestrator.New(s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Submit submits [Sample] and returns the id of the request.
func Submit(t testing.TB, o *orchestrator.Orchestrator, title string) string {
	t.Helper()
	id, err := o.Submit(t.Context(), Sample(title))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Status returns a request.
func Status(t testing.TB, o *orchestrator.Orchestrator, id string) *orchestrator.Request {
	t.Helper()
	r, err := o.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// OneGate returns a definition with one gate and nothing else.
func OneGate(rule workflow.GateRule) *workflow.Definition {
	b := workflow.Define("one-gate", "review")
	b.Gate("review", rule).On(workflow.EventApprove, "approved").On(workflow.EventReject, "rejected").
		On(workflow.EventModify, "modified")
	b.Terminal("approved").Terminal("rejected").Terminal("modified")
	d, err := b.Build()
	if err != nil {
		panic(err)
	}
	return d
}

// Titles returns the titles of the first page of requests that match a query.
func Titles(t *testing.T, s orchestrator.Store, q orchestrator.Query) []string {
	t.Helper()
	page, err := s.Requests(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, r := range page.Requests {
		out = append(out, r.Title)
	}
	return out
}
