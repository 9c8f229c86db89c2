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
		return errors.New("store: commit: it has no request, or no audit entry that carries its id")
	}
	err := s.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		w := writer{batch: batch{s: s, tx: tx}, c: c}
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

// effectError keeps what a host's effect says from being read as the store's own word: that a row was not found, say.
type effectError struct{ error }

func (e *effectError) Unwrap() error { return e.error }

// transact runs f in a transaction. When the connection breaks over COMMIT, made asks the database
// whether it was made.
func (s *Store) transact(ctx context.Context, f func(context.Context, bun.Tx) error, made func(context.Context) (bool, error)) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// COMMIT is not given up because the caller went away: its outcome would be unknown.
	held, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.opt.statement)
	defer cancel()
	tx, err := conn.BeginTx(held, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	err = tx.Commit()
	switch {
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return errors.New("PostgreSQL had given up the transaction: an effect went on after an error")
	case err == nil, answered(err):
		return err
	}
	discard(conn)
	_ = conn.Close() // SQLite has one connection for writing, and asking takes it
	return s.resolve(ctx, made)
}

// inTx runs f in a transaction. A connection whose transaction did not end in order is not used again.
func (s *Store) inTx(ctx context.Context, f func(context.Context, bun.Tx) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		if !answered(err) {
			discard(conn)
		}
		return err
	}
	return nil
}

// discard has database/sql close the connection, which ends its transaction, rather than use it again.
func discard(conn bun.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// resolve asks again and again whether a commit was made, for a bounded time.
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

// errProbed ends the transaction of a probe, which is to leave nothing behind.
var errProbed = errors.New("store: probed")

// Committed implements [orchestrator.Store]. On SQLite, transactions that write wait for each other. On PostgreSQL an entry
// with the commit's id can be inserted only when no transaction that has done so is under way or was made.
func (s *Store) Committed(ctx context.Context, commit string) (bool, error) {
	found := false
	err := s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
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
