package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// TypedResult is a [StepResult] whose output is of a type.
type TypedResult[Out any] struct {
	Event  string
	Output Out
	Reason string

	Feasibility *FeasibilityReport
	Delivery    *Delivery
	Effect      func(ctx context.Context, tx Tx) error
}

// Typed returns a handler whose input is the newest output of an earlier step, decoded into In, and whose output is of
// type Out. A missing input, or one that is no In, fails the step for good before run is called: another attempt would
// find the same. Members that In does not have are passed over, so that a newer host's output can be read. run must be
// safe for use by several goroutines.
func Typed[In, Out any](input string, run func(ctx context.Context, step *StepContext, in In) (TypedResult[Out], error)) StepHandler {
	return StepFunc(func(ctx context.Context, step *StepContext) (StepResult, error) {
		in, err := InputOf[In](step, input)
		if err != nil {
			return StepResult{}, err
		}
		r, err := run(ctx, step, in)
		if err != nil {
			return StepResult{}, err
		}
		return StepResult{
			Event: r.Event, Output: r.Output, Reason: r.Reason, Feasibility: r.Feasibility, Delivery: r.Delivery, Effect: r.Effect,
		}, nil
	})
}

// InputOf decodes the newest output of an earlier step. Its errors are [Permanent] and hold no values.
func InputOf[T any](step *StepContext, name string) (T, error) {
	var v T
	raw, ok := step.Outputs[name]
	if !ok {
		return v, Permanent(fmt.Errorf("orchestrator: there is no output of step %s", name))
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, Permanent(outputFault(name, v, err))
	}
	return v, nil
}

// outputFault says why a step's output is no T, without values.
func outputFault[T any](step string, v T, err error) error {
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fmt.Errorf("orchestrator: the output of step %s is not a %T: .%s is a JSON %s", step, v, typ.Field, jsonKind(typ))
	}
	return fmt.Errorf("orchestrator: the output of step %s is not a %T", step, v)
}
