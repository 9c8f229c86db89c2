package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// catcher changes the commits that an orchestrator makes.
type catcher struct {
	orchestrator.Store
	change func(c *orchestrator.Commit)
	last   *orchestrator.Commit
	once   bool // an error is the last word, and no reason to try again
}

func (s *catcher) Commit(ctx context.Context, c *orchestrator.Commit) error {
	s.last = c
	s.change(c)
	err := s.Store.Commit(ctx, c)
	if err != nil && s.once {
		return final{err}
	}
	return err
}

// final is an error that an orchestrator does not know.
type final struct{ err error }

func (f final) Error() string { return f.err.Error() }

// committedWaits asks whether a commit was made while it is under way: of a request that is new, and of one that is there.
func committedWaits(t *testing.T, db Database, s Store) {
	type answer struct {
		ok  bool
		err error
	}
	other := another(t, db)
	var answers chan answer
	under := &catcher{Store: s, change: func(c *orchestrator.Commit) {
		answers = make(chan answer, 1)
		c.Effects = append(c.Effects, func(ctx context.Context, _ orchestrator.Tx) error {
			go func() {
				ok, err := other.Committed(ctx, c.ID)
				answers <- answer{ok, err}
			}()
			select { // time to answer too early
			case a := <-answers:
				answers <- a
			case <-time.After(200 * time.Millisecond):
			}
			return nil
		})
	}}
	o := newOrchestrator(t, under)
	id := submit(t, o, "under way")
	if a := <-answers; !a.ok || a.err != nil {
		t.Errorf("a new request: Committed: %v, %v; want true", a.ok, a.err)
	}
	if err := o.Withdraw(t.Context(), id, Sample("").Researcher.Actor(), "the study ended"); err != nil {
		t.Fatal(err)
	}
	if a := <-answers; !a.ok || a.err != nil {
		t.Errorf("a request that is there: Committed: %v, %v; want true", a.ok, a.err)
	}
	if ok, err := s.Committed(t.Context(), audit.NewID(time.Now())); ok || err != nil {
		t.Errorf("a commit that nobody made: Committed: %v, %v; want false", ok, err)
	}
	checkRequest(t, s, workflow.Default(), id)
}

// changeNothing commits a change of a request that is not there.
func changeNothing(t *testing.T, _ Database, s Store) {
	lost := &catcher{Store: s, change: func(c *orchestrator.Commit) { c.Expect, c.Request.Version = 7, 8 }}
	_, err := newOrchestrator(t, lost).Submit(t.Context(), Sample("nothing"))
	if !errors.Is(err, orchestrator.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if _, err := s.Snapshot(t.Context(), lost.last.Request.ID); !errors.Is(err, orchestrator.ErrNotFound) {
		t.Errorf("Snapshot: %v, want ErrNotFound", err)
	}
}
