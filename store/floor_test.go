package store_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"modernc.org/sqlite"

	"github.com/researchflow/researchflow/internal/chaos"
)

// tape records the SQL that a store sends, to run it again on the raw driver: no layer above the driver can be faster.
// Any goroutine may use it.
type tape struct {
	mu          sync.Mutex
	seed        [][]sent            // what was sent before recording began, transaction by transaction
	recording   bool                // of transitions
	transitions map[string][][]sent // by request, the statements of each of its transactions
}

// sent is one statement with its arguments.
type sent struct {
	query string
	args  []driver.NamedValue
}

// values are the arguments as pgx takes them.
func (s sent) values() []any {
	values := make([]any, len(s.args))
	for i, a := range s.args {
		values[i] = a.Value
	}
	return values
}

// wrap returns a connector whose connections are recorded.
func (r *tape) wrap(c driver.Connector) driver.Connector { return taped{c, r} }

type taped struct {
	driver.Connector
	tape *tape
}

func (t taped) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := t.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tapedConn{Conn: c, tape: t.tape}, nil
}

type tapedConn struct {
	driver.Conn
	tape *tape
	tx   []sent // of the transaction that is open; nil: none is
}

var requestID = regexp.MustCompile(`^REQ-\d{8}-[0-9A-F]{8}$`)

func (c *tapedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.record(query, args)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *tapedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.record(query, args)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *tapedConn) record(query string, args []driver.NamedValue) {
	s := sent{query, slices.Clone(args)}
	if c.tx != nil {
		c.tx = append(c.tx, s)
	} else {
		c.tape.add([]sent{s})
	}
}

func (c *tapedConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *tapedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	c.tx = []sent{}
	return tapedTx{tx, c}, err
}

type tapedTx struct {
	driver.Tx
	c *tapedConn
}

func (t tapedTx) Commit() error {
	err := t.Tx.Commit()
	if err == nil {
		t.c.tape.add(t.c.tx)
	}
	t.c.tx = nil
	return err
}

func (t tapedTx) Rollback() error {
	t.c.tx = nil
	return t.Tx.Rollback()
}

func (r *tape) add(statements []sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.recording {
		r.seed = append(r.seed, statements)
		return
	}
	for _, v := range statements[0].values() {
		if text, ok := v.(string); ok && requestID.MatchString(text) {
			r.transitions[text] = append(r.transitions[text], statements)
			return
		}
	}
}

// rawConn runs statements directly on the driver.
type rawConn interface {
	transaction(ctx context.Context, statements []sent) error
	close() error
}

type rawPostgres struct{ conn *pgx.Conn }

func openRawPostgres(ctx context.Context, url string) (rawConn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	return rawPostgres{conn}, err
}

func (r rawPostgres) transaction(ctx context.Context, statements []sent) error {
	tx, err := r.conn.Begin(ctx)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s.query, s.values()...); err != nil {
			return errors.Join(err, tx.Rollback(ctx))
		}
	}
	return tx.Commit(ctx)
}

func (r rawPostgres) close() error { return r.conn.Close(context.Background()) }

// rawSQLite is the connection that all writers share.
type rawSQLite struct {
	mu   *sync.Mutex
	conn driver.Conn
}

func openRawSQLite(ctx context.Context, path string) (rawConn, error) {
	c, err := sqlite.NewConnector("file:" + path + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	conn, err := c.Connect(ctx)
	return rawSQLite{&sync.Mutex{}, conn}, err
}

func (r rawSQLite) transaction(ctx context.Context, statements []sent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	exec := r.conn.(driver.ExecerContext)
	if _, err := exec.ExecContext(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := exec.ExecContext(ctx, s.query, s.args); err != nil {
			_, rollback := exec.ExecContext(ctx, "ROLLBACK", nil)
			return errors.Join(err, rollback)
		}
	}
	_, err := exec.ExecContext(ctx, "COMMIT", nil)
	return err
}

func (r rawSQLite) close() error { return r.conn.Close() }

// floor records n transitions of the writers on one new database, and returns how many of them per second the
// raw driver runs on another.
func floor(b *testing.B, newDatabase func() string, raw func(ctx context.Context, database string) (rawConn, error), n int) float64 {
	b.Helper()
	ctx := b.Context()
	r := &tape{transitions: map[string][][]sent{}}
	s, err := database(newDatabase()).Open(ctx, chaos.OpenOptions{Wrap: r.wrap})
	if err != nil {
		b.Fatal(err)
	}
	r.seed = nil // the migrations
	drafts := newDrafts(b, s)
	r.recording = true
	transit(b, s, drafts, n)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	there := newDatabase()
	if s, err = database(there).Open(ctx, chaos.OpenOptions{}); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	first, err := raw(ctx, there)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = first.close() }()
	for _, statements := range r.seed {
		if err := first.transaction(ctx, statements); err != nil {
			b.Fatal(err)
		}
	}
	conns := make([]rawConn, 0, len(r.transitions))
	for range r.transitions {
		c := first
		if _, one := first.(rawSQLite); !one {
			if c, err = raw(ctx, there); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = c.close() }()
		}
		conns = append(conns, c)
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	i := 0
	for _, all := range r.transitions {
		c := conns[i]
		i++
		wg.Go(func() {
			for _, statements := range all {
				if err := c.transaction(ctx, statements); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if got := done.Load(); got != int64(n) {
		b.Fatal(fmt.Errorf("the raw driver made %d transitions, want %d", got, n))
	}
	return float64(n) / time.Since(begin).Seconds()
}
