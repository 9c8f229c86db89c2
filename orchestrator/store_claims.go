package orchestrator

import (
	"encoding/json"
	"time"
)

// StepClaim says which executions to claim.
type StepClaim struct {
	Owner string
	Lease time.Duration
	// Steps maps the names of the wanted steps to the maximum number of executions of each.
	Steps map[string]int
}

// Lease identifies a held lease.
type Lease struct {
	Execution string
	Owner     string
	Token     int64
	// For is the duration from now; RenewLease only.
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
	// Seq orders the messages of a request: version * 1000 + n. For audit entries of the host it is the entry's Seq.
	Seq       int64           `json:"seq"`
	Payload   json.RawMessage `json:"payload"`
	CreatedAt time.Time       `json:"createdAt"`
	Attempts  int             `json:"attempts"`
}

// MessageClaim says which outbox messages to claim.
type MessageClaim struct {
	Owner string
	Lease time.Duration
	Kinds []MessageKind
	Limit int
}
