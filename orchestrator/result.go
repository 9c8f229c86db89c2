package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// check refuses a result that the definition has no transition for, or that a store cannot hold.
func (o *Orchestrator) check(ctx context.Context, run *execution, result StepResult) (json.RawMessage, error) {
	own := func(t workflow.Transition) bool { return t.From != workflow.AnyLive } // events from any live state are for people
	if result.Event == workflow.EventStepFailed || !slices.ContainsFunc(run.machine.Transitions(run.exec.State, result.Event), own) {
		return nil, Permanent(&outcomeError{fmt.Sprintf("state %s has no transition on the step's outcome %q", run.exec.State, clean(result.Event, 60))})
	}
	if err := result.Feasibility.validate(); err != nil {
		return nil, err
	}
	if err := result.Delivery.validate(); err != nil {
		return nil, err
	}
	if result.Output == nil {
		return nil, nil
	}
	var raw []byte
	err := o.contain(ctx, run, func() (err error) {
		raw, err = json.Marshal(result.Output)
		return err
	})
	var p *panicError
	if errors.As(err, &p) {
		return nil, err
	}
	if err != nil {
		return nil, Permanent(&outcomeError{"the step's output cannot be encoded as JSON"})
	}
	if len(raw) > MaxOutput {
		return nil, Permanent(&outcomeError{fmt.Sprintf("the step's output is longer than %d bytes", MaxOutput)})
	}
	if !utf8.Valid(raw) { // json.RawMessage is not checked by Marshal
		return nil, Permanent(&outcomeError{"the step's output is not UTF-8"})
	}
	return raw, nil
}

type outcomeError struct{ text string }

func (e *outcomeError) Error() string { return "orchestrator: " + e.text }

// validate refuses a report that a database cannot hold.
func (f *FeasibilityReport) validate() error {
	if f == nil {
		return nil
	}
	var v ValidationError
	for i, e := range f.Elements {
		v.text(fmt.Sprintf("elements[%d].name", i), e.Name, maxName)
		if math.IsNaN(e.Availability) || math.IsInf(e.Availability, 0) {
			v.add(fmt.Sprintf("elements[%d].availability", i), "is not a finite number")
		}
	}
	for i, reason := range f.Reasons {
		v.text(fmt.Sprintf("reasons[%d]", i), reason, maxReason)
	}
	return v.outcome("feasibility report")
}

// validate refuses a delivery that a database, or the audit trail, cannot hold.
func (y *Delivery) validate() error {
	if y == nil {
		return nil
	}
	var v ValidationError
	v.text("location", y.Location, maxReason)
	v.text("format", string(y.Format), maxName)
	v.text("manifestSHA256", y.ManifestSHA256, maxName)
	for i, f := range y.Files {
		v.text(fmt.Sprintf("files[%d].name", i), f.Name, maxReason)
		v.text(fmt.Sprintf("files[%d].sha256", i), f.SHA256, maxName)
	}
	return v.outcome("delivery")
}

// outcome returns the error of a step whose result has these faults.
func (e *ValidationError) outcome(what string) error {
	if len(e.Faults) == 0 {
		return nil
	}
	return Permanent(&outcomeError{fmt.Sprintf("the step's %s is invalid: %s", what, e.list())})
}
