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
	// Reopen opens the store on a database by its Address, in another process; nil: there is no way.
	Reopen func(ctx context.Context, address string, opt OpenOptions) (Store, error)
}

// Database is one database of a backend.
type Database interface {
	// Open opens the store; several may be open on one database. The caller closes it.
	Open(ctx context.Context, opt OpenOptions) (Store, error)
}

// SQLDatabase is a database that SQL can be used on.
type SQLDatabase interface {
	Database
	// SQL opens the database itself, for reading and for breaking things. The caller closes it.
	SQL() (*sql.DB, error)
	// Address is what another process gives to [Backend].Reopen.
	Address() string
}

// OpenOptions say how a store is to be opened.
type OpenOptions struct {
	// Wrap goes around the driver's connector, where there is one; nil none.
	Wrap func(driver.Connector) driver.Connector
	// Clock is the database's clock, for databases that have none of their own; nil the real one.
	Clock func() time.Time
}

// Store is a store that can be closed.
type Store interface {
	orchestrator.Store
	Close() error
}
