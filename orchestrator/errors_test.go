package orchestrator_test

import (
	"errors"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// TestErrorTexts: what typed errors say, and what they are for errors.Is.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	for _, tt := range []struct {
		err  error
		is   error
		want string
	}{
		{
			&orchestrator.DecidedError{Gate: "g1", Status: orchestrator.GateOpen, At: at},
			orchestrator.ErrDecided, "orchestrator: gate g1: the reviewer decided differently at 2026-03-01T11:00:00Z",
		},
		{
			&orchestrator.DecidedError{Gate: "g1", Status: orchestrator.GateClosed, At: at},
			orchestrator.ErrDecided, "orchestrator: gate g1 has been closed since 2026-03-01T11:00:00Z",
		},
		{
			&orchestrator.DeniedError{Rule: "role", Reason: "the gate is for data_steward"},
			orchestrator.ErrDenied, "orchestrator: denied (role): the gate is for data_steward",
		},
		{
			&orchestrator.TransitionError{Request: "REQ-1", State: "complete", Event: "retry"},
			orchestrator.ErrInvalidTransition, "orchestrator: request REQ-1: no transition from complete on retry",
		},
		{
			&orchestrator.ValidationError{Faults: []workflow.Fault{{Path: "title", Message: "is missing"}, {Path: "due", Message: "is past"}}},
			orchestrator.ErrInvalid, "orchestrator: invalid request: title is missing; due is past",
		},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%T: got %q, want %q", tt.err, got, tt.want)
		}
		if !errors.Is(tt.err, tt.is) {
			t.Errorf("%T is not %v", tt.err, tt.is)
		}
	}
}
