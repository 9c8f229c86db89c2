package orchestrator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

// TestIDsThatNobodyHas: what no database can hold is not found, without asking it; and so is refused in a query.
func TestIDsThatNobodyHas(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, struct{ orchestrator.Store }{}) // every call of the store panics
	for _, id := range []string{"REQ-20261123-1A2B3C4D\x00", "\xff"} {
		boss := orchestrator.Actor{ID: "boss"}
		for name, read := range map[string]func(ctx context.Context) error{
			"Status":  func(ctx context.Context) error { _, err := o.Status(ctx, id); return err },
			"History": func(ctx context.Context) error { _, err := o.History(ctx, id); return err },
			"Gates":   func(ctx context.Context) error { _, err := o.Gates(ctx, id); return err },
			"Suspend": func(ctx context.Context) error { return o.Suspend(ctx, id, boss, "r") },
			"Record": func(ctx context.Context) error {
				return o.Record(ctx, audit.Entry{Chain: id, Type: audit.ViewRun, Action: audit.Read})
			},
			"VerifyAudit": func(ctx context.Context) error { _, err := o.VerifyAudit(ctx, id); return err },
			"Watch": func(ctx context.Context) (err error) {
				for _, err = range o.Watch(ctx, id, 0) {
				}
				return err
			},
			"AuditEntries": func(ctx context.Context) (err error) {
				for _, err = range o.AuditEntries(ctx, id) {
				}
				return err
			},
		} {
			if err := read(t.Context()); !errors.Is(err, orchestrator.ErrNotFound) {
				t.Errorf("%s of %q: got %v, want ErrNotFound", name, id, err)
			}
		}
		for name, q := range map[string]orchestrator.Query{
			"states": {States: []string{"complete", id}}, "researcher": {Researcher: id}, "assignee": {Assignee: id},
			"definitions": {Definitions: []string{id}}, "text": {Text: id}, "cursor": {Cursor: id},
		} {
			if _, err := o.Page(t.Context(), q); !errors.Is(err, orchestrator.ErrInvalid) {
				t.Errorf("Page by %s %q: got %v, want ErrInvalid", name, id, err)
			}
			for _, err := range o.Requests(t.Context(), q) {
				if !errors.Is(err, orchestrator.ErrInvalid) {
					t.Errorf("Requests by %s %q: got %v, want ErrInvalid", name, id, err)
				}
			}
		}
		for _, err := range o.Inbox(t.Context(), "reviewer", id) {
			if !errors.Is(err, orchestrator.ErrInvalid) {
				t.Errorf("Inbox of %q: got %v, want ErrInvalid", id, err)
			}
		}
	}
}
