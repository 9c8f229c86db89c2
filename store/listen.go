package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/researchflow/researchflow/orchestrator"
)

// notifier tells other processes that something was committed. NOTIFY inside of a transaction would make PostgreSQL
// commit such transactions one at a time. So it is sent afterwards, at most once per interval.
type notifier struct {
	mu      sync.Mutex
	pending bool
	stopped bool
	timer   *time.Timer
	busy    sync.WaitGroup
}

const notifyInterval = 20 * time.Millisecond

// hint schedules a NOTIFY.
func (n *notifier) hint(s *Store) {
	if !s.postgres() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending || n.stopped {
		return
	}
	n.pending = true
	n.busy.Add(1)
	n.timer = time.AfterFunc(notifyInterval, func() {
		defer n.busy.Done()
		n.mu.Lock()
		n.pending = false
		n.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Wake(ctx) // polling is the fallback
	})
}

func (n *notifier) stop() {
	n.mu.Lock()
	n.stopped = true
	if n.timer != nil && n.timer.Stop() {
		n.busy.Done()
	}
	n.mu.Unlock()
	n.busy.Wait()
}

func (s *Store) channel() string { return s.opt.schema + "_wake" }

// Wake implements [orchestrator.Waker]. On SQLite it does nothing: there are no other processes.
func (s *Store) Wake(ctx context.Context) error {
	if !s.postgres() {
		return nil
	}
	_, err := s.pool.Exec(ctx, "SELECT pg_notify($1, '')", s.channel())
	return wrap("wake", err)
}

// Listen implements [orchestrator.Waker]. It uses a connection of its own. On SQLite it fails with
// [orchestrator.ErrUnsupported].
func (s *Store) Listen(ctx context.Context, wake func()) error {
	if !s.postgres() {
		return fmt.Errorf("store: listen: %w", orchestrator.ErrUnsupported)
	}
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
	if err != nil {
		return unreachable(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return wrap("listen", err)
	}
	wake() // for what was committed while nobody listened
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			wake()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &hiddenError{"store: listen: the connection was lost", err}
		}
		wake()
	}
}
