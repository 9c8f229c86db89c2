package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// commitEditor changes the commits of an orchestrator.
type commitEditor struct {
	orchestrator.Store
	change func(c *orchestrator.Commit)
	last   *orchestrator.Commit
	once   bool // an error is final: the orchestrator does not retry
}

func (s *commitEditor) Commit(ctx context.Context, c *orchestrator.Commit) error {
	s.last = c
	s.change(c)
	err := s.Store.Commit(ctx, c)
	if err != nil && s.once {
		return final{err}
	}
	return err
}

// final is an error that an orchestrator does not know, and so does not retry.
type final struct{ err error }

func (f final) Error() string { return f.err.Error() }

// committedWaits asks whether a commit was made while it is under way: of a request that is new, and of one that is
// there.
func committedWaits(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	type answer struct {
		ok  bool
		err error
	}
	other := open()
	var answers chan answer
	under := &commitEditor{Store: s, change: func(c *orchestrator.Commit) {
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
	o := lifetest.New(t, under)
	id := lifetest.Submit(t, o, "under way")
	if a := <-answers; !a.ok || a.err != nil {
		t.Errorf("a new request: Committed: %v, %v; want true", a.ok, a.err)
	}
	if err := o.Withdraw(t.Context(), id, lifetest.Sample("").Researcher.Actor(), "the study ended"); err != nil {
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

// changeNothing commits a change of a request that does not exist.
func changeNothing(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	lost := &commitEditor{Store: s, change: func(c *orchestrator.Commit) { c.Expect, c.Request.Version = 7, 8 }}
	_, err := lifetest.New(t, lost).Submit(t.Context(), lifetest.Sample("nothing"))
	if !errors.Is(err, orchestrator.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if _, err := s.Snapshot(t.Context(), lost.last.Request.ID); !errors.Is(err, orchestrator.ErrNotFound) {
		t.Errorf("Snapshot: %v, want ErrNotFound", err)
	}
}
