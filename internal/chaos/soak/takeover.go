package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
)

// holding returns a workflow with one step, which runs until its host stops.
func holding(entered func(request string), concurrency int) []orchestrator.Option {
	b := workflow.Define("takeover", "work")
	b.Step("work", "hold").On("done", "end").On(workflow.EventStepFailed, "end")
	b.Terminal("end")
	b.Anywhere(workflow.EventWithdraw, "end")
	d, err := b.Build()
	if err != nil {
		panic(err) // it is a constant
	}
	hold := orchestrator.StepFunc(func(ctx context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
		entered(c.Request.ID)
		<-ctx.Done()
		return orchestrator.StepResult{}, ctx.Err()
	})
	return []orchestrator.Option{
		orchestrator.WithDefinition(d), orchestrator.WithStep("hold", hold, orchestrator.StepConcurrency(concurrency)),
	}
}

// takeovers starts a host, with one step, for each takeover to measure. It kills one after the other at random moments,
// and measures how long it takes until the one host that remains runs the step.
func (o options) takeovers(ctx context.Context, db string, out io.Writer) (err error) {
	s, err := store.Open(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var mu sync.Mutex
	running := map[string]time.Time{} // since when the host that stays runs a request's step
	orch, err := orchestrator.New(s, append(holding(func(request string) {
		mu.Lock()
		defer mu.Unlock()
		running[request] = time.Now()
	}, o.takeover), orchestrator.WithInstance("stays"), orchestrator.WithLease(o.lease), orchestrator.WithPoll(o.poll))...)
	if err != nil {
		return err
	}
	for i := range o.takeover {
		if _, err := orch.Submit(ctx, lifetest.Sample(fmt.Sprint("takeover ", i))); err != nil {
			return err
		}
	}
	hosts := map[string]*host{}
	for i := range o.takeover {
		name := fmt.Sprintf("owner-%d", i)
		if hosts[name], err = o.startHost(ctx, name, db, ""); err != nil {
			return err
		}
	}
	owners, err := owned(ctx, orch, o.takeover)
	if err != nil {
		return err
	}
	if err := orch.Start(ctx); err != nil {
		return err
	}
	killed := map[string]time.Time{}
	for request, owner := range owners {
		// Any moment between two renewals of the lease.
		lifetest.Pause(ctx, time.Duration(rand.Int64N(int64(o.lease)/10)))
		if err := hosts[owner].kill(); err != nil {
			return err
		}
		killed[request] = time.Now()
	}
	waiting, cancel := context.WithTimeout(ctx, 4*(o.lease+o.poll))
	defer cancel()
	for {
		mu.Lock()
		n := len(running)
		mu.Unlock()
		if n == o.takeover {
			break
		}
		if !lifetest.Pause(waiting, 50*time.Millisecond) {
			return fmt.Errorf("%d of %d steps were taken over: %w", n, o.takeover, waiting.Err())
		}
	}
	if err := orch.Stop(ctx); err != nil {
		return err
	}
	var times []time.Duration
	for request, at := range running {
		times = append(times, at.Sub(killed[request]))
	}
	return distribution(times, o, out)
}

// owned waits until each host runs the step of one request, and returns the hosts by request.
func owned(ctx context.Context, orch *orchestrator.Orchestrator, n int) (map[string]string, error) {
	for {
		live, owners, distinct := true, map[string]string{}, map[string]bool{}
		for r, err := range orch.Requests(ctx, orchestrator.Query{Live: &live}) {
			if err != nil {
				return nil, err
			}
			if r.Step != nil && r.Step.Status == orchestrator.StepRunning {
				owners[r.ID], distinct[r.Step.Owner] = r.Step.Owner, true
			}
		}
		if len(owners) == n && len(distinct) == n {
			return owners, nil
		}
		if !lifetest.Pause(ctx, 100*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// distribution prints the times and fails if one is above the limit.
func distribution(times []time.Duration, o options, out io.Writer) error {
	slices.Sort(times)
	fmt.Fprintf(out, "%d takeovers after kill -9, lease %v, poll %v: min %.2f s, median %.2f s, max %.2f s\n", len(times), o.lease, o.poll,
		times[0].Seconds(), (times[(len(times)-1)/2]+times[len(times)/2]).Seconds()/2, times[len(times)-1].Seconds())
	for _, t := range times {
		fmt.Fprintf(out, " %.2f", t.Seconds())
	}
	fmt.Fprintln(out)
	if times[len(times)-1] > o.limit {
		return fmt.Errorf("a takeover took longer than %v", o.limit)
	}
	return nil
}
