package steps

import (
	"context"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Requirements is the output of the step gather_requirements.
type Requirements struct {
	// Score is how complete the request is, 0 to 100.
	Score int `json:"score"`
	// Complete says whether the request can continue: everything required is present and valid.
	Complete bool `json:"complete"`
	// Missing lists what is required and is absent or invalid.
	Missing []workflow.Fault `json:"missing,omitempty"`
	// Advised lists what a reviewer may want to ask for.
	Advised []workflow.Fault `json:"advised,omitempty"`
}

// item is one part of a complete request; the weights of all add up to 100.
type item struct {
	path     string
	weight   int
	required bool
	present  bool
	advice   string
}

func (s *Set) items(r orchestrator.Request) []item {
	q := r.Requirements
	described := len(q.Inclusion) > 0
	for _, c := range q.Inclusion {
		described = described && c.Description != ""
	}
	return []item{
		{"title", 5, true, r.Title != "", ""},
		{"description", 10, true, r.Description != "", ""},
		{"researcher.name", 5, true, r.Researcher.Name != "", ""},
		{"researcher.email", 5, true, r.Researcher.Email != "", ""},
		{"researcher.department", 5, true, r.Researcher.Department != "", ""},
		{"protocol", 15, true, r.Protocol != "", ""},
		{"requirements.inclusion", 20, true, len(q.Inclusion) > 0, ""},
		{"requirements.dataElements", 15, true, len(q.DataElements) > 0, ""},
		{"requirements.period", 5, false, q.Period != nil, "is open: data of all time is asked for"},
		{"requirements.minimumCohort", 5, false, q.MinimumCohort > 0, "is not set: any cohort is feasible"},
		{"requirements.exclusion", 3, false, len(q.Exclusion) > 0, "is empty: nobody is excluded"},
		{"requirements.inclusion.description", 3, false, described, "is missing for a criterion: reviewers read words"},
		{"requirements.phiLevel", 2, false, q.PHILevel != "", "is not set: de-identified"},
		{"requirements.format", 2, false, q.Format != "", "is not set: csv"},
	}
}

// requirements scores the request and lists what is missing or invalid.
func (s *Set) requirements(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
	var out Requirements
	for _, it := range s.items(step.Request) {
		switch {
		case it.present:
			out.Score += it.weight
		case it.required:
			out.Missing = append(out.Missing, workflow.Fault{Path: it.path, Message: "is missing"})
		default:
			out.Advised = append(out.Advised, workflow.Fault{Path: it.path, Message: it.advice})
		}
	}
	for _, f := range s.CheckRequirements(ctx, step.Request.Requirements) {
		f.Path = "requirements." + f.Path
		out.Missing = append(out.Missing, f)
	}
	out.Complete = len(out.Missing) == 0
	if out.Complete {
		return orchestrator.StepResult{
			Event: workflow.EventComplete, Output: out, Reason: fmt.Sprintf("completeness %d of 100", out.Score),
		}, nil
	}
	missing := make([]string, len(out.Missing))
	for i, f := range out.Missing {
		missing[i] = f.String()
	}
	return orchestrator.StepResult{
		Event: workflow.EventIncomplete, Output: out,
		Reason: fmt.Sprintf("completeness %d of 100: %s", out.Score, strings.Join(missing, "; ")),
	}, nil
}
