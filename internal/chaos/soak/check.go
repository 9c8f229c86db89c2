package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store/storetest"
)

const (
	maxFaults = 20 // told in full
	checkers  = 6  // requests that are looked at at once
)

// check reads everything back.
func (w *world) check(ctx context.Context) error {
	begin := time.Now()
	var mu sync.Mutex // several goroutines look at requests
	var faults []error
	count := 0
	bad := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if count++; count <= maxFaults {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	if err := w.checkRequests(ctx, bad); err != nil {
		return err
	}
	if err := w.checkEffects(ctx, bad); err != nil {
		return err
	}
	chains, entries := 0, int64(0)
	for chain, err := range w.store.AuditChains(ctx) {
		if err != nil {
			return err
		}
		head, err := w.orch.VerifyAudit(ctx, chain)
		if err != nil {
			bad("%w", err)
		}
		chains++
		entries += head.Seq
	}
	if chains < w.n {
		bad("%d audit chains, want one for each of %d requests", chains, w.n)
	}
	var attempts, lost, taken int
	row := w.store.DB().QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE status = 'lost' AND error_class = 'lost'),
		(SELECT count(*) FROM audit WHERE type = 'step.taken_over') FROM step_executions`)
	if err := row.Scan(&attempts, &lost, &taken); err != nil {
		return err
	}
	if lost != taken {
		bad("%d attempts lost their host, audit tells of %d", lost, taken)
	}
	fmt.Fprintf(w.out, "%d kills of a host, %d restarts of the database, %d attempts at steps, %d of them lost their host and were taken over\n",
		w.kills, w.stops, attempts, lost)
	if count > 0 {
		return fmt.Errorf("%d faults: %w", count, errors.Join(faults...))
	}
	fmt.Fprintf(w.out, "none lost, none doubled: %d histories complete, each step's effect there once, %d audit chains with %d entries verified (%v)\n",
		w.n, chains, entries, time.Since(begin).Round(100*time.Millisecond))
	return nil
}

// checkRequests checks that each submitted request exists once and passes checkRequest.
func (w *world) checkRequests(ctx context.Context, bad func(string, ...any)) error {
	seen := map[string]int{}
	for r, err := range w.orch.Requests(ctx, orchestrator.Query{}) {
		if err != nil {
			return err
		}
		seen[r.ID]++
	}
	there := make(chan string)
	failed := make([]error, checkers)
	var all sync.WaitGroup
	for i := range checkers {
		all.Go(func() {
			for id := range there {
				if failed[i] == nil {
					failed[i] = w.checkRequest(ctx, id, bad)
				}
			}
		})
	}
	for i, id := range w.ids {
		if seen[id] != 1 {
			bad("request %d is there %d times", i, seen[id])
			continue
		}
		delete(seen, id)
		there <- id
	}
	close(there)
	all.Wait()
	if len(seen) > 0 {
		bad("%d requests that nobody submitted", len(seen))
	}
	return errors.Join(failed...)
}

// checkRequest checks that a request took the happy path, and that everything about it is consistent.
func (w *world) checkRequest(ctx context.Context, id string, bad func(string, ...any)) error {
	history, err := w.orch.History(ctx, id)
	if err != nil {
		return err
	}
	var states []string
	for _, h := range history {
		states = append(states, h.To)
	}
	if !slices.Equal(states, lifetest.HappyPath()) {
		bad("%s left the happy path: %v", id, states)
	}
	if err := storetest.Check(ctx, w.store, workflow.Default(), id); err != nil {
		bad("%w", err)
	}
	deliveries, err := w.orch.Deliveries(ctx, id)
	if err != nil {
		return err
	}
	if len(deliveries) != 1 {
		bad("%s has %d deliveries", id, len(deliveries))
	}
	return nil
}

// checkEffects checks that each step of each request had its effect once.
func (w *world) checkEffects(ctx context.Context, bad func(string, ...any)) error {
	var rows, kinds int
	row := w.store.DB().QueryRowContext(ctx, "SELECT count(*), count(DISTINCT (request_id, step)) FROM soak_effects")
	if err := row.Scan(&rows, &kinds); err != nil {
		return err
	}
	if want := w.n * len(lifetest.Outcomes()); rows != want || kinds != want {
		bad("%d effects of %d steps, want %d of %d", rows, kinds, want, want)
	}
	return nil
}
