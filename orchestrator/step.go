package orchestrator

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// StepHandler does the work of a step. It must be safe for use by several goroutines, since it serves many requests at
// once.
//
// A step runs at least once. Its effects happen exactly once if they are made in [StepResult].Effect. For other
// effects there are [StepContext].IdempotencyKey, which is the same for every attempt at one visit of the state, and
// [StepContext].Token, which rises with every takeover.
//
// An error or a panic is a failed attempt; wrap an error with [Permanent] when another attempt would not help. Errors
// must not contain patients' data: their text is stored.
type StepHandler interface {
	// Run does the work of one attempt. Its context ends when the lease is lost, the request leaves the state, the
	// attempt times out, or the host stops. A change by another host is noticed when the lease is renewed, three times
	// in its span.
	Run(ctx context.Context, step *StepContext) (StepResult, error)
}

// StepFunc is a function as a [StepHandler].
type StepFunc func(ctx context.Context, step *StepContext) (StepResult, error)

// Run calls f.
func (f StepFunc) Run(ctx context.Context, step *StepContext) (StepResult, error) {
	return f(ctx, step)
}

// StepResult is what a successful attempt returns. It is stored in the transaction that moves the request on.
type StepResult struct {
	// Event is the outcome, which decides the next state; it must have a transition in the definition.
	Event string
	// Output is stored as JSON for later steps (see [OutputOf]); nil means none. It has at most [MaxOutput] bytes:
	// large results belong in files that it names.
	Output any
	// Reason goes to the request's history, for people; "" means none.
	Reason string
	// Feasibility and Delivery are stored as rows of their own.
	Feasibility *FeasibilityReport
	Delivery    *Delivery
	// Effect, when not nil, runs in the same transaction, so that its effects happen exactly once. It may be called
	// more than once but is committed once, so it must use only tx.
	Effect func(ctx context.Context, tx Tx) error
}

// MaxOutput is the maximum size of a step's output in bytes of JSON.
const MaxOutput = 1 << 20

// Tx is the transaction of the database that moves the request on.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ExecutionStatus is the status of one attempt at a step.
type ExecutionStatus string

// The execution statuses.
const (
	StepReady     ExecutionStatus = "ready"
	StepRunning   ExecutionStatus = "running"
	StepSucceeded ExecutionStatus = "succeeded"
	StepFailed    ExecutionStatus = "failed"
	// StepLost: its host's lease expired; another attempt followed.
	StepLost ExecutionStatus = "lost"
	// StepCancelled: the request left the state, or another attempt was started, before this one ended.
	StepCancelled ExecutionStatus = "cancelled"
	// StepPaused: the request is suspended.
	StepPaused ExecutionStatus = "paused"
)

// Execution is one attempt at a step.
type Execution struct {
	ID      string          `json:"id"`
	Request string          `json:"request"`
	State   string          `json:"state"`
	Step    string          `json:"step"`
	Visit   int64           `json:"visit"`   // Seq of the history row that entered the state
	Attempt int             `json:"attempt"` // from 1, per visit
	Failed  int             `json:"failed"`  // how many attempts of this visit failed before
	Lost    int             `json:"lost"`    // how many attempts of this visit lost their host before
	Status  ExecutionStatus `json:"status"`
	RunAt   time.Time       `json:"runAt"` // it does not run before
	// Owner is the instance that holds the lease until LeaseUntil; Token is the fencing token.
	Owner      string          `json:"owner,omitempty"`
	Token      int64           `json:"token"`
	LeaseUntil time.Time       `json:"leaseUntil,omitzero"`
	StartedAt  time.Time       `json:"startedAt,omitzero"`
	FinishedAt time.Time       `json:"finishedAt,omitzero"`
	Event      string          `json:"event,omitempty"`      // the outcome
	ErrorClass string          `json:"errorClass,omitempty"` // error, panic, timeout, lost, stopped, outcome
	ErrorText  string          `json:"errorText,omitempty"`
	Progress   Progress        `json:"progress,omitzero"`
	Output     json.RawMessage `json:"output,omitempty"`
	Priority   Priority        `json:"-"`
}

// Progress is how far a running step says it is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 means unknown
	Note  string `json:"note,omitempty"`
}
