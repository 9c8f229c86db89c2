package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func BenchmarkLife(b *testing.B) {
	for _, be := range []chaos.Backend{sqliteBackend(), postgresBackend()} {
		b.Run(be.Name, func(b *testing.B) {
			s, err := be.New(b).Open(b.Context(), chaos.OpenOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			o, err := orchestrator.New(s, lifetest.Steps(nil)...)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := lifetest.Live(b.Context(), o, lifetest.Sample("x")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const writers = 16

// BenchmarkTransitions is R17: 16 writers, each with a request of its own, commit transitions as fast as they can. Each
// is a compare-and-set, a history row, two audit entries, the end of a step and the next step. Both databases wait for
// the disk. The floor is how fast the raw driver runs the same SQL on another database.
func BenchmarkTransitions(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		transitions(b, "sqlite", 600, func() string { return "sqlite://" + filepath.Join(b.TempDir(), "rf.db") },
			func(ctx context.Context, address string) (rawConn, error) {
				return openRawSQLite(ctx, strings.TrimPrefix(address, "sqlite://"))
			})
	})
	b.Run("postgres", func(b *testing.B) {
		server, err := pgtest.NewServer(b.Context(), pgtest.Options{Fsync: true})
		pgtest.Require(b, err)
		defer func() { _ = server.Close() }()
		schema := 0
		transitions(b, "postgres", 1500, func() string {
			schema++
			return fmt.Sprintf("%s&search_path=bench_%d", server.URL, schema)
		}, openRawPostgres)
	})
}

func transitions(b *testing.B, name string, goal float64, newDatabase func() string, raw func(context.Context, string) (rawConn, error)) {
	b.Helper()
	s, err := database(newDatabase()).Open(b.Context(), chaos.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	drafts := newDrafts(b, s)
	b.ResetTimer()
	begin := time.Now()
	transit(b, s, drafts, b.N)
	rate := float64(b.N) / time.Since(begin).Seconds()
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	bottom := floor(b, newDatabase, raw, b.N)
	b.ReportMetric(rate, "transitions/s")
	b.ReportMetric(bottom, "floor/s")
	b.ReportMetric(100*rate/bottom, "%floor")
	if b.N < 1000 {
		return // a warm-up, or one round that only shows that it runs
	}
	result := fmt.Sprintf("%.0f/s, goal %.0f/s; raw driver %.0f/s", rate, goal, bottom)
	reports.Replace(chaos.Report{
		Promise: "R17", Backend: name, What: "transitions through bun, 16 writers, each waits for the disk", Sites: writers, Runs: b.N, Result: result,
	})
}

func newDrafts(b *testing.B, s orchestrator.Store) []*transition {
	b.Helper()
	drafts := make([]*transition, writers)
	for i := range drafts {
		var err error
		if drafts[i], err = newTransition(b.Context(), s, i); err != nil {
			b.Fatal(err)
		}
	}
	return drafts
}

// transit commits n transitions, divided among the writers.
func transit(b *testing.B, s orchestrator.Store, drafts []*transition, n int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for _, d := range drafts {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := d.commit(b.Context(), s); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// transition commits state changes of one request.
type transition struct {
	r    orchestrator.Request
	head audit.Head
	exec orchestrator.Execution
}

func newTransition(ctx context.Context, s orchestrator.Store, i int) (*transition, error) {
	o, err := orchestrator.New(s)
	if err != nil {
		return nil, err
	}
	id, err := o.Submit(ctx, lifetest.Sample(fmt.Sprint("benchmark ", i)))
	if err != nil {
		return nil, err
	}
	snap, err := s.Snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	return &transition{r: snap.Request, head: snap.Audit, exec: *snap.Request.Step}, nil
}

func (d *transition) commit(ctx context.Context, s orchestrator.Store) error {
	now := d.r.EnteredAt.Add(time.Millisecond)
	c := orchestrator.Commit{Expect: d.r.Version}
	d.r.Version++
	d.r.Visit++
	from, to := d.r.State, workflow.StateDataExtraction
	if from == to {
		to = workflow.StateQAValidation
	}
	d.r.State, d.r.EnteredAt, d.r.UpdatedAt = to, now, now
	for _, e := range []audit.Entry{
		{Type: audit.StepSucceeded, Step: &audit.Step{ID: d.exec.ID, Name: d.exec.Step, Attempt: 1, Token: d.exec.Token}},
		{Type: audit.StateChanged, Change: &audit.Change{Seq: d.r.Visit, From: from, To: to, Event: "next"}},
	} {
		e.Chain, e.Action, e.Recorded = d.r.ID, audit.Update, now
		sealed, head, err := d.head.Seal(e)
		if err != nil {
			return err
		}
		c.Audit = append(c.Audit, sealed)
		d.head = head
	}
	c.ID, c.Head = c.Audit[0].ID, d.head
	c.History = []orchestrator.StateChange{{Request: d.r.ID, Seq: d.r.Visit, From: from, To: to, Event: "next", At: now, Commit: c.ID}}
	c.End = []orchestrator.ExecutionEnd{{ID: d.exec.ID, Status: orchestrator.StepSucceeded, At: now}}
	d.exec = orchestrator.Execution{
		ID: audit.NewID(now), Request: d.r.ID, State: to, Step: "extract_data", Visit: d.r.Visit, Attempt: 1,
		Status: orchestrator.StepReady, RunAt: now, Token: d.r.Version << 16,
	}
	c.Insert = []orchestrator.Execution{d.exec}
	d.r.Step = &d.exec
	c.Request = &d.r
	return s.Commit(ctx, &c)
}
