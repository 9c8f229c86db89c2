package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/store/storetest"
)

func BenchmarkLife(b *testing.B) {
	for _, be := range []storetest.Backend{sqliteBackend(), postgresBackend()} {
		b.Run(be.Name, func(b *testing.B) {
			s, err := be.New(b).Open(b.Context(), storetest.OpenOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			o, err := orchestrator.New(s, storetest.Steps(nil)...)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := storetest.Live(b.Context(), o, storetest.Sample("x")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTransitions is R17: 16 writers, each with a request of its own, commit transitions as fast as
// they can. Each is a compare-and-set, a history row, two audit entries, the end of a step and the next
// step. Both databases wait for the disk.
func BenchmarkTransitions(b *testing.B) {
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			be := sqliteBackend()
			if name == "postgres" {
				server, err := pgtest.NewServer(b.Context(), pgtest.Options{Fsync: true})
				pgtest.Require(b, err)
				defer func() { _ = server.Close() }()
				be.New = func(testing.TB) storetest.Database { return database(server.URL) }
			}
			s, err := be.New(b).Open(b.Context(), storetest.OpenOptions{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			const writers = 16
			drafts := make([]*transition, writers)
			for i := range drafts {
				if drafts[i], err = newTransition(b.Context(), s, i); err != nil {
					b.Fatal(err)
				}
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			start := time.Now()
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
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "transitions/s")
		})
	}
}

// transition commits one state change of a request after the other.
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
	id, err := o.Submit(ctx, storetest.Sample(fmt.Sprint("benchmark ", i)))
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
	from, to := d.r.State, orchestrator.StateDataExtraction
	if from == to {
		to = orchestrator.StateQAValidation
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
