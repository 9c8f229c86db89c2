package orchestrator

import (
	"context"
	"encoding/json"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Commit is one change of a request, to be written in one transaction.
type Commit struct {
	// ID identifies the commit: it is the id of the first audit entry.
	ID string
	// Expect is the version the request must have; 0: it must not exist.
	Expect int64
	// Request is the row after the change, with Version = Expect + 1. Its Gate and Step are written from the fields
	// below.
	Request *Request
	// IdempotencyKey and Digest are written when Expect is 0.
	IdempotencyKey string
	Digest         string
	// Head is the end of the audit chain after Audit.
	Head  audit.Head
	Audit []audit.Sealed

	History      []StateChange
	Requirements *RequirementsVersion

	// End lists executions that end or pause; each must be ready, running or paused.
	End []ExecutionEnd
	// Start marks a claimed execution as running.
	Start *ExecutionStart
	// Fence is a lease that the writer must still hold, nil for none. End and Start imply theirs.
	Fence *Lease
	// Insert are new executions.
	Insert []Execution

	OpenGates []Gate
	// Gates are existing gates whose status, due time or escalations change.
	Gates       []Gate
	Approvals   []Approval
	Delegations []Delegation
	Escalations []Escalation

	Interventions []Intervention

	Feasibility *FeasibilityReport
	Delivery    *Delivery

	// FireTimer is the id of the timer that this commit fires, "" for none. The timer is deleted; if it does not
	// exist, Commit fails with ErrConflict.
	FireTimer string
	// ClearTimers deletes the request's timers of these kinds, before Timers are inserted.
	ClearTimers []TimerKind
	Timers      []Timer

	Messages []Message

	// Reprioritize also sets the request's priority on its executions.
	Reprioritize bool

	// Effects run in the transaction after everything else was written; an error rolls everything back and is
	// returned.
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
	// Token must be the row's, else ErrFenced. 0 means any token (the request leaves the state) and raises the row's,
	// so that the owner notices.
	Token      int64
	Status     ExecutionStatus
	At         time.Time
	Event      string
	ErrorClass string
	ErrorText  string
	Output     json.RawMessage
}
