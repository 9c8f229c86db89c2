package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/researchflow/researchflow/orchestrator"
)

// wrap adds to an error what was being done, and maps errors of the databases to those of [orchestrator.Store].
func wrap(doing string, err error) error {
	var effect *effectError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &effect) && !contention(effect.error):
		return fmt.Errorf("store: %s: %w", doing, effect.error)
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("store: %s: %w", doing, orchestrator.ErrNotFound)
	case errors.Is(err, orchestrator.ErrConflict), errors.Is(err, orchestrator.ErrFenced),
		errors.Is(err, orchestrator.ErrDuplicate), errors.Is(err, orchestrator.ErrUnknownOutcome):
		return err
	case contention(err):
		return fmt.Errorf("store: %s: %w", doing, orchestrator.ErrConflict)
	}
	var connect *pgconn.ConnectError
	var network *net.OpError
	switch {
	case errors.As(err, &connect):
		return &hiddenError{"store: " + doing + ": cannot connect to PostgreSQL", err}
	case errors.As(err, &network):
		return &hiddenError{"store: " + doing + ": the connection to PostgreSQL broke", err}
	}
	return fmt.Errorf("store: %s: %w", doing, err)
}

// hiddenError replaces the text of an error that would show the host, user or database.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }

// uniqueViolation says whether a row with the same key exists.
func uniqueViolation(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// noTable says whether a statement named a table that does not exist.
func noTable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "42P01"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code() == sqlite3.SQLITE_ERROR && strings.Contains(lite.Error(), "no such table")
}

// deallocated says that a prepared statement is gone from the connection. The driver prepares it again the next time.
func deallocated(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "26000"
}

// contention says that the database aborted a transaction, usually in favour of another. It can be tried again.
func contention(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
			return true
		}
		return deallocated(err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		code := lite.Code() & 0xff
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	return false
}

// answered says whether an error of COMMIT is the database's answer that the transaction was rolled back.
func answered(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 57P0x: the server is shutting down; 08xxx: the connection broke. Neither tells whether it was committed.
		return pg.Code[:2] != "57" && pg.Code[:2] != "08"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// unreachable describes why a database cannot be used, without host, user or password.
func unreachable(err error) error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var lite *sqlite.Error
	switch {
	case errors.Is(err, errConnector):
		return errConnector
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("store: database: %w", context.Canceled)
	case errors.As(err, &pg):
		return fmt.Errorf("store: database: PostgreSQL refused (SQLSTATE %s)", pg.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("store: database: no answer in time: %w", context.DeadlineExceeded)
	case errors.As(err, &connect), errors.Is(err, driver.ErrBadConn):
		return errors.New("store: database: cannot connect to PostgreSQL")
	case errors.As(err, &lite):
		return fmt.Errorf("store: database: SQLite refused: %s", sqlite.ErrorCodeString[lite.Code()&0xff])
	}
	return fmt.Errorf("store: database: not reachable (%T)", errors.Unwrap(err))
}
