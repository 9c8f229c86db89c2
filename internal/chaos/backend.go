package chaos

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
)

// Backend is a kind of store under test.
type Backend struct {
	// Name of the backend in the names of tests.
	Name string
	// New makes an empty database that lasts until the test ends.
	New func(tb testing.TB) Database
	// Reopen opens the store on a database by its Address, in another process. nil: tests with processes are skipped.
	Reopen func(ctx context.Context, address string, opt OpenOptions) (Store, error)
}

// Database is one database of a backend.
type Database interface {
	// Open opens the store; several may be open on one database. The caller closes it.
	Open(ctx context.Context, opt OpenOptions) (Store, error)
}

// SQLDatabase is a database that can be read and changed by SQL, without the store.
type SQLDatabase interface {
	Database
	// SQL opens the database without the store. The caller closes it.
	SQL() (*sql.DB, error)
	// Address is what another process gives to [Backend].Reopen.
	Address() string
}

// OpenOptions are options of [Database].Open.
type OpenOptions struct {
	// Wrap wraps the driver's connector; nil: it is used as it is.
	Wrap func(driver.Connector) driver.Connector
	// Clock is the clock of a database that has none; nil: time.Now.
	Clock func() time.Time
}

// Store is a store that can be closed.
type Store interface {
	orchestrator.Store
	Close() error
}
