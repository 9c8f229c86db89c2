package orchestrator

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

// Status returns a request as it is now, or [ErrNotFound].
func (o *Orchestrator) Status(ctx context.Context, id string) (*Request, error) {
	snap, err := o.snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	return &snap.Request, nil
}

// snapshot reads a request. An id that databases cannot hold is not found.
func (o *Orchestrator) snapshot(ctx context.Context, id string) (*Snapshot, error) {
	if input.TextFault(id) != "" {
		return nil, ErrNotFound
	}
	return o.store.Snapshot(ctx, id)
}

// Requests streams the requests that a query selects: highest priority first, then oldest. A request whose priority
// changes meanwhile can be missed or come twice.
func (o *Orchestrator) Requests(ctx context.Context, q Query) iter.Seq2[Request, error] {
	return requests(q, func(q Query) (Page, error) { return o.Page(ctx, q) })
}

// Page returns one page of the requests that a query selects, for callers that keep the cursor between pages.
func (o *Orchestrator) Page(ctx context.Context, q Query) (Page, error) {
	if err := q.validate(); err != nil {
		return Page{}, err
	}
	return o.store.Requests(ctx, q)
}

// Inbox streams the requests that wait for a decision by one of the roles, in the order of [Orchestrator.Requests].
// Without roles there are none.
func (o *Orchestrator) Inbox(ctx context.Context, roles ...string) iter.Seq2[Request, error] {
	return requests(Query{}, func(q Query) (Page, error) {
		var v ValidationError
		for _, role := range roles {
			v.plain("roles", role)
		}
		if err := v.orNil(); err != nil {
			return Page{}, err
		}
		return o.store.Inbox(ctx, roles, q)
	})
}

func requests(q Query, read func(Query) (Page, error)) iter.Seq2[Request, error] {
	q.Limit = cmp.Or(q.Limit, 200)
	return func(yield func(Request, error) bool) {
		for {
			page, err := read(q)
			if err != nil {
				yield(Request{}, err)
				return
			}
			for _, r := range page.Requests {
				if !yield(r, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Cursor = page.Next
		}
	}
}

// Counts counts the requests by state.
func (o *Orchestrator) Counts(ctx context.Context) ([]StateCount, error) { return o.store.Counts(ctx) }

// Backlog measures what waits.
func (o *Orchestrator) Backlog(ctx context.Context) (Backlog, error) { return o.store.Backlog(ctx) }

// rowsOf reads rows of a request, and fails with ErrNotFound for an unknown request.
func rowsOf[T any](ctx context.Context, o *Orchestrator, id string, read func(context.Context, string) ([]T, error)) ([]T, error) {
	if input.TextFault(id) != "" {
		return nil, ErrNotFound
	}
	rows, err := read(ctx, id)
	if err == nil && len(rows) == 0 {
		_, err = o.store.Snapshot(ctx, id)
	}
	return rows, err
}

// History returns the states a request entered, first one first.
func (o *Orchestrator) History(ctx context.Context, id string) ([]StateChange, error) {
	return rowsOf(ctx, o, id, o.store.History)
}

// RequirementsVersions returns every version of a request's requirements, first one first.
func (o *Orchestrator) RequirementsVersions(ctx context.Context, id string) ([]RequirementsVersion, error) {
	return rowsOf(ctx, o, id, o.store.RequirementsVersions)
}

// Gates returns every gate a request came to, with its decisions, first one first.
func (o *Orchestrator) Gates(ctx context.Context, id string) ([]Gate, error) {
	return rowsOf(ctx, o, id, o.store.Gates)
}

// Escalations returns every time-out of a request's gates, first one first.
func (o *Orchestrator) Escalations(ctx context.Context, id string) ([]Escalation, error) {
	return rowsOf(ctx, o, id, o.store.Escalations)
}

// Interventions returns what people did to a request besides deciding at gates, first one first.
func (o *Orchestrator) Interventions(ctx context.Context, id string) ([]Intervention, error) {
	return rowsOf(ctx, o, id, o.store.Interventions)
}

// Executions returns every attempt at a step of a request, first one first.
func (o *Orchestrator) Executions(ctx context.Context, id string) ([]Execution, error) {
	return rowsOf(ctx, o, id, o.store.Executions)
}

// FeasibilityReports returns a request's reports, first one first.
func (o *Orchestrator) FeasibilityReports(ctx context.Context, id string) ([]FeasibilityReport, error) {
	return rowsOf(ctx, o, id, o.store.FeasibilityReports)
}

// Deliveries returns what was delivered for a request, first one first.
func (o *Orchestrator) Deliveries(ctx context.Context, id string) ([]Delivery, error) {
	return rowsOf(ctx, o, id, o.store.Deliveries)
}

// StateStatistics says how long a state was held.
type StateStatistics struct {
	State                      string
	Count                      int
	Mean, Median, P95, Longest time.Duration
}

// Durations returns, for each state, statistics of how long requests stayed in it. It counts the stays that ended in
// [from, to).
func (o *Orchestrator) Durations(ctx context.Context, from, to time.Time) ([]StateStatistics, error) {
	var all []StateStatistics
	var held []time.Duration
	state := ""
	flush := func() {
		if len(held) == 0 {
			return
		}
		slices.Sort(held)
		var sum time.Duration
		for _, h := range held {
			sum += h
		}
		rank := func(share int) time.Duration { return held[(len(held)-1)*share/100] }
		all = append(all, StateStatistics{
			State: state, Count: len(held), Mean: sum / time.Duration(len(held)), Median: rank(50), P95: rank(95),
			Longest: held[len(held)-1],
		})
		held = held[:0]
	}
	for d, err := range o.store.StateDurations(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		if d.State != state {
			flush()
			state = d.State
		}
		held = append(held, d.Held)
	}
	flush()
	return all, nil
}

// Watch yields a request's history rows with Seq greater than after: first the existing ones, then new ones as any
// host writes them. It ends when the request has ended, or when ctx is done, with its error.
func (o *Orchestrator) Watch(ctx context.Context, id string, after int64) iter.Seq2[StateChange, error] {
	return func(yield func(StateChange, error) bool) {
		wake, unsubscribe := o.wakes.subscribe()
		defer unsubscribe()
		for {
			snap, err := o.snapshot(ctx, id)
			var rows []StateChange
			if err == nil && snap.Request.Visit > after {
				rows, err = o.store.History(ctx, id)
			}
			if err != nil {
				yield(StateChange{}, err)
				return
			}
			for _, h := range rows {
				if h.Seq <= after {
					continue
				}
				if !yield(h, nil) {
					return
				}
				after = h.Seq
			}
			// The snapshot was read before the rows: when it says that the request has ended, the rows are complete.
			if !snap.Request.Live() {
				return
			}
			t := time.NewTimer(o.cfg.poll)
			select {
			case <-ctx.Done():
				t.Stop()
				yield(StateChange{}, ctx.Err())
				return
			case <-wake:
			case <-t.C:
			}
			t.Stop()
		}
	}
}
