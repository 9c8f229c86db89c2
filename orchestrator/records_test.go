package orchestrator_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// watched is a store whose commits are seen, and which may have lost its definitions.
type watched struct {
	orchestrator.Store
	lost bool

	mu      sync.Mutex
	commits []orchestrator.Commit
}

func (w *watched) Commit(ctx context.Context, c *orchestrator.Commit) error {
	w.mu.Lock()
	w.commits = append(w.commits, *c)
	w.mu.Unlock()
	return w.Store.Commit(ctx, c)
}

func (w *watched) Definition(ctx context.Context, hash string) ([]byte, error) {
	if w.lost {
		return nil, orchestrator.ErrNotFound
	}
	return w.Store.Definition(ctx, hash)
}

// TestManyEntriesAtOnce: the messages of one commit never come after those of the next, and no commit is too large
// for a database.
func TestManyEntriesAtOnce(t *testing.T) {
	t.Parallel()
	const n = 2500
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{Type: audit.FHIRRead, Action: audit.Read}
	}
	b := workflow.Define("once", "work")
	b.Step("work", "do").On("done", "end").On(workflow.EventStepFailed, "end")
	b.Terminal("end")
	def, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	s := &watched{Store: openStore(t)}
	o := newOrchestrator(t, s, orchestrator.WithDefinition(def),
		orchestrator.WithStep("do", orchestrator.StepFunc(func(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{Event: "done"}, step.Audit(ctx, entries...)
		})),
		orchestrator.WithAuditSink(audit.SinkFunc(func(context.Context, audit.Sealed) error { return errors.New("away") })))
	id, err := o.Submit(t.Context(), lifetest.Sample("many"))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		entries[i].Chain = id
	}
	if err := o.Record(t.Context(), entries...); err != nil {
		t.Fatalf("Record for the request: %v", err)
	}
	for i := range entries {
		entries[i].Chain = ""
	}
	if err := o.Record(t.Context(), entries...); err != nil {
		t.Fatalf("Record for the host: %v", err)
	}
	last, found := int64(0), 0
	for _, c := range s.commits {
		for _, m := range c.Messages {
			if m.Seq <= last {
				t.Fatalf("message %d of version %d comes after number %d", m.Seq, c.Expect+1, last)
			}
			last = m.Seq
		}
		for _, e := range c.Audit {
			if e.Type == audit.FHIRRead {
				found++
			}
		}
	}
	if diff := cmp.Diff(2*n, found); diff != "" {
		t.Errorf("entries of the request: %s", diff)
	}
	for _, chain := range []string{id, audit.SystemChain} {
		if _, err := o.VerifyAudit(t.Context(), chain); err != nil {
			t.Errorf("%s: %v", chain, err)
		}
	}
}

// TestRecordGivesIDs: an entry that is recorded again is another entry.
func TestRecordGivesIDs(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t), lifetest.Steps(nil)...)
	id, err := o.Submit(t.Context(), lifetest.Sample("twice"))
	if err != nil {
		t.Fatal(err)
	}
	for _, chain := range []string{id, audit.SystemChain} {
		before, err := o.VerifyAudit(t.Context(), chain)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := o.Record(t.Context(), audit.Entry{ID: "mine", Chain: chain, Type: audit.ViewRun, Action: audit.Read}); err != nil {
				t.Errorf("%s, time %d: %v", chain, i+1, err)
			}
		}
		if after, err := o.VerifyAudit(t.Context(), chain); err != nil || after.Seq != before.Seq+2 {
			t.Errorf("%s: %d entries more, %v; want 2", chain, after.Seq-before.Seq, err)
		}
	}
}
