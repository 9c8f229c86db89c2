package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// limited gives each statement of an SQLite connection a timeout. PostgreSQL does that itself (statement_timeout).
// For a query it is the time until the first row: searching and sorting can be slow, and reading rows is not limited.
type limited struct {
	driver.Connector
	statement time.Duration
}

// sqliteConn lists the interfaces of the driver's connections.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// Connect implements [driver.Connector].
func (l limited) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := c.(sqliteConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("store: sqlite: the driver's connection has type %T", c)
	}
	return &limitedConn{whole, l.statement}, nil
}

// limitedConn sets no timeout for BeginTx, whose context lasts until COMMIT.
type limitedConn struct {
	sqliteConn
	statement time.Duration
}

// unlimited is the key of contexts without statement timeouts: those of migrations.
type unlimited struct{}

func (c *limitedConn) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Value(unlimited{}) != nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.statement)
}

func (c *limitedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *limitedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	ctx, cancel := c.limit(ctx)
	rows, err := c.sqliteConn.QueryContext(ctx, query, args)
	if err != nil {
		cancel()
		return nil, err
	}
	whole, ok := rows.(sqliteRows)
	if !ok {
		cancel()
		return nil, errors.Join(fmt.Errorf("store: sqlite: the driver's rows have type %T", rows), rows.Close())
	}
	return &limitedRows{whole, cancel}, nil
}

// sqliteRows lists the interfaces of the driver's rows.
type sqliteRows interface {
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// limitedRows cancels the context of its statement when it is closed.
type limitedRows struct {
	sqliteRows
	cancel context.CancelFunc
}

func (r *limitedRows) Close() error {
	defer r.cancel()
	return r.sqliteRows.Close()
}
