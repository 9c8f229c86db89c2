package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
)

// Commit implements [orchestrator.Store].
func (s *Store) Commit(ctx context.Context, c *orchestrator.Commit) error {
	if c.Request == nil || c.ID == "" || len(c.Audit) == 0 || c.Audit[0].ID != c.ID {
		return errors.New("store: commit: no request, or no audit entry with the commit's id")
	}
	err := s.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		w := writer{batch: batch{store: s, tx: tx}, commit: c}
		if err := w.write(ctx); err != nil {
			return err
		}
		for _, effect := range c.Effects {
			if err := effect(ctx, tx.Tx); err != nil {
				return &effectError{err}
			}
		}
		return nil
	}, func(ctx context.Context) (bool, error) { return s.Committed(ctx, c.ID) })
	if err == nil {
		s.notify.hint(s)
	}
	return wrap("commit", err)
}

// effectError marks an error of a host's effect, so that its sql.ErrNoRows, say, is not taken for the store's own.
type effectError struct{ error }

func (e *effectError) Unwrap() error { return e.error }

// transact runs f in a transaction. When the connection breaks during COMMIT, made asks the database whether it was
// made.
func (s *Store) transact(ctx context.Context, f func(context.Context, bun.Tx) error, made func(context.Context) (bool, error)) error {
	// COMMIT goes on after ctx has ended: otherwise its outcome would be unknown.
	err := s.inTx(ctx, 2*s.opt.statement, f)
	var lost *noReplyError
	switch {
	case !errors.As(err, &lost):
		return err
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return errors.New("PostgreSQL had aborted the transaction: an effect ignored an error")
	}
	return s.resolve(ctx, made)
}

// noReplyError is an error of COMMIT that does not tell whether the transaction was committed.
type noReplyError struct{ error }

func (e *noReplyError) Unwrap() error { return e.error }

// inTx runs f in a transaction. With a limit above 0, BEGIN and COMMIT do not end with ctx, but after that time. A
// connection whose transaction did not end properly is closed.
func (s *Store) inTx(ctx context.Context, limit time.Duration, f func(context.Context, bun.Tx) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	held := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		held, cancel = context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
	}
	tx, err := conn.BeginTx(held, nil)
	if err != nil {
		return err
	}
	if err := cmp.Or(f(ctx, tx), ctx.Err()); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	err = tx.Commit()
	if err == nil || answered(err) {
		return err
	}
	discard(conn)
	return &noReplyError{err}
}

// discard makes database/sql close the connection instead of reusing it. That ends its transaction.
func discard(conn bun.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// resolve asks whether a commit was made, until the database answers or the resolve timeout ends.
func (s *Store) resolve(ctx context.Context, made func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.resolve)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		ok, err := made(ctx)
		switch {
		case ok:
			s.opt.logger.InfoContext(ctx, "store: a commit whose reply was lost was found to be made")
			return nil
		case err == nil:
			return orchestrator.ErrConflict // nothing was written
		}
		select {
		case <-ctx.Done():
			return orchestrator.ErrUnknownOutcome
		case <-time.After(wait):
		}
	}
}

// errProbed rolls back the transaction of a probe.
var errProbed = errors.New("store: probed")

// Committed implements [orchestrator.Store]. On SQLite, writing transactions wait for each other, so reading is enough.
// On PostgreSQL it tries to insert an audit entry with the commit's id: that waits for a transaction in progress that
// has inserted it, and inserts nothing if the commit was made.
func (s *Store) Committed(ctx context.Context, commit string) (bool, error) {
	found := false
	err := s.inTx(ctx, 0, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if !s.postgres() {
			found, err = tx.NewSelect().Model((*auditRow)(nil)).Where("id = ?", commit).Exists(ctx)
			return err
		}
		res, err := tx.NewRaw("INSERT INTO audit (chain, seq, id, type, recorded, prev, hash, body)"+
			" VALUES (?, 0, ?, '', now(), '', '', '') ON CONFLICT DO NOTHING", commit, commit).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		found = n == 0
		return cmp.Or(err, errProbed)
	})
	if errors.Is(err, errProbed) {
		err = nil
	}
	return found, wrap("committed", err)
}
