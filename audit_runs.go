package researchflow

import (
	"context"
	"errors"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/steps"
	"github.com/researchflow/researchflow/runner"
)

// auditRun writes a run of a view to the audit trail: before the first byte is read, and again, with counts, when it
// has ended. A run on behalf of a request goes to the request's chain, any other to the system's. If it fails, the run
// is refused.
func (f *Flow) auditRun(ctx context.Context, ev runner.AuditEvent) error {
	phase := "requested"
	if ev.Done {
		phase = "completed"
	}
	e := audit.Entry{
		Type: audit.ViewRun, Action: audit.Execute,
		Entity: []audit.Entity{
			{Kind: "view", Ref: ev.View, After: ev.Digest, Count: ev.Stats.Rows},
			{Kind: "resource", Ref: ev.Resource, Count: ev.Stats.Resources},
			{Kind: "phase", Ref: phase},
		},
	}
	if ev.Cached {
		e.Entity = append(e.Entity, audit.Entity{Kind: "cache", Ref: "hit"})
	}
	if ev.Patients >= 0 {
		e.Patient = &audit.Patient{Count: int64(ev.Patients)}
	}
	if f.FHIR != nil {
		e.Where.FHIRBase = f.FHIR.BaseURL()
	}
	if ev.Err != nil {
		e.Outcome, e.Error = audit.Serious, runErrorClass(ev.Err)
	}
	if step, ok := steps.StepOf(ctx); ok {
		return step.Audit(ctx, e)
	}
	e.Chain = audit.SystemChain
	return f.Orchestrator.Record(ctx, e)
}

// runErrorClass classifies an error in one of a few fixed words, because error texts name places in the data.
func runErrorClass(err error) string {
	var (
		run    *runner.RunError
		source *runner.SourceError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, runner.ErrLimit):
		return "limit"
	case errors.As(err, &run):
		return "resource"
	case errors.As(err, &source):
		return "source"
	}
	return "error"
}
