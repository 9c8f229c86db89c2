package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// StepContext is what a step is given. It may be shared by the goroutines of one run of the step.
type StepContext struct {
	// Request is the request as it was when the step began; its requirements are the ones to answer.
	Request Request
	// Step is the step's name, Attempt counts from 1.
	Step    string
	Attempt int
	// IdempotencyKey is the same for every attempt at this visit of the state, and for nothing else.
	IdempotencyKey string
	// Token rises with every claim of the request's steps: a resource that remembers the highest token
	// it has seen can turn away an owner that lost its lease.
	Token int64
	// Outputs are the newest outputs of the steps that succeeded before, by step name.
	Outputs map[string]json.RawMessage

	progress func(ctx context.Context, p Progress) error
	audit    func(ctx context.Context, entries []audit.Entry) error
}

// NewStepContext returns a context for calling a handler without an orchestrator, in tests: progress goes
// nowhere, and so do audit entries.
func NewStepContext(r Request, step string, outputs map[string]json.RawMessage) *StepContext {
	return &StepContext{
		Request: r, Step: step, Attempt: 1, Token: 1, IdempotencyKey: fmt.Sprintf("%s/%d/%s", r.ID, r.Visit, step), Outputs: outputs,
	}
}

// Requirements returns the requirements to answer.
func (s *StepContext) Requirements() Requirements { return s.Request.Requirements }

// Output decodes the newest output of an earlier step; false: that step has none. Its errors hold no values.
func (s *StepContext) Output(step string, into any) (bool, error) {
	raw, ok := s.Outputs[step]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, outputFault(step, into, err)
	}
	return true, nil
}

// Progress stores how far the step is and renews the lease. It fails with [ErrFenced] when the lease was
// lost: then the step should stop, for nothing it returns will be kept. The library renews leases by
// itself while a step runs; calling Progress is for people who watch.
func (s *StepContext) Progress(ctx context.Context, p Progress) error {
	if s.progress == nil {
		return nil
	}
	return s.progress(ctx, p)
}

// Audit commits entries to the request's audit chain now, under the step's lease. Chain, times, instance,
// purpose and protocol are filled in. Whoever reads data calls it before the first byte is handed on, and
// does not hand it on when Audit fails.
func (s *StepContext) Audit(ctx context.Context, entries ...audit.Entry) error {
	if s.audit == nil || len(entries) == 0 {
		return nil
	}
	return s.audit(ctx, entries)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent wraps a step's error for which another attempt is of no use. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

func isPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}
