package steps

import (
	"context"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
)

// Feasibility is the output of the step validate_feasibility.
type Feasibility struct {
	Feasible      bool `json:"feasible"`
	Cohort        int  `json:"cohort"` // patients
	MinimumCohort int  `json:"minimumCohort"`
	// Criteria says how many patients each criterion matched.
	Criteria []CriterionCount `json:"criteria"`
	// Elements are the data elements in the order of the request.
	Elements []orchestrator.ElementAvailability `json:"elements,omitempty"`
	// Reasons say why it is not feasible.
	Reasons []string `json:"reasons,omitempty"`
}

// feasibility finds the cohort and counts its data.
func (s *Set) feasibility(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
	r := step.Request.Requirements
	cohort, criteria, err := s.cohort(ctx, r)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	out := Feasibility{Cohort: len(cohort), MinimumCohort: r.MinimumCohort, Criteria: criteria}
	switch {
	case len(cohort) == 0:
		out.Reasons = append(out.Reasons, "no patient satisfies the criteria")
	case len(cohort) < r.MinimumCohort:
		out.Reasons = append(out.Reasons, fmt.Sprintf("%d patients satisfy the criteria, at least %d are needed", len(cohort), r.MinimumCohort))
	}
	for i, name := range r.DataElements {
		if len(cohort) == 0 {
			break
		}
		progress := orchestrator.Progress{Done: int64(i), Total: int64(len(r.DataElements)), Note: name}
		if err := step.Progress(ctx, progress); err != nil {
			return orchestrator.StepResult{}, err
		}
		e, err := s.availability(ctx, name, r.Period, cohort)
		if err != nil {
			return orchestrator.StepResult{}, err
		}
		out.Elements = append(out.Elements, e)
	}
	out.Feasible = len(out.Reasons) == 0
	result := orchestrator.StepResult{
		Event: workflow.EventFeasible, Output: out,
		Reason: fmt.Sprintf("cohort of %d patients", out.Cohort),
		Feasibility: &orchestrator.FeasibilityReport{
			Feasible: out.Feasible, Cohort: out.Cohort, MinimumCohort: out.MinimumCohort, Elements: out.Elements, Reasons: out.Reasons,
		},
	}
	if !out.Feasible {
		result.Event, result.Reason = workflow.EventNotFeasible, strings.Join(out.Reasons, "; ")
	}
	return result, nil
}

// availability runs a data element over the cohort and counts rows and the patients who have any.
func (s *Set) availability(
	ctx context.Context, name string, p *orchestrator.Period, cohort []string,
) (orchestrator.ElementAvailability, error) {
	e := orchestrator.ElementAvailability{Name: name}
	v, err := s.cfg.Views(name)
	if err != nil {
		return e, orchestrator.Permanent(err)
	}
	if v, err = availabilityView(v, p); err != nil {
		return e, orchestrator.Permanent(err)
	}
	patients := map[string]struct{}{}
	for row, err := range s.cfg.Runner.Stream(ctx, v, runner.Patients(cohort...), runner.OnError(s.cfg.OnError)) {
		if err != nil {
			return e, lasting(err)
		}
		e.Rows++
		if id, ok := patientID(row.Value(0).String()); ok {
			patients[id] = struct{}{}
		}
	}
	e.Patients = len(patients)
	e.Availability = float64(e.Patients) / float64(len(cohort))
	return e, nil
}
