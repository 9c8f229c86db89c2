package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Decide records a reviewer's decision at an open gate. If it settles the gate, the request moves on in the same
// transaction.
//
// A gate is decided once. Repeating the same decision (same reviewer, verdict, reason and patch) returns nil again; a
// different one fails with a [*DecidedError]. Decide fails with a [*DeniedError], recorded in the audit trail, when
// the reviewer may not decide here: the submitter, the researcher and whoever proposed the scope change never may
// (four eyes), and others need one of the gate's roles. It fails with a [*ValidationError] when the decision is
// incomplete or its patch does not result in valid requirements.
func (o *Orchestrator) Decide(ctx context.Context, dec Decision) error {
	if err := dec.validate(); err != nil {
		return err
	}
	digest, err := canonicalDigest(struct {
		Gate, By, For, Verdict, Reason string
		Patch                          any
	}{dec.Gate, personOf(&dec.By), personOf(dec.OnBehalfOf), string(dec.Verdict), dec.Reason, dec.Patch})
	if err != nil {
		return invalid("patch", "has a member twice, a number that exceeds float64, or text that is not Unicode")
	}
	id, err := o.store.RequestOfGate(ctx, dec.Gate)
	if err != nil {
		return err
	}
	return o.changeOrDeny(ctx, id, dec.By, func(ctx context.Context, d *draft) error {
		g, err := o.anyGate(ctx, d, dec.Gate)
		if err != nil {
			return err
		}
		if err := alreadyDecided(g, digest, dec.By, dec.OnBehalfOf); err != nil {
			return err
		}
		if d.req.Suspended != nil {
			return suspendedError(d.req.ID)
		}
		role, err := o.mayDecide(ctx, d, g, &dec)
		if err != nil {
			return err
		}
		return o.decide(ctx, d, g, &dec, role, digest)
	})
}

var sha256Hex = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

func (dec *Decision) validate() error {
	var v ValidationError
	v.require("gate", dec.Gate)
	v.text("gate", dec.Gate, maxName)
	v.require("by.id", dec.By.ID)
	v.actor("by", dec.By)
	if dec.OnBehalfOf != nil {
		v.require("onBehalfOf.id", dec.OnBehalfOf.ID)
		v.actor("onBehalfOf", *dec.OnBehalfOf)
	}
	v.text("reason", dec.Reason, maxReason)
	v.text("meaning", dec.Meaning, maxMeaning)
	if dec.Shown != "" && !sha256Hex.MatchString(dec.Shown) {
		v.add("shown", "is not a SHA-256 in hex")
	}
	switch dec.Verdict {
	case Approve:
	case Reject, Modify:
		v.require("reason", dec.Reason)
	default:
		v.add("verdict", "is not approve, reject or modify")
	}
	if dec.Verdict == Modify && len(dec.Patch) == 0 {
		v.add("patch", "is missing")
	}
	if dec.Verdict != Modify && len(dec.Patch) > 0 {
		v.add("patch", "is for the verdict modify only")
	}
	switch {
	case len(dec.Patch) > maxDocument:
		v.add("patch", fmt.Sprintf("is longer than %d bytes", maxDocument))
	case len(dec.Patch) > 0 && !json.Valid(dec.Patch):
		v.add("patch", "is not JSON")
	}
	return v.orNil()
}

func personOf(a *Actor) string {
	if a == nil {
		return ""
	}
	return a.System + "|" + a.ID
}

// anyGate returns a gate of the request, open or closed.
func (o *Orchestrator) anyGate(ctx context.Context, d *draft, id string) (*Gate, error) {
	if d.req.Gate != nil && d.req.Gate.ID == id {
		d.decided = d.req.Gate
		return d.req.Gate, nil
	}
	gates, err := o.store.Gates(ctx, d.req.ID)
	if err != nil {
		return nil, err
	}
	for i := range gates {
		if gates[i].ID == id {
			if gates[i].Status == GateOpen { // opened after the request was read
				return nil, ErrConflict
			}
			d.decided = &gates[i]
			return &gates[i], nil
		}
	}
	return nil, ErrNotFound
}

// alreadyDecided returns errNothing for a repeat of a decision. It returns a *DecidedError when the gate is settled,
// or when the reviewer or the principal has decided before in another way, in person or through a delegate.
func alreadyDecided(g *Gate, digest string, by Actor, onBehalfOf *Actor) error {
	for _, a := range g.Approvals {
		if a.Digest == digest {
			return errNothing
		}
	}
	decided := &DecidedError{Gate: g.ID, Status: g.Status, At: g.ClosedAt}
	if n := len(g.Approvals); n > 0 && g.Status != GateClosed {
		decided.Verdict = g.Approvals[n-1].Verdict
	}
	if g.Status != GateOpen {
		return decided
	}
	for _, a := range g.Approvals {
		if a.isBy(by) || onBehalfOf != nil && a.isBy(*onBehalfOf) {
			decided.Verdict, decided.At = a.Verdict, a.At
			return decided
		}
	}
	return nil
}

// isBy says whether a person made the decision, or somebody on their behalf.
func (a *Approval) isBy(p Actor) bool {
	return a.By.Same(p) || a.OnBehalfOf != nil && a.OnBehalfOf.Same(p)
}

// mayDecide returns the role that allows the decision.
func (o *Orchestrator) mayDecide(ctx context.Context, d *draft, g *Gate, dec *Decision) (string, error) {
	principal := dec.By
	if dec.OnBehalfOf != nil {
		principal = *dec.OnBehalfOf
		if !slices.ContainsFunc(g.Delegations, func(x Delegation) bool { return x.From.Same(principal) && x.To.Same(dec.By) }) {
			return "", &DeniedError{Rule: "delegation", Reason: "the principal has not delegated this gate to the actor"}
		}
	}
	if err := fourEyes(&d.req, dec.By, principal); err != nil {
		return "", err
	}
	roles := slices.Clone(g.Roles)
	if g.Quorum.EachRole {
		// Prefer a role that nobody has decided in yet.
		slices.SortStableFunc(roles, func(a, b string) int { return min(g.decisionsAs(a), 1) - min(g.decisionsAs(b), 1) })
	}
	if g.Escalations > 0 {
		roles = append(roles, g.EscalateTo...)
	}
	return o.authorize(ctx, principal, roles, &d.req)
}

// decisionsAs counts the decisions in a role.
func (g *Gate) decisionsAs(role string) (n int) {
	for _, a := range g.Approvals {
		if a.Role == role {
			n++
		}
	}
	return n
}

// fourEyes compares the researcher by id only: a [Researcher] has no namespace.
func fourEyes(r *Request, actors ...Actor) error {
	for _, a := range actors {
		switch {
		case a.Same(r.SubmittedBy), a.ID == r.Researcher.Actor().ID, strings.EqualFold(a.ID, r.Researcher.Email):
			return &DeniedError{Rule: "four-eyes", Reason: "the submitter cannot decide about the request"}
		case r.Proposed != nil && a.Same(r.Proposed.By):
			return &DeniedError{Rule: "four-eyes", Reason: "the person who proposed the scope change cannot decide about it"}
		}
	}
	return nil
}

// authorize asks the host; every refusal is a *DeniedError.
func (o *Orchestrator) authorize(ctx context.Context, a Actor, roles []string, r *Request) (string, error) {
	role, err := o.cfg.authorizer.Authorize(ctx, a, roles, r)
	if err == nil {
		return clean(role, maxName), nil
	}
	var denied *DeniedError
	if errors.As(err, &denied) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "", err
	}
	return "", &DeniedError{Rule: "authorizer", Reason: "the host's authorizer refused"}
}

// changeOrDeny is change for what a person does: a refusal by f (a [*DeniedError], before it drafts anything) is
// recorded in the audit trail and returned.
func (o *Orchestrator) changeOrDeny(ctx context.Context, id string, by Actor, f func(context.Context, *draft) error) error {
	var denied *DeniedError
	err := o.change(ctx, id, func(ctx context.Context, d *draft) error {
		denied = nil
		err := f(ctx, d)
		if !errors.As(err, &denied) {
			return err
		}
		e := audit.Entry{
			Type: audit.AccessDenied, Action: audit.Execute, Outcome: audit.Minor, Error: clean(denied.Rule, maxName),
			Who: whoOf(by, ""),
		}
		if g := d.decided; g != nil {
			e.Gate = &audit.Gate{ID: g.ID, State: g.State}
		}
		return d.audit(e)
	})
	if err == nil && denied != nil {
		return denied
	}
	return err
}

// decide records the decision and, if it settles the gate, moves the request on.
func (o *Orchestrator) decide(ctx context.Context, d *draft, g *Gate, dec *Decision, role, digest string) error {
	shown := dec.Shown
	if shown == "" {
		var err error
		if shown, err = canonicalDigest(d.req.Requirements); err != nil {
			return err
		}
	}
	a := Approval{
		ID: audit.NewID(d.now), Gate: g.ID, Request: d.req.ID, By: dec.By, OnBehalfOf: dec.OnBehalfOf, Role: role,
		Verdict: dec.Verdict, Reason: dec.Reason, At: d.now, FromVersion: d.req.RequirementsVersion, Patch: dec.Patch,
		Meaning: dec.Meaning, Shown: shown, Digest: digest,
	}
	status, event := GateApproved, workflow.EventApprove
	meaning := "approval"
	switch dec.Verdict {
	case Reject:
		status, event, meaning = GateRejected, workflow.EventReject, "rejection"
	case Modify:
		status, event, meaning = GateModified, workflow.EventModify, "modification"
	}
	if a.Meaning == "" {
		a.Meaning = meaning
	}
	settled := dec.Verdict != Approve || g.settledBy(role)
	d.who = whoOf(dec.By, role)
	if dec.OnBehalfOf != nil {
		d.who.OnBehalfOf = dec.OnBehalfOf.ID
	}
	if settled {
		if err := o.applyScope(ctx, d, g, dec); err != nil {
			return err
		}
	}
	a.ToVersion = d.req.RequirementsVersion
	d.commit.Approvals = append(d.commit.Approvals, a)
	name := dec.By.Name
	if name == "" {
		name = dec.By.ID
	}
	entry := audit.Entry{
		Type: audit.GateDecided, Action: audit.Update, Why: audit.Why{Gate: g.ID},
		Gate: &audit.Gate{ID: g.ID, State: g.State, Verdict: string(dec.Verdict), Status: string(GateOpen)},
		Sign: &audit.Sign{Name: name, Time: d.now, Meaning: a.Meaning, Shown: shown},
	}
	if settled {
		entry.Gate.Status = string(status)
	}
	if err := d.audit(entry); err != nil {
		return err
	}
	if !settled {
		return nil
	}
	if err := d.closeGate(status); err != nil {
		return err
	}
	return d.move(event, dec.By, dec.Reason, nil)
}

// settledBy says whether one more approval, in the given role, settles the gate.
func (g *Gate) settledBy(role string) bool {
	if g.Quorum.EachRole {
		missing, standIns := 0, 0
		for _, r := range g.Roles {
			if r != role && g.decisionsAs(r) == 0 {
				missing++
			}
		}
		for _, r := range g.EscalateTo {
			if !slices.Contains(g.Roles, r) {
				standIns += g.decisionsAs(r)
				if r == role {
					standIns++
				}
			}
		}
		return missing <= standIns
	}
	return len(g.Approvals)+1 >= max(1, g.Quorum.Approvals)
}

// applyScope applies the patch of the scope change that waits at this gate, and the reviewer's own patch.
func (o *Orchestrator) applyScope(ctx context.Context, d *draft, g *Gate, dec *Decision) error {
	req, changed := d.req.Requirements, false
	reason := dec.Reason
	if p := d.req.Proposed; p != nil && p.State == g.State {
		if dec.Verdict != Reject && len(p.Patch) > 0 {
			var err error
			if req, err = o.patched(ctx, req, p.Patch); err != nil {
				return err
			}
			changed = true
			if reason == "" {
				reason = p.Reason
			}
		}
		d.req.Proposed = nil
	}
	if dec.Verdict == Modify {
		var err error
		if req, err = o.patched(ctx, req, dec.Patch); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return d.revise(req, dec.By, reason)
}

// Delegate lets x.To decide at an open gate on behalf of x.From, who has a role there. The decision will name both. It
// fails like [Orchestrator.Decide].
func (o *Orchestrator) Delegate(ctx context.Context, x Delegation) error {
	var v ValidationError
	v.require("gate", x.Gate)
	v.text("gate", x.Gate, maxName)
	v.require("from.id", x.From.ID)
	v.actor("from", x.From)
	v.require("to.id", x.To.ID)
	v.actor("to", x.To)
	v.require("reason", x.Reason)
	v.text("reason", x.Reason, maxReason)
	if x.From.Same(x.To) {
		v.add("to", "is the same person as from")
	}
	if err := v.orNil(); err != nil {
		return err
	}
	id, err := o.store.RequestOfGate(ctx, x.Gate)
	if err != nil {
		return err
	}
	return o.changeOrDeny(ctx, id, x.From, func(ctx context.Context, d *draft) error {
		g, err := o.anyGate(ctx, d, x.Gate)
		if err != nil {
			return err
		}
		if g.Status != GateOpen {
			return alreadyDecided(g, "", x.To, nil)
		}
		if slices.ContainsFunc(g.Delegations, func(y Delegation) bool { return y.From.Same(x.From) && y.To.Same(x.To) }) {
			return errNothing
		}
		role, err := o.mayDecide(ctx, d, g, &Decision{By: x.From})
		if err == nil {
			err = fourEyes(&d.req, x.To)
		}
		if err != nil {
			return err
		}
		x.At = d.now
		d.commit.Delegations = append(d.commit.Delegations, x)
		d.who = whoOf(x.From, role)
		d.queue(Notification{Kind: NotifyDelegated, Gate: g.ID, To: x.To.ID})
		return d.audit(audit.Entry{
			Type: audit.GateDelegated, Action: audit.Update, Gate: &audit.Gate{ID: g.ID, State: g.State, To: x.To.ID},
		})
	})
}
