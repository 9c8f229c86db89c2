package orchestrator

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Store keeps requests. Package store implements it for PostgreSQL and SQLite; package store/storetest
// holds the suite that any other implementation must pass.
//
// Everything that changes a request is one [Commit]: the orchestrator reads a [Snapshot], computes the
// change, and the store writes all of it or nothing, if the request still has the version that was read.
// All times come from the database's clock. A Store is safe for use by several goroutines; several
// stores on one database may belong to several processes.
type Store interface {
	// Now reads the database's clock.
	Now(ctx context.Context) (time.Time, error)
	// Snapshot reads a request with its open gate and step, the head of its audit chain, and the
	// database's clock at that moment. It fails with ErrNotFound.
	Snapshot(ctx context.Context, request string) (*Snapshot, error)
	// Commit writes a change in one transaction. It fails with
	//   - ErrConflict when the request's version is not c.Expect,
	//   - ErrDuplicate when c.Expect is 0 and the request or its idempotency key exists,
	//   - ErrFenced when an execution's token is not the expected one or its lease was taken or ended,
	//   - ErrUnknownOutcome when the connection broke and the store could not find out.
	// A broken connection after which the store found the commit in the database is a success.
	// Each error but ErrUnknownOutcome means that nothing was written.
	Commit(ctx context.Context, c *Commit) error
	// Committed says whether a commit is in the database. It waits for a commit that is under way.
	Committed(ctx context.Context, commit string) (bool, error)

	// ClaimSteps leases executions that may run now (ready, or running with an ended lease) to an owner
	// and raises their fencing tokens. Requests of higher priority come first, then older ones.
	ClaimSteps(ctx context.Context, c StepClaim) ([]Execution, error)
	// RenewLease extends a lease and stores progress; it fails with ErrFenced when the lease was lost.
	RenewLease(ctx context.Context, l Lease, p *Progress) error
	// ReleaseLease ends a lease now, so that another owner can claim at once. It raises the fencing token. A lease
	// that is not held any more is left alone.
	ReleaseLease(ctx context.Context, l Lease) error
	// DueTimers returns timers whose time has come, oldest first, without those of parked requests: they are due
	// again when the request is taken up. Firing one is a Commit with FireTimer.
	DueTimers(ctx context.Context, limit int) ([]Timer, error)
	// ClaimMessages leases outbox messages that may be delivered now, oldest first: never a message of a
	// request (or of the host) while an older one of the same kind and request is undelivered.
	ClaimMessages(ctx context.Context, c MessageClaim) ([]Message, error)
	// FinishMessage removes a delivered message (err == ""), or stores the error class of the attempt and lets it be claimed
	// again after retry. A claim that is no longer held changes nothing.
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
	// StateDurations returns, for each state left in [from, to), how long it was held, state by state.
	StateDurations(ctx context.Context, from, to time.Time) iter.Seq2[StateDuration, error]
	// Backlog measures the queue of steps, the timers and the outbox.
	Backlog(ctx context.Context) (Backlog, error)

	// Digest returns the digest that a request was submitted with.
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
	// Outputs returns the newest output of each step of a request that succeeded, by step name.
	Outputs(ctx context.Context, request string) (map[string]json.RawMessage, error)

	// PutDefinition stores a definition under its hash; storing it again changes nothing.
	PutDefinition(ctx context.Context, hash string, canonical []byte) error
	// Definition returns a stored definition, or ErrNotFound.
	Definition(ctx context.Context, hash string) ([]byte, error)

	// AuditHead returns the end of a chain (the zero Head where there is none) and the database's clock.
	AuditHead(ctx context.Context, chain string) (audit.Head, time.Time, error)
	// AppendAudit appends entries to a chain that is no request's, with messages about them, in one transaction, if
	// the chain still ends with prev; else it fails with ErrConflict, and nothing was written.
	AppendAudit(ctx context.Context, prev audit.Head, entries []audit.Sealed, messages []Message) error
	// AuditEntries streams a chain's entries with Seq > after, in order.
	AuditEntries(ctx context.Context, chain string, after int64) iter.Seq2[audit.Sealed, error]
	// AuditChains streams the names of all chains.
	AuditChains(ctx context.Context) iter.Seq2[string, error]

	// Ping fails when the database cannot be used.
	Ping(ctx context.Context) error
}

// Waker is what a [Store] offers that can tell other processes that there is something to do. Nothing
// depends on it: hosts also poll.
type Waker interface {
	// Listen calls wake whenever another process (or this one) has committed something, and when the
	// connection was lost in between, until ctx ends. It returns ctx's error, or another one when it
	// cannot listen; then it may be called again.
	Listen(ctx context.Context, wake func()) error
	// Wake tells the others. It may lose and may join calls.
	Wake(ctx context.Context) error
}

// Snapshot is a request as it was read, with what the next change of it needs.
type Snapshot struct {
	Request Request
	// Audit is the end of the request's audit chain.
	Audit audit.Head
	// Now is the database's clock when the request was read.
	Now time.Time
}

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

// StepClaim asks for executions.
type StepClaim struct {
	Owner string
	Lease time.Duration
	// Steps are the names of the steps wanted, with how many of each at most.
	Steps map[string]int
}

// Lease identifies a held lease.
type Lease struct {
	Execution string
	Owner     string
	Token     int64
	// For is how long from now; RenewLease only.
	For time.Duration
}

// TimerKind says what a timer is for.
type TimerKind string

// The kinds of timer.
const (
	TimerRemind   TimerKind = "remind"   // a gate's reminder
	TimerEscalate TimerKind = "escalate" // a gate's time-out
	TimerOverdue  TimerKind = "overdue"  // the request's due date has passed
)

// Timer is a durable timer of a request.
type Timer struct {
	ID      string    `json:"id"`
	Request string    `json:"request"`
	Kind    TimerKind `json:"kind"`
	Gate    string    `json:"gate,omitempty"`
	FireAt  time.Time `json:"fireAt"`
}

// MessageKind says what an outbox message is for.
type MessageKind string

// The kinds of message.
const (
	MessageNotification MessageKind = "notification" // payload: [Notification]
	MessageAudit        MessageKind = "audit"        // payload: [audit.Sealed]
)

// Message is an outbox message: delivered at least once, under a stable id.
type Message struct {
	ID   string      `json:"id"` // UUIDv7
	Kind MessageKind `json:"kind"`
	// Request is the request's id, or [audit.SystemChain] for entries of the host.
	Request string `json:"request"`
	// Seq is the order within the request: version * 1000 + n. Of entries of the host it is their own.
	Seq       int64           `json:"seq"`
	Payload   json.RawMessage `json:"payload"`
	CreatedAt time.Time       `json:"createdAt"`
	Attempts  int             `json:"attempts"`
}

// MessageClaim asks for outbox messages.
type MessageClaim struct {
	Owner string
	Lease time.Duration
	Kinds []MessageKind
	Limit int
}

// Query selects requests. Zero fields select everything.
type Query struct {
	States []string
	// Live selects requests that live (true) or ended (false).
	Live *bool
	// Researcher is the opaque id of the researcher (their e-mail address unless the host gave another).
	Researcher string
	Assignee   string
	// Overdue selects live requests whose due date, or whose open gate's, has passed.
	Overdue bool
	// Parked selects requests that no host can go on with.
	Parked bool
	// Definitions selects requests that are bound to one of these definitions, by hash.
	Definitions []string
	// Text selects requests whose title holds words that begin with each of these words, in any order.
	Text string
	// Limit is the size of a page: 0 means 50, at most 1000.
	Limit int
	// Cursor is the Next of the page before.
	Cursor string
}

// Page is a page of requests: highest priority first, then oldest.
type Page struct {
	Requests []Request
	// Next is the cursor of the next page; "" this is the last.
	Next string
}

// StateCount is how many requests are in a state.
type StateCount struct {
	State string `json:"state"`
	Live  bool   `json:"live"`
	Count int64  `json:"count"`
}

// StateDuration is how long a state was held once, or, from Durations, statistics over many.
type StateDuration struct {
	State string
	Held  time.Duration
}

// Backlog is what waits. Ages are on the database's clock.
type Backlog struct {
	ReadySteps    int64         // steps that could run now
	OldestReady   time.Duration // how long the oldest of them could have
	RunningSteps  int64
	ExpiredLeases int64
	OldestLease   time.Duration // since the longest running step started
	DueTimers     int64
	Messages      int64 // undelivered outbox messages
	OldestMessage time.Duration
}

// Notification tells people about a request.
type Notification struct {
	ID      string           `json:"id"` // stable; equal for repeats
	Kind    NotificationKind `json:"kind"`
	Request string           `json:"request"`
	State   string           `json:"state"`
	Gate    string           `json:"gate,omitempty"`
	// Roles to tell; empty: whom To names, else the researcher and the assignee.
	Roles []string `json:"roles,omitempty"`
	// To is the opaque id of the one person to tell: the delegate, where a gate was delegated.
	To string    `json:"to,omitempty"`
	At time.Time `json:"at"`
}

// NotificationKind says why people are told.
type NotificationKind string

// The kinds of notification.
const (
	NotifyGateOpened NotificationKind = "gate.opened"
	NotifyReminder   NotificationKind = "gate.reminder"
	NotifyEscalation NotificationKind = "gate.escalated"
	NotifyDelegated  NotificationKind = "gate.delegated"
	NotifyOverdue    NotificationKind = "request.overdue"
	NotifyClosed     NotificationKind = "request.closed"
	NotifyStepFailed NotificationKind = "step.failed"
)

// Notifier tells people. It may be called again with the same notification (same ID) after a failure or a crash.
type Notifier interface {
	Notify(ctx context.Context, n Notification) error
}

// NotifierFunc is a function as a [Notifier].
type NotifierFunc func(ctx context.Context, n Notification) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, n Notification) error { return f(ctx, n) }
