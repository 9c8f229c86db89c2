package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

// StepContext is the input of one attempt at a step. The goroutines of the attempt may share it.
type StepContext struct {
	// Request is the request as it was when the step began; its requirements are the ones to answer.
	Request Request
	// Step is the step's name, Attempt counts from 1.
	Step    string
	Attempt int
	// IdempotencyKey is the same for every attempt at this visit of the state, and for nothing else.
	IdempotencyKey string
	// Token rises with every claim of the request's steps: a resource that remembers the highest token it has seen can
	// refuse an owner that has lost its lease.
	Token int64

	outputs  map[string]json.RawMessage // see OutputOf
	progress func(ctx context.Context, p Progress) error
	audit    func(ctx context.Context, entries []audit.Entry) error
}

// NewStepContext returns a context for calling a handler without an orchestrator, in tests. outputs are what
// [OutputOf] returns, by step; progress and audit entries are dropped.
func NewStepContext(r Request, step string, outputs map[string]json.RawMessage) *StepContext {
	return &StepContext{
		Request: r, Step: step, Attempt: 1, Token: 1, IdempotencyKey: fmt.Sprintf("%s/%d/%s", r.ID, r.Visit, step), outputs: outputs,
	}
}

// OutputOf decodes the newest output of an earlier step. It fails with [ErrNotFound] when that step has none. JSON
// members that T does not have are ignored, so that the output of a newer host can be read. Its errors are
// [Permanent], since another attempt would find the same output, and contain no values.
func OutputOf[T any](step *StepContext, name string) (T, error) {
	var v T
	raw, ok := step.outputs[name]
	if !ok {
		return v, Permanent(fmt.Errorf("%w: an output of step %s", ErrNotFound, name))
	}
	err := json.Unmarshal(raw, &v)
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ):
		return v, Permanent(fmt.Errorf("orchestrator: the output of step %s is not a %T: .%s is a JSON %s", name, v, typ.Field, input.Kind(typ)))
	case err != nil:
		return v, Permanent(fmt.Errorf("orchestrator: the output of step %s is not a %T", name, v))
	}
	return v, nil
}

// Progress stores how far the step is, for people who watch, and renews the lease. It fails with [ErrFenced] when the
// lease was lost: then the step should stop, since its result will be dropped. Steps need not call it: the library
// renews their leases.
func (s *StepContext) Progress(ctx context.Context, p Progress) error {
	if s.progress == nil {
		return nil
	}
	return s.progress(ctx, p)
}

// Audit commits entries to the request's audit chain now, under the step's lease. Chain, times, instance, purpose and
// protocol are filled in. A step that reads data must call it before passing on the first byte, and must not pass it
// on when Audit fails.
func (s *StepContext) Audit(ctx context.Context, entries ...audit.Entry) error {
	if s.audit == nil || len(entries) == 0 {
		return nil
	}
	return s.audit(ctx, entries)
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks a step's error as one that another attempt would not help. Permanent(nil) is nil.
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
