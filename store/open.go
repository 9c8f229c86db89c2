package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"github.com/researchflow/researchflow/orchestrator"
)

// Store keeps requests in PostgreSQL or SQLite. It implements [orchestrator.Store] and, on PostgreSQL,
// [orchestrator.Waker]. Any goroutine may use it.
type Store struct {
	write *bun.DB // SQLite: one connection, whose transactions begin by taking the write lock
	read  *bun.DB // PostgreSQL: the same as write
	pool  *pgxpool.Pool
	mode  pgx.QueryExecMode // of prepared statements; all others use QueryExecModeExec
	opt   options

	notify notifier

	close    sync.Once
	closeErr error
}

var (
	_ orchestrator.Store = (*Store)(nil)
	_ orchestrator.Waker = (*Store)(nil)
)

type options struct {
	schema     string
	maxConns   int
	statement  time.Duration
	resolve    time.Duration
	skip       bool
	logger     *slog.Logger
	clock      func() time.Time
	wrap       func(driver.Connector) driver.Connector
	migrations migrationsFS
}

// Option configures [Open].
type Option func(*options)

// WithSchema names the PostgreSQL schema of the tables; the default is "researchflow". It is created
// when it does not exist. SQLite has no schemas.
func WithSchema(name string) Option { return func(o *options) { o.schema = name } }

// WithMaxConns limits the connections; the default is 4 per CPU, at least 8, or pool_max_conns of the URL.
func WithMaxConns(n int) Option { return func(o *options) { o.maxConns = n } }

// WithStatementTimeout limits the time of one statement and of COMMIT; the default is 30 s. On PostgreSQL it is at
// least one millisecond.
func WithStatementTimeout(d time.Duration) Option { return func(o *options) { o.statement = d } }

// WithResolveTimeout limits how long the database is asked whether a commit was made, after the connection broke during
// COMMIT; the default is 10 s. After that, [orchestrator.ErrUnknownOutcome] is returned.
func WithResolveTimeout(d time.Duration) Option { return func(o *options) { o.resolve = d } }

// WithoutMigration does not migrate the tables. Open then fails unless they have this program's version.
func WithoutMigration() Option { return func(o *options) { o.skip = true } }

// WithLogger sets the logger; the default is silent.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithClock sets the database's clock on SQLite, for tests; the default is time.Now. PostgreSQL uses its own clock.
func WithClock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// WithConnector wraps the driver's connector, for tracing, or for tests that make the database fail. Its connections
// must implement [driver.NamedValueChecker], [driver.QueryerContext], [driver.ExecerContext] and [driver.ConnBeginTx]
// by calling those of the driver, and pass every argument on unchanged: on PostgreSQL the first can be a
// pgx.QueryExecMode.
func WithConnector(wrap func(driver.Connector) driver.Connector) Option {
	return func(o *options) { o.wrap = wrap }
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open opens the database of a URL, brings its tables up to date, and returns the store.
//
//	sqlite://PATH              an SQLite file: sqlite://rf.db is relative, sqlite:///var/lib/rf.db absolute
//	postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…    PostgreSQL 13 or newer (settings as of pgx)
//
// Errors are one line and hold neither URL nor password.
func Open(ctx context.Context, databaseURL string, opts ...Option) (*Store, error) {
	o := options{
		schema: "researchflow", statement: 30 * time.Second, resolve: 10 * time.Second,
		logger: slog.New(slog.DiscardHandler), clock: time.Now, migrations: embedded,
		wrap: func(c driver.Connector) driver.Connector { return c },
	}
	for _, f := range opts {
		f(&o)
	}
	switch {
	case !schemaName.MatchString(o.schema):
		return nil, errors.New("store: the schema name is invalid: use lower-case letters, digits and _")
	case o.statement <= 0 || o.resolve <= 0:
		return nil, errors.New("store: a timeout is not positive")
	case o.maxConns < 0:
		return nil, errors.New("store: the maximum number of connections is negative")
	}
	scheme, rest, ok := strings.Cut(databaseURL, "://")
	if !ok {
		return nil, errURL
	}
	s := &Store{opt: o}
	var err error
	switch scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, databaseURL)
	default:
		return nil, errURL
	}
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

var errURL = errors.New("store: the database URL does not parse: want sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")

func (s *Store) prepare(ctx context.Context) error {
	if err := s.Ping(ctx); err != nil {
		return err
	}
	if s.opt.skip {
		return s.checkVersion(ctx)
	}
	return s.Migrate(ctx)
}

func (s *Store) openSQLite(_ context.Context, path string) error {
	switch {
	case path == "":
		return errors.New("store: the database URL sqlite:// has no file name")
	case strings.HasPrefix(path, ":memory:"):
		return errors.New("store: sqlite://:memory: is not supported because it is not durable: name a file")
	case strings.ContainsAny(path, "?#\x00"):
		return errors.New("store: the file name in the database URL contains ? or #")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("store: the folder of the database file does not exist: %s", filepath.Dir(path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("store: the database file is a folder: %s", path)
	}
	opaque := (&url.URL{Path: path}).EscapedPath()
	if strings.HasPrefix(opaque, "//") { // after an empty host name; otherwise the first folder would be taken for a host
		opaque = "//" + opaque
	}
	file := (&url.URL{Scheme: "file", Opaque: opaque}).String()
	common := "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	write, err := sqlite.NewConnector(file + common + "&_txlock=immediate")
	if err != nil {
		return fmt.Errorf("store: sqlite: %w", err)
	}
	read, err := sqlite.NewConnector(file + common + "&_pragma=query_only(1)")
	if err != nil {
		return fmt.Errorf("store: sqlite: %w", err)
	}
	open := func(c driver.Connector, conns int) *bun.DB {
		db := sql.OpenDB(s.opt.wrap(limited{c, s.opt.statement}))
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		return bun.NewDB(db, sqlitedialect.New())
	}
	readers := s.opt.maxConns
	if readers == 0 {
		readers = max(4, runtime.GOMAXPROCS(0))
	}
	s.write, s.read = open(write, 1), open(read, readers)
	return nil
}

func (s *Store) openPostgres(ctx context.Context, databaseURL string) error {
	if _, err := url.Parse(databaseURL); err != nil {
		return errURL // the cause can contain part of the password
	}
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return errors.New("store: the database URL does not parse: a port, sslmode, timeout or pool setting is invalid")
	}
	// The texts that bun formats contain values: caching them as prepared statements is of no use.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	s.mode = pgx.QueryExecModeCacheStatement
	if cfg.ConnConfig.StatementCacheCapacity == 0 { // set by the host
		s.mode = pgx.QueryExecModeDescribeExec
	}
	if s.opt.maxConns > 0 {
		cfg.MaxConns = int32(min(s.opt.maxConns, 10000))
	} else if !strings.Contains(databaseURL, "pool_max_conns") {
		cfg.MaxConns = int32(max(8, 4*runtime.GOMAXPROCS(0)))
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	set := func(name, value string) {
		if _, ok := cfg.ConnConfig.RuntimeParams[name]; !ok {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	set("application_name", "researchflow")
	limit := func(name string, d time.Duration) {
		set(name, strconv.FormatInt(max(1, d.Milliseconds()), 10)) // 0 would be no limit
	}
	limit("statement_timeout", s.opt.statement)
	limit("lock_timeout", s.opt.statement/2)
	limit("idle_in_transaction_session_timeout", s.opt.statement)
	set("search_path", s.opt.schema)
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	s.opt.schema = cfg.ConnConfig.RuntimeParams["search_path"]
	if !schemaName.MatchString(s.opt.schema) {
		return errors.New("store: the search_path in the database URL is not a single schema name")
	}
	s.pool, err = pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return errors.New("store: the settings in the database URL contradict each other")
	}
	db := sql.OpenDB(checked{s.opt.wrap(stdlib.GetPoolConnector(s.pool))})
	db.SetMaxIdleConns(0) // the pool keeps them
	db.SetMaxOpenConns(int(cfg.MaxConns))
	s.write = bun.NewDB(db, pgdialect.New())
	s.read = s.write
	return nil
}

// checked refuses connections of [WithConnector] that cannot pass the arguments of commits on unchanged.
type checked struct{ driver.Connector }

var errConnector = errors.New("store: the connections of WithConnector do not implement driver.NamedValueChecker")

// Connect implements [driver.Connector].
func (c checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := conn.(driver.NamedValueChecker); !ok {
		_ = conn.Close()
		return nil, errConnector
	}
	return conn, nil
}

// Close implements [io.Closer]; a host's connector may.
func (c checked) Close() error {
	if host, ok := c.Connector.(io.Closer); ok {
		return host.Close()
	}
	return nil
}

// postgres says whether the database is PostgreSQL.
func (s *Store) postgres() bool { return s.pool != nil }

// DB returns the database, for hosts that keep their own tables in it. On SQLite it has one connection, the only one
// that may write.
func (s *Store) DB() *bun.DB { return s.write }

// Ping fails when the database cannot be used.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.read.ExecContext(ctx, "SELECT 1"); err != nil {
		return unreachable(err)
	}
	return nil
}

// Now implements [orchestrator.Store].
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now stamp
	err := s.read.NewSelect().ColumnExpr("? AS now", s.now()).Scan(ctx, &now)
	return now.Time, wrap("clock", err)
}

// Close closes the connections. It may be called twice.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.notify.stop()
		s.closeErr = s.write.Close()
		if s.read != s.write {
			s.closeErr = errors.Join(s.closeErr, s.read.Close())
		}
		if s.pool != nil {
			s.pool.Close()
		}
	})
	return s.closeErr
}

// now is an SQL expression for the time, by the database's clock, when the statement begins.
func (s *Store) now() bun.Safe {
	if s.postgres() {
		return "statement_timestamp()"
	}
	return bun.Safe("'" + at(s.opt.clock()).text() + "'")
}

// clock is an SQL expression for the time, by the database's clock, when a row is read. So it is not before any time in
// the row.
func (s *Store) clock() bun.Safe {
	if s.postgres() {
		return "clock_timestamp()"
	}
	return s.now()
}

// later is an SQL expression for [Store.now] plus a duration.
func (s *Store) later(d time.Duration) bun.Safe {
	if s.postgres() {
		return bun.Safe(fmt.Sprintf("(statement_timestamp() + interval '%d microseconds')", d.Microseconds()))
	}
	return bun.Safe("'" + at(s.opt.clock().Add(d)).text() + "'")
}
