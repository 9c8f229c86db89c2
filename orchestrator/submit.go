package orchestrator

import (
	"context"
	"errors"
	"fmt"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// PurposeResearch is the purpose of use of a request that names none: healthcare research (HL7 v3 ActReason).
const PurposeResearch = "HRESCH"

// Submit stores a new request and returns its id, such as REQ-20261123-1A2B3C4D. It fails with a [*ValidationError]
// that names every missing or wrong field, and with [ErrIdempotencyKey]. With an idempotency key it may be called
// again after any error and returns the same id.
func (o *Orchestrator) Submit(ctx context.Context, n NewRequest) (string, error) {
	n.Requirements = n.Requirements.withDefaults()
	if n.Purpose == "" {
		n.Purpose = PurposeResearch
	}
	if n.SubmittedBy.ID == "" {
		n.SubmittedBy = n.Researcher.Actor()
	}
	if err := n.Validate(); err != nil {
		return "", err
	}
	if err := o.checkRequirements(ctx, n.Requirements, "requirements."); err != nil {
		return "", err
	}
	content := n
	content.SubmittedBy.Address, content.SubmittedBy.Client = "", "" // a repeat may come from elsewhere
	digest, err := canonicalDigest(content)
	if err != nil {
		return "", invalid("request", "contains text that is not Unicode")
	}
	if n.IdempotencyKey != "" {
		id, err := o.sameRequest(ctx, n.IdempotencyKey, digest)
		if err == nil || !errors.Is(err, ErrNotFound) {
			return id, err
		}
	}
	if err := o.putDefinition(ctx); err != nil {
		return "", err
	}
	var last *draft
	for range maxConflicts {
		d, err := o.newRequest(ctx, n, digest, last)
		if err != nil {
			return "", err
		}
		err = o.commit(ctx, d)
		switch {
		case err == nil:
			return d.req.ID, nil
		case errors.Is(err, ErrConflict): // the connection broke, and the commit was not found
			last = d
		case errors.Is(err, ErrDuplicate):
			if last != nil {
				// The previous attempt may have been committed after all.
				if ok, err := o.store.Committed(ctx, last.commit.ID); err != nil || ok {
					return last.req.ID, err
				}
				last = nil
			}
			if n.IdempotencyKey != "" {
				id, err := o.sameRequest(ctx, n.IdempotencyKey, digest)
				if err == nil || !errors.Is(err, ErrNotFound) {
					return id, err
				}
			}
		default:
			return "", err
		}
	}
	return "", fmt.Errorf("orchestrator: submit: found no free id: %w", ErrConflict)
}

// sameRequest returns the id of the request with an idempotency key, if it has the same content.
func (o *Orchestrator) sameRequest(ctx context.Context, key, digest string) (string, error) {
	id, err := o.store.RequestByKey(ctx, key)
	if err != nil {
		return "", err
	}
	got, err := o.store.Digest(ctx, id)
	if err == nil && got != digest {
		err = ErrIdempotencyKey
	}
	if err != nil {
		return "", err
	}
	return id, nil
}

// newRequest drafts a request's first commit. After an attempt that may yet be committed it uses the same id, so that
// only one of the two can succeed.
func (o *Orchestrator) newRequest(ctx context.Context, n NewRequest, digest string, last *draft) (*draft, error) {
	now, err := o.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	id := newRequestID(now)
	if last != nil {
		id = last.req.ID
	}
	d := &draft{o: o, machine: o.machine, now: now, who: whoOf(n.SubmittedBy, workflow.RoleResearcher)}
	d.req = Request{
		ID: id, Title: n.Title, Description: n.Description, Researcher: n.Researcher, Protocol: n.Protocol,
		Purpose: n.Purpose, Priority: n.Priority, Due: n.Due.UTC(), SubmittedBy: n.SubmittedBy,
		Definition: o.machine.Hash(), Requirements: n.Requirements, SubmittedAt: now,
	}
	d.commit.IdempotencyKey, d.commit.Digest = n.IdempotencyKey, digest
	after, err := canonicalDigest(n.Requirements)
	if err != nil {
		return nil, err
	}
	err = d.audit(audit.Entry{
		Type: audit.RequestSubmitted, Action: audit.Create, Entity: []audit.Entity{
			{Kind: "requirements", Version: 1, After: after}, {Kind: "definition", Ref: o.machine.Definition().Name, After: o.machine.Hash()},
		},
	})
	if err != nil {
		return nil, err
	}
	d.req.RequirementsVersion = 1
	d.commit.Requirements = &RequirementsVersion{Request: id, Version: 1, Requirements: n.Requirements, By: n.SubmittedBy, At: now}
	if !n.Due.IsZero() {
		d.timer(TimerOverdue, "", n.Due.UTC())
	}
	f, err := facts(&d.req, nil)
	if err != nil {
		return nil, err
	}
	moves, next, err := o.machine.Begin(f)
	if err != nil {
		return nil, err
	}
	return d, d.follow(moves, next, n.SubmittedBy, "")
}

// putDefinition stores the definition of new requests, once per orchestrator.
func (o *Orchestrator) putDefinition(ctx context.Context) error {
	if o.stored.Load() {
		return nil
	}
	canonical, err := o.machine.Definition().Canonical()
	if err != nil {
		return err
	}
	if err := o.store.PutDefinition(ctx, o.machine.Hash(), canonical); err != nil {
		return err
	}
	o.stored.Store(true)
	return nil
}

// definition returns the definition that a request is bound to.
func (o *Orchestrator) definition(ctx context.Context, hash string) (*workflow.Machine, error) {
	if d, ok := o.definitions.Load(hash); ok {
		return d.(*workflow.Machine), nil
	}
	raw, err := o.store.Definition(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		return nil, &parkedError{"its definition is not in the database"}
	}
	if err != nil {
		return nil, err
	}
	def, err := workflow.Parse(raw)
	if err != nil {
		return nil, &parkedError{"its definition has a format that this program cannot read"}
	}
	m, err := workflow.Compile(def)
	if err != nil {
		return nil, err
	}
	if m.Hash() != hash {
		return nil, &parkedError{"its definition in the database does not have the hash of the one it was submitted under"}
	}
	o.definitions.Store(hash, m)
	return m, nil
}

// parkedError says why this host cannot continue a request.
type parkedError struct{ reason string }

func (e *parkedError) Error() string { return ErrParked.Error() + ": " + e.reason }
func (e *parkedError) Unwrap() error { return ErrParked }
