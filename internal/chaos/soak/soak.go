package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store"
)

// world is one soak run.
type world struct {
	options
	server *pgtest.Server
	out    io.Writer
	store  *store.Store
	orch   *orchestrator.Orchestrator // submits and asks; the hosts do the work
	hosts  []*host
	ids    []string // by number of the request
	kills  int
	stops  int // of the database
	ended  atomic.Int64
}

func (o options) soak(ctx context.Context, server *pgtest.Server, out io.Writer) (err error) {
	w := &world{options: o, server: server, out: out, ids: make([]string, o.n)}
	if w.store, err = store.Open(ctx, server.URL); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.store.Close()) }()
	if _, err := w.store.DB().ExecContext(ctx, "CREATE TABLE soak_effects (request_id text, step text, host text)"); err != nil {
		return err
	}
	if w.orch, err = orchestrator.New(w.store, orchestrator.WithNotifier(
		orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error { return nil }))); err != nil {
		return err
	}
	begin := time.Now()
	for i := range o.hosts {
		h, err := o.startHost(ctx, fmt.Sprintf("host-%d.0", i), server.URL, shareOf(i, o.hosts))
		if err != nil {
			return err
		}
		w.hosts = append(w.hosts, h)
	}
	submitting := make(chan error, 1)
	go func() { submitting <- w.submit(ctx) }()
	if err := errors.Join(w.disturb(ctx), <-submitting); err != nil {
		return err
	}
	took := time.Since(begin)
	for _, h := range w.hosts {
		if err := h.stop(); err != nil {
			return fmt.Errorf("host: %w", err)
		}
	}
	fmt.Fprintf(out, "%d requests ended in %v: %.1f requests/s, %.1f transitions/s\n", o.n, took.Round(100*time.Millisecond),
		float64(o.n)/took.Seconds(), float64(o.n*len(lifetest.HappyPath()))/took.Seconds())
	return w.check(ctx)
}

// submit submits all requests, and retries under the same idempotency key.
func (w *world) submit(ctx context.Context) error {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < w.n; i = int(next.Add(1)) - 1 {
				n := lifetest.Sample(fmt.Sprint("soak ", i))
				n.IdempotencyKey = fmt.Sprint("soak-", i)
				w.ids[i], _ = again(ctx, func() (string, error) { return w.orch.Submit(ctx, n) }) // ctx says whether it failed
			}
		})
	}
	all.Wait()
	return ctx.Err()
}

// disturb kills hosts and restarts the database until all requests have ended and no message is left.
func (w *world) disturb(ctx context.Context) error {
	kill := time.NewTicker(w.killEvery)
	defer kill.Stop()
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	generation := 0
	shown := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-kill.C:
			if w.ended.Load() == int64(w.n) {
				break // only messages are left
			}
			i := rand.IntN(len(w.hosts))
			if err := w.hosts[i].kill(); err != nil {
				return err
			}
			w.kills++
			generation++
			lifetest.Pause(ctx, time.Duration(rand.IntN(500))*time.Millisecond)
			h, err := w.startHost(ctx, fmt.Sprintf("host-%d.%d", i, generation), w.server.URL, shareOf(i, len(w.hosts)))
			if err != nil {
				return err
			}
			w.hosts[i] = h
		case <-look.C:
			done, err := w.look(ctx)
			if err != nil {
				continue // the database is busy or away: the next look asks again
			}
			if done {
				return nil
			}
			if time.Since(shown) > 10*time.Second {
				shown = time.Now()
				fmt.Fprintf(w.out, "%6d of %d ended, %d kills, %d restarts of the database\n", w.ended.Load(), w.n, w.kills, w.stops)
			}
			// The restarts are spread over the run.
			if w.stops < w.restarts && w.ended.Load()*int64(w.restarts+1) >= int64(w.n*(w.stops+1)) {
				if err := w.restart(ctx); err != nil {
					return err
				}
			}
		}
	}
}

// look says whether all requests have ended and all messages were delivered.
func (w *world) look(ctx context.Context) (bool, error) {
	counts, err := w.orch.Counts(ctx)
	if err != nil {
		return false, err
	}
	var ended int64
	for _, c := range counts {
		if !c.Live {
			ended += c.Count
		}
	}
	w.ended.Store(ended)
	if ended < int64(w.n) {
		return false, nil
	}
	b, err := w.orch.Backlog(ctx)
	return b.Messages == 0, err
}

// restart stops and kills the database in turn, and starts it again.
func (w *world) restart(ctx context.Context) error {
	end := w.server.Stop
	if w.stops%2 == 1 {
		end = w.server.Kill
	}
	if err := end(); err != nil {
		return err
	}
	w.stops++
	lifetest.Pause(ctx, time.Second)
	return w.server.Start(ctx)
}
