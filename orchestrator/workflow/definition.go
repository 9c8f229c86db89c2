package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

// Definition is a workflow as data: states, the steps and gates in them, and the transitions between them. It must not
// be changed after it was compiled or given to an orchestrator; then goroutines may share it.
type Definition struct {
	Name string `json:"name"`
	// Initial is the state a submitted request enters first.
	Initial     string       `json:"initial"`
	States      []State      `json:"states"`
	Transitions []Transition `json:"transitions"`
}

// StateKind says what happens in a state.
type StateKind string

// The kinds of state.
const (
	// Pass is left at once, on [EventNext], in the transaction that entered it.
	Pass StateKind = "pass"
	// Working runs a step, whose outcome is the event that leaves the state.
	Working StateKind = "step"
	// Waiting waits at a gate for people to decide.
	Waiting StateKind = "gate"
	// Terminal ends the request.
	Terminal StateKind = "terminal"
)

// State is one state of a definition.
type State struct {
	Name string    `json:"name"`
	Kind StateKind `json:"kind"`
	// Step is the name of the step that a Working state runs.
	Step string `json:"step,omitempty"`
	// Retry is the step's retry policy; nil means [DefaultRetry].
	Retry *RetryPolicy `json:"retry,omitempty"`
	// Gate says who decides at a Waiting state.
	Gate *GateRule `json:"gate,omitempty"`
}

// GateRule says who decides at a gate, and what happens while nobody does.
type GateRule struct {
	// Roles may decide, each of them.
	Roles []string `json:"roles"`
	// Quorum is how many approvals are needed; the zero value means one.
	Quorum Quorum `json:"quorum,omitzero"`
	// Timeout is the time after which the gate escalates, repeatedly; 0 means never. A gate never approves by itself.
	Timeout Duration `json:"timeout,omitzero"`
	// Reminders are the times after opening at which reminders are sent; each is shorter than Timeout.
	Reminders []Duration `json:"reminders,omitempty"`
	// EscalateTo lists roles that are notified at the timeout and may decide from then on.
	EscalateTo []string `json:"escalateTo,omitempty"`
}

// Quorum says how many approvals settle a gate. A single rejection or modification settles it at once.
type Quorum struct {
	// Approvals is the number of approvals needed; 0 means 1.
	Approvals int `json:"approvals,omitempty"`
	// EachRole requires an approval from each of the gate's roles; Approvals is then ignored. After an escalation, an
	// approval in a role of EscalateTo replaces that of one missing role.
	EachRole bool `json:"eachRole,omitempty"`
}

// RetryPolicy says how often and when a failed step runs again.
type RetryPolicy struct {
	// Attempts is the maximum number of attempts, at least 1; when the last one fails, [EventStepFailed] occurs.
	Attempts int `json:"attempts"`
	// Takeovers is how often a step may lose its host (its lease expires) before it has failed for good.
	Takeovers int `json:"takeovers"`
	// Backoff is the wait before the second attempt. It doubles with each failure up to MaxBackoff, with jitter.
	Backoff    Duration `json:"backoff"`
	MaxBackoff Duration `json:"maxBackoff"`
	// Timeout is the maximum duration of one attempt; 0 means none. At the timeout the handler's context ends, and a
	// result that it returns within one more lease still counts. After that the attempt has failed with the class
	// timeout, and the next one may begin, also on this host. The handler is abandoned: it keeps its slot until it
	// returns, its result is dropped, and its calls of Progress and Audit fail.
	Timeout Duration `json:"timeout,omitzero"`
}

// DefaultRetry returns the policy of a step without one: three attempts, ten takeovers, backoff from one second to one
// minute, no timeout.
func DefaultRetry() RetryPolicy {
	return RetryPolicy{
		Attempts: 3, Takeovers: 10, Backoff: Duration(time.Second), MaxBackoff: Duration(time.Minute),
	}
}

// Transition leads from one state to another on an event.
type Transition struct {
	// From is a state's name, or [AnyLive].
	From  string `json:"from"`
	Event string `json:"event"`
	// To is a state's name, or [Return].
	To string `json:"to"`
	// When lists conditions that must all hold. Of several transitions for one event the first whose conditions hold
	// is taken; the last must have no conditions.
	When []Condition `json:"when,omitempty"`
}

// Special names in transitions.
const (
	// AnyLive as From means every state that is neither a Pass nor a Terminal state, is not To, and has no transition
	// of its own for the event.
	AnyLive = "*"
	// Return as To means the state the request was in before it entered From.
	Return = "@return"
)

// Events that an orchestrator raises. Steps raise others as their outcomes.
const (
	EventSubmit      = "submit"       // into the initial state
	EventNext        = "next"         // leaves a Pass state
	EventApprove     = "approve"      // at a gate
	EventReject      = "reject"       // at a gate
	EventModify      = "modify"       // at a gate
	EventStepFailed  = "step_failed"  // a step failed for good
	EventScopeChange = "scope_change" // somebody asked for another scope
	EventWithdraw    = "withdraw"     // the researcher withdrew
	EventRetry       = "retry"        // a person wants a failed step to run again
)

// Duration is a time.Duration, in JSON a string such as "24h".
type Duration time.Duration

// D returns the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// MarshalText writes what time.ParseDuration reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("workflow: %q is not a duration such as 24h", text)
	}
	*d = Duration(v)
	return nil
}

// Parse reads a definition from JSON and validates it. Unknown members and trailing text are errors.
func Parse(data []byte) (*Definition, error) {
	var d Definition
	if err := input.Decode(data, &d); err != nil {
		return nil, fmt.Errorf("workflow: definition: %w", err)
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return &d, nil
}

// Canonical returns the definition as canonical JSON (RFC 8785).
func (d *Definition) Canonical() ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("workflow: definition: %w", err)
	}
	return audit.Canonical(raw)
}

// Hash returns the SHA-256 of the canonical JSON, in hex. A request is bound to it for life.
func (d *Definition) Hash() (string, error) {
	c, err := d.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(c)
	return hex.EncodeToString(sum[:]), nil
}

// State returns the state of a name, nil if there is none.
func (d *Definition) State(name string) *State {
	for i := range d.States {
		if d.States[i].Name == name {
			return &d.States[i]
		}
	}
	return nil
}

// Policy returns the retry policy of the state's step: Retry, or [DefaultRetry].
func (s *State) Policy() RetryPolicy {
	if s.Retry == nil {
		return DefaultRetry()
	}
	return *s.Retry
}
