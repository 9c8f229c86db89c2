package orchestrator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/researchflow/researchflow/orchestrator/internal/input"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Conditions that callers test with errors.Is.
var (
	// ErrNotFound: no such request, gate, definition or requirements version.
	ErrNotFound = errors.New("orchestrator: not found")
	// ErrInvalidTransition: the request's state does not allow this.
	ErrInvalidTransition = errors.New("orchestrator: the request's state does not allow this")
	// ErrConflict: another writer changed the request first; nothing was written.
	ErrConflict = errors.New("orchestrator: another writer changed the request")
	// ErrFenced: the step's lease was lost; nothing was written.
	ErrFenced = errors.New("orchestrator: the step's lease was lost")
	// ErrDecided: the gate has been decided in another way; see [*DecidedError].
	ErrDecided = errors.New("orchestrator: the gate is decided")
	// ErrDenied: the actor may not do this; see [*DeniedError].
	ErrDenied = errors.New("orchestrator: denied")
	// ErrIdempotencyKey: the idempotency key was used for another request.
	ErrIdempotencyKey = errors.New("orchestrator: the idempotency key belongs to a request with different content")
	// ErrDuplicate is what a [Store] returns from Commit when the request's id or idempotency key exists.
	ErrDuplicate = errors.New("orchestrator: the request exists already")
	// ErrUnknownOutcome: the connection broke while a transaction was being committed, and the database could
	// not be asked whether it was. Read the request again before doing anything.
	ErrUnknownOutcome = errors.New("orchestrator: unknown whether the change was committed")
	// ErrUnsupported: the store cannot do this.
	ErrUnsupported = errors.New("orchestrator: not supported by this store")
	// ErrParked: this version of the program cannot continue the request; the error's text says why.
	ErrParked = errors.New("orchestrator: the request is parked")
	// ErrInvalid is wrapped by every [*ValidationError], and by the error of [New] for an invalid definition.
	ErrInvalid = errors.New("orchestrator: invalid")
)

// ValidationError lists everything wrong with a request or its requirements.
type ValidationError struct{ Faults []workflow.Fault }

// Error returns all faults in one line.
func (e *ValidationError) Error() string { return "orchestrator: invalid request: " + e.list() }

func (e *ValidationError) list() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.String()
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns [ErrInvalid].
func (e *ValidationError) Unwrap() error { return ErrInvalid }

func (e *ValidationError) add(path, message string) {
	e.Faults = append(e.Faults, workflow.Fault{Path: path, Message: message})
}

func (e *ValidationError) require(path, text string) bool {
	if strings.TrimSpace(text) == "" {
		e.add(path, "is missing")
		return false
	}
	return true
}

// plain refuses text that databases or canonical JSON cannot hold.
func (e *ValidationError) plain(path, text string) {
	if fault := input.TextFault(text); fault != "" {
		e.add(path, fault)
	}
}

// Maximum lengths in bytes. A name is that of a person, a role or a program; a document is JSON.
const (
	maxName     = 300
	maxReason   = 4000
	maxMeaning  = 200
	maxDocument = 1 << 20
)

// text refuses what plain refuses, and text that is too long.
func (e *ValidationError) text(path, text string, limit int) {
	e.plain(path, text)
	if len(text) > limit {
		e.add(path, fmt.Sprintf("is longer than %d bytes", limit))
	}
}

func (e *ValidationError) actor(path string, a Actor) {
	e.text(path+".system", a.System, maxName)
	if strings.Contains(a.System, "|") { // it separates system and id
		e.add(path+".system", "contains |")
	}
	e.text(path+".id", a.ID, maxName)
	e.text(path+".name", a.Name, maxName)
	for i, role := range a.Roles {
		e.text(fmt.Sprintf("%s.roles[%d]", path, i), role, maxName)
	}
	e.text(path+".address", a.Address, maxName)
	e.text(path+".client", a.Client, maxName)
}

// due refuses times that JSON cannot hold.
func (e *ValidationError) due(t time.Time) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		e.add("due", "is not in the years 1 to 9999")
	}
}

func invalid(path, message string) error {
	return &ValidationError{[]workflow.Fault{{Path: path, Message: message}}}
}

func (e *ValidationError) orNil() error {
	if len(e.Faults) == 0 {
		return nil
	}
	return e
}

// invalidDefinition makes the error of a definition one of kind ErrInvalid.
type invalidDefinition struct{ error }

// Unwrap returns ErrInvalid and the [*workflow.DefinitionError].
func (e *invalidDefinition) Unwrap() []error { return []error{ErrInvalid, e.error} }

// DecidedError says how a gate was decided.
type DecidedError struct {
	Gate    string
	Status  GateStatus
	Verdict Verdict // "" where the gate closed without a decision
	At      time.Time
}

// Error names the gate and its status.
func (e *DecidedError) Error() string {
	if e.Status == GateOpen {
		return fmt.Sprintf("orchestrator: gate %s: the reviewer decided differently at %s", e.Gate, e.At.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("orchestrator: gate %s has been %s since %s", e.Gate, e.Status, e.At.UTC().Format(time.RFC3339))
}

// Unwrap returns [ErrDecided].
func (e *DecidedError) Unwrap() error { return ErrDecided }

// DeniedError says why an actor may not do something.
type DeniedError struct {
	// Rule is one of "four-eyes", "role", "delegation", "owner", or what the host's [Authorizer] gave.
	Rule   string
	Reason string
}

// Error returns rule and reason.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("orchestrator: denied (%s): %s", e.Rule, e.Reason)
}

// Unwrap returns [ErrDenied].
func (e *DeniedError) Unwrap() error { return ErrDenied }

// TransitionError says which event a state has no transition for.
type TransitionError struct {
	Request, State, Event string
}

// Error names state and event.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("orchestrator: request %s: no transition from %s on %s", e.Request, e.State, e.Event)
}

// transitionError adds the request to an error of the machine.
func transitionError(request string, err error) error {
	var none *workflow.TransitionError
	if errors.As(err, &none) {
		return &TransitionError{Request: request, State: none.State, Event: none.Event}
	}
	return err
}

// Unwrap returns [ErrInvalidTransition].
func (e *TransitionError) Unwrap() error { return ErrInvalidTransition }
