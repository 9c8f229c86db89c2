package orchestrator

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Store keeps requests. Package store implements it for PostgreSQL and SQLite; package store/storetest has the tests
// that every implementation must pass.
//
// Each change of a request is one [Commit]: the orchestrator reads a [Snapshot] and computes the change, and the store
// writes all of it or nothing, provided that the request still has the version that was read. All times come from the
// database's clock. A Store is safe for use by several goroutines, and several processes may have stores on one
// database.
type Store interface {
	// Now reads the database's clock.
	Now(ctx context.Context) (time.Time, error)
	// Snapshot reads a request with its open gate and step, the head of its audit chain, and the
	// database's clock at that moment. It fails with ErrNotFound.
	Snapshot(ctx context.Context, request string) (*Snapshot, error)
	// Commit writes a change in one transaction. It fails with
	//   - ErrConflict when the request's version is not c.Expect,
	//   - ErrDuplicate when c.Expect is 0 and the request or its idempotency key exists,
	//   - ErrFenced when an execution has another token than expected, or its lease was taken or ended,
	//   - ErrUnknownOutcome when the connection broke and the store could not find out.
	// When the connection breaks and the store then finds the commit in the database, that is a success. Every other
	// error than ErrUnknownOutcome means that nothing was written.
	Commit(ctx context.Context, c *Commit) error
	// Committed says whether a commit, given by its id, is in the database. It waits for a commit that is in progress.
	Committed(ctx context.Context, commit string) (bool, error)

	// ClaimSteps leases executions that may run now (ready, or running with an expired lease) to an owner and raises
	// their fencing tokens. Requests of higher priority come first, then older ones.
	ClaimSteps(ctx context.Context, c StepClaim) ([]Execution, error)
	// RenewLease extends a lease and stores progress, if any; it fails with ErrFenced when the lease was lost.
	RenewLease(ctx context.Context, l Lease, p *Progress) error
	// ReleaseLease ends a lease now, so that another owner can claim at once. It raises the fencing token. It does
	// nothing when the lease is no longer held.
	ReleaseLease(ctx context.Context, l Lease) error
	// DueTimers returns due timers, oldest first, except those of parked requests, which are due again when the
	// request is unparked. A Commit with FireTimer fires a timer.
	DueTimers(ctx context.Context, limit int) ([]Timer, error)
	// ClaimMessages leases outbox messages that may be delivered now, oldest first. A message waits while an older one
	// of the same kind and request (or of the host) is undelivered.
	ClaimMessages(ctx context.Context, c MessageClaim) ([]Message, error)
	// FinishMessage removes a delivered message (errorClass is ""), or stores the attempt's error class and makes the
	// message available after retry. It does nothing when the claim is no longer held.
	FinishMessage(ctx context.Context, id, owner string, errorClass string, retry time.Duration) error

	// RequestByKey returns the id of the request with an idempotency key, or ErrNotFound.
	RequestByKey(ctx context.Context, key string) (string, error)
	// RequestOfGate returns the id of the request a gate belongs to, or ErrNotFound.
	RequestOfGate(ctx context.Context, gate string) (string, error)
	// Requests returns a page of the requests that a query selects.
	Requests(ctx context.Context, q Query) (Page, error)
	// Inbox returns a page of those among them that are not suspended and have an open gate that one of the roles may
	// decide. Without roles the page is empty.
	Inbox(ctx context.Context, roles []string, q Query) (Page, error)
	// Counts counts live and ended requests by state.
	Counts(ctx context.Context) ([]StateCount, error)
	// StateDurations streams how long requests stayed in each state, for stays that ended in [from, to), ordered by
	// state.
	StateDurations(ctx context.Context, from, to time.Time) iter.Seq2[StateDuration, error]
	// Backlog measures the queue of steps, the timers and the outbox.
	Backlog(ctx context.Context) (Backlog, error)

	// Digest returns the digest of the content that a request was submitted with.
	Digest(ctx context.Context, request string) (string, error)
	// History, RequirementsVersions, Gates, Escalations, Interventions, Executions, FeasibilityReports and
	// Deliveries return all such rows of a request, oldest first.
	History(ctx context.Context, request string) ([]StateChange, error)
	RequirementsVersions(ctx context.Context, request string) ([]RequirementsVersion, error)
	Gates(ctx context.Context, request string) ([]Gate, error)
	Escalations(ctx context.Context, request string) ([]Escalation, error)
	Interventions(ctx context.Context, request string) ([]Intervention, error)
	Executions(ctx context.Context, request string) ([]Execution, error)
	FeasibilityReports(ctx context.Context, request string) ([]FeasibilityReport, error)
	Deliveries(ctx context.Context, request string) ([]Delivery, error)
	// Timers returns a request's timers that have not fired.
	Timers(ctx context.Context, request string) ([]Timer, error)
	// Outputs returns the newest output of each of a request's steps that succeeded, by step name.
	Outputs(ctx context.Context, request string) (map[string]json.RawMessage, error)

	// PutDefinition stores a definition under its hash; storing it again changes nothing.
	PutDefinition(ctx context.Context, hash string, canonical []byte) error
	// Definition returns a stored definition, or ErrNotFound.
	Definition(ctx context.Context, hash string) ([]byte, error)

	// AuditHead returns the end of a chain (the zero Head where there is none) and the database's clock.
	AuditHead(ctx context.Context, chain string) (audit.Head, time.Time, error)
	// AppendAudit appends entries to a chain that belongs to no request, and their messages, in one transaction. It
	// fails with ErrConflict, and writes nothing, when the chain does not end with prev.
	AppendAudit(ctx context.Context, prev audit.Head, entries []audit.Sealed, messages []Message) error
	// AuditEntries streams a chain's entries with Seq > after, in order.
	AuditEntries(ctx context.Context, chain string, after int64) iter.Seq2[audit.Sealed, error]
	// AuditChains streams the names of all chains.
	AuditChains(ctx context.Context) iter.Seq2[string, error]

	// Ping fails when the database cannot be used.
	Ping(ctx context.Context) error
}

// Waker is an optional part of a [Store]: it tells other processes that there is work. Nothing depends on it, since
// hosts also poll.
type Waker interface {
	// Listen calls wake whenever a process has committed something, and after a lost connection, until ctx ends. It
	// returns ctx's error, or another one when it cannot listen; then it may be called again.
	Listen(ctx context.Context, wake func()) error
	// Wake wakes the listeners. Calls may be lost or joined.
	Wake(ctx context.Context) error
}

// Snapshot is a request as it was read, with what its next change needs.
type Snapshot struct {
	Request Request
	// Audit is the end of the request's audit chain.
	Audit audit.Head
	// Now is the database's clock when the request was read.
	Now time.Time
}
