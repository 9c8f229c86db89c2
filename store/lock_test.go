package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestLeaseTakenWhileACommitWaits: a commit is one statement, which sees rows as they were before it waited for the
// request's lock. It must still notice what another host did to an execution in between.
func TestLeaseTakenWhileACommitWaits(t *testing.T) {
	t.Parallel()
	address := pool.URL(t)
	s, other := openStore(t, address), openStore(t, address)
	raw, err := database(address).SQL()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	o := lifetest.New(t, s)
	for _, tt := range []struct {
		name   string
		change func(c *orchestrator.Commit, x orchestrator.Execution)
		want   error
		token  int64 // of the execution afterwards, above what it was
	}{
		{"end", func(c *orchestrator.Commit, x orchestrator.Execution) {
			c.End = []orchestrator.ExecutionEnd{{ID: x.ID, Token: x.Token, Status: orchestrator.StepSucceeded, At: c.Audit[0].Recorded}}
		}, orchestrator.ErrFenced, 1},
		{"start", func(c *orchestrator.Commit, x orchestrator.Execution) {
			c.Start = &orchestrator.ExecutionStart{ID: x.ID, Token: x.Token, StartedAt: c.Audit[0].Recorded}
		}, orchestrator.ErrFenced, 1},
		{"fence", func(c *orchestrator.Commit, x orchestrator.Execution) {
			c.Fence = &orchestrator.Lease{Execution: x.ID, Token: x.Token}
		}, orchestrator.ErrFenced, 1},
		{"end of whatever there is", func(c *orchestrator.Commit, x orchestrator.Execution) {
			c.End = []orchestrator.ExecutionEnd{{ID: x.ID, Status: orchestrator.StepCancelled, At: c.Audit[0].Recorded}}
		}, nil, 2},
	} {
		id, err := o.Submit(t.Context(), lifetest.Sample(tt.name))
		if err != nil {
			t.Fatal(err)
		}
		if tt.name == "end" || tt.name == "fence" { // these want an execution that runs
			if _, err := raw.ExecContext(t.Context(), "UPDATE step_executions SET status = 'running', lease_until = now() WHERE request_id = '"+id+"'"); err != nil {
				t.Fatal(err)
			}
		}
		r, err := o.Status(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		x := *r.Step
		c := edit(t, s, id, func(c *orchestrator.Commit) { tt.change(c, x) })
		tx, err := raw.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "SELECT 1 FROM requests WHERE id = '"+id+"' FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Commit(t.Context(), c) }()
		untilBlocked(t, raw)
		claimed, err := other.ClaimSteps(t.Context(), orchestrator.StepClaim{Owner: "other", Lease: time.Minute, Steps: map[string]int{x.Step: 10}})
		if err != nil || len(claimed) != 1 || claimed[0].ID != x.ID {
			t.Fatalf("%s: claimed %+v, %v; want the execution", tt.name, claimed, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		all, err := s.Executions(t.Context(), id)
		if err != nil || len(all) != 1 || all[0].Token != x.Token+tt.token {
			t.Errorf("%s: %+v, %v; want token %d", tt.name, all, err, x.Token+tt.token)
		}
		if ok, err := s.Committed(t.Context(), c.ID); err != nil || ok != (tt.want == nil) {
			t.Errorf("%s: Committed: %v, %v", tt.name, ok, err)
		}
	}
}

// untilBlocked waits until somebody waits for a lock on a row of this schema's requests.
func untilBlocked(t *testing.T, raw *sql.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for n := 0; n == 0; {
		// Other tests' commits wait too, but not for rows of this schema.
		err := raw.QueryRowContext(ctx, "SELECT count(*) FROM pg_locks AS w JOIN pg_locks AS r ON r.pid = w.pid"+
			" WHERE NOT w.granted AND r.relation = 'requests'::regclass").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestCloseWhileInUse: calls on a store that is closed fail, and Close returns.
func TestCloseWhileInUse(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t)
		s, err := db.Open(t.Context(), chaos.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := lifetest.New(t, s)
		var all sync.WaitGroup
		var once sync.Once
		under := make(chan struct{})
		for range 8 {
			all.Go(func() {
				for {
					id, err := o.Submit(t.Context(), lifetest.Sample("closed"))
					if err == nil {
						once.Do(func() { close(under) })
						err = o.Record(t.Context(), audit.Entry{Chain: id, Type: audit.ViewRun, Action: audit.Read})
					}
					if err != nil {
						return
					}
				}
			})
		}
		<-under
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		if s, err = db.Open(t.Context(), chaos.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		n := 0
		for r, err := range lifetest.New(t, s).Requests(t.Context(), orchestrator.Query{}) {
			if err == nil {
				err = storetest.Check(t.Context(), s, workflow.Default(), r.ID)
			}
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n == 0 {
			t.Error("no request is left")
		}
	})
}
