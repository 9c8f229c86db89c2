package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Commit is one change of a request, to be written in one transaction.
type Commit struct {
	// ID is the id of the first audit entry; no other commit has it.
	ID string
	// Expect is the version the request must have; 0: it must not exist.
	Expect int64
	// Request is the whole row after the change, with Version = Expect + 1. Its Gate and Step are not written from
	// here, but from the fields below.
	Request *Request
	// IdempotencyKey and Digest are written when Expect is 0.
	IdempotencyKey string
	Digest         string
	// Head is the end of the audit chain after Audit.
	Head  audit.Head
	Audit []audit.Sealed

	History      []StateChange
	Requirements *RequirementsVersion

	// End are executions that end or pause; each must be ready, running or paused.
	End []ExecutionEnd
	// Start marks a claimed execution as running.
	Start *ExecutionStart
	// Fence is the lease that the writer must still hold, when neither End nor Start says so.
	Fence *Lease
	// Insert are new executions.
	Insert []Execution

	OpenGates []Gate
	// Gates are existing ones, whose status, due time and escalations change.
	Gates       []Gate
	Approvals   []Approval
	Delegations []Delegation
	Escalations []Escalation

	Interventions []Intervention

	Feasibility *FeasibilityReport
	Delivery    *Delivery

	// FireTimer is the id of the timer this commit is the firing of; it must exist (else ErrConflict) and is deleted.
	FireTimer string
	// ClearTimers deletes the request's timers of these kinds, before Timers are inserted.
	ClearTimers []TimerKind
	Timers      []Timer

	Messages []Message

	// Reprioritize gives the request's priority to its executions as well.
	Reprioritize bool

	// Effects run in the transaction after all else was written; an error rolls everything back and is returned.
	Effects []func(ctx context.Context, tx Tx) error
}

// ExecutionStart marks a claimed execution as running.
type ExecutionStart struct {
	ID        string
	Token     int64 // must be the row's, else ErrFenced
	StartedAt time.Time
}

// ExecutionEnd ends or pauses an execution.
type ExecutionEnd struct {
	ID string
	// Token must be the row's, else ErrFenced; 0 takes whatever there is (the request leaves the state),
	// and raises the row's token so that its owner notices.
	Token      int64
	Status     ExecutionStatus
	At         time.Time
	Event      string
	ErrorClass string
	ErrorText  string
	Output     json.RawMessage
}
