package orchestrator_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
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

func TestRowsOfALife(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t), lifetest.Steps(nil)...)
	id, err := lifetest.Live(t.Context(), o, lifetest.Sample("a life"))
	if err != nil {
		t.Fatal(err)
	}
	versions, err1 := o.RequirementsVersions(t.Context(), id)
	reports, err2 := o.FeasibilityReports(t.Context(), id)
	deliveries, err3 := o.Deliveries(t.Context(), id)
	escalations, err4 := o.Escalations(t.Context(), id)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 1, 1, 0}, []int{len(versions), len(reports), len(deliveries), len(escalations)}); diff != "" {
		t.Errorf("versions, reports, deliveries, escalations (-want +got):\n%s", diff)
	}
	history, err := o.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	drawing := o.Definition().Mermaid(orchestrator.Path(history)...)
	for _, want := range []string{"qa_review --> data_delivery: approve #35;16", "class complete now"} {
		if !strings.Contains(drawing, want) {
			t.Errorf("the drawing of the path has no %q:\n%s", want, drawing)
		}
	}
	for name, read := range map[string]func(ctx context.Context, id string) error{
		"RequirementsVersions": func(ctx context.Context, id string) error { _, err := o.RequirementsVersions(ctx, id); return err },
		"Escalations":          func(ctx context.Context, id string) error { _, err := o.Escalations(ctx, id); return err },
	} {
		if err := read(t.Context(), "REQ-20261123-1A2B3C4D"); !errors.Is(err, orchestrator.ErrNotFound) {
			t.Errorf("%s of an unknown request: got %v, want ErrNotFound", name, err)
		}
	}
}
