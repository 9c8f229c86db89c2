package orchestrator

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Submit takes a request in and returns its id. (body follows)
func (o *Orchestrator) Submit(ctx context.Context, n NewRequest) (string, error) {
	return "", errors.ErrUnsupported
}

// Status returns a request as it is now, or ErrNotFound.
func (o *Orchestrator) Status(ctx context.Context, id string) (*Request, error) {
	return nil, errors.ErrUnsupported
}

// Active streams all live requests.
func (o *Orchestrator) Active(ctx context.Context) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) { yield(Request{}, errors.ErrUnsupported) }
}

// CountActive counts the live requests.
func (o *Orchestrator) CountActive(ctx context.Context) (int64, error) {
	return 0, errors.ErrUnsupported
}

// List returns a page of requests.
func (o *Orchestrator) List(ctx context.Context, q Query) (Page, error) {
	return Page{}, errors.ErrUnsupported
}

// History returns the states a request entered, first one first.
func (o *Orchestrator) History(ctx context.Context, id string) ([]StateChange, error) {
	return nil, errors.ErrUnsupported
}

// Watch yields the history rows of a request with Seq > after, those there are and those to come,
// whichever host writes them, until the request has ended.
func (o *Orchestrator) Watch(ctx context.Context, id string, after int64) iter.Seq2[StateChange, error] {
	return func(yield func(StateChange, error) bool) { yield(StateChange{}, errors.ErrUnsupported) }
}

// VerifyAudit verifies the chain of a request and returns its head.
func (o *Orchestrator) VerifyAudit(ctx context.Context, id string) (audit.Head, error) {
	return audit.Head{}, errors.ErrUnsupported
}

// AuditEntries streams the audit entries of a request.
func (o *Orchestrator) AuditEntries(ctx context.Context, id string) iter.Seq2[audit.Sealed, error] {
	return func(yield func(audit.Sealed, error) bool) { yield(audit.Sealed{}, errors.ErrUnsupported) }
}

// Record appends entries to a request's chain, or to the system's where Chain is audit.SystemChain.
func (o *Orchestrator) Record(ctx context.Context, entries ...audit.Entry) error {
	return errors.ErrUnsupported
}

// Decide records a decision at an open gate.
func (o *Orchestrator) Decide(ctx context.Context, d Decision) error { return errors.ErrUnsupported }

// Delegate lets somebody decide at a gate for a principal.
func (o *Orchestrator) Delegate(ctx context.Context, d Delegation) error {
	return errors.ErrUnsupported
}

// RequestScopeChange asks for another scope.
func (o *Orchestrator) RequestScopeChange(ctx context.Context, c ScopeChange) error {
	return errors.ErrUnsupported
}

// Amend is RequestScopeChange with changed requirements.
func (o *Orchestrator) Amend(ctx context.Context, c ScopeChange) error {
	return errors.ErrUnsupported
}

// Withdraw ends a request.
func (o *Orchestrator) Withdraw(ctx context.Context, id string, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// Suspend puts a request to rest.
func (o *Orchestrator) Suspend(ctx context.Context, id string, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// Resume ends a rest.
func (o *Orchestrator) Resume(ctx context.Context, id string, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// Retry has a failed step run again.
func (o *Orchestrator) Retry(ctx context.Context, id string, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// Reassign changes who looks after a request.
func (o *Orchestrator) Reassign(ctx context.Context, id, assignee string, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// SetPriority changes a request's priority.
func (o *Orchestrator) SetPriority(ctx context.Context, id string, p Priority, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// SetDue changes a request's due date; the zero time removes it.
func (o *Orchestrator) SetDue(ctx context.Context, id string, due time.Time, by Actor, reason string) error {
	return errors.ErrUnsupported
}

// Start runs steps, fires timers and delivers messages until Stop; it returns when running.
func (o *Orchestrator) Start(ctx context.Context) error { return errors.ErrUnsupported }

// Stop ends what Start began.
func (o *Orchestrator) Stop(ctx context.Context) error { return nil }

type metrics struct{}

func newMetrics(any, Store) (metrics, error) { return metrics{}, nil }
