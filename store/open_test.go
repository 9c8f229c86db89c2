package store_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store"
)

func TestOpenRefusesInOneLineWithoutThePassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	notADatabase := filepath.Join(dir, "text.db")
	if err := os.WriteFile(notADatabase, []byte(strings.Repeat("this is not a database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	const parse = "store: the database URL does not parse: want sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE"
	for _, tt := range []struct{ url, want string }{
		{"", parse},
		{"rf.db", parse},
		{"mysql://u:s3cret@host/db", parse},
		{"postgres://u:s3cret@ho st/db", parse},
		{"postgres://u:s3cr/et@host/db", parse},
		{"postgres://u:s3cret@[::1/db", parse},
		{"postgres://u:s3cret@host:99999999/db", "store: the database URL does not parse: a port, sslmode, timeout or pool setting is invalid"},
		{"postgres://u:s3cret@host/db?sslmode=maybe", "store: the database URL does not parse: a port, sslmode, timeout or pool setting is invalid"},
		{"postgres://u:s3cret@host/db?pool_max_conns=many", "store: the database URL does not parse: a port, sslmode, timeout or pool setting is invalid"},
		{"postgres://u:s3cret@host/db?search_path=a,b", "store: the search_path in the database URL is not a single schema name"},
		{"postgres://u:s3cret@" + nobody + "/db", "store: database: cannot connect to PostgreSQL"},
		{"sqlite://", "store: the database URL sqlite:// has no file name"},
		{"sqlite://:memory:", "store: sqlite://:memory: is not supported because it is not durable: name a file"},
		{"sqlite://a?mode=ro", "store: the file name in the database URL contains ? or #"},
		{"sqlite://" + dir, "store: the database file is a folder: " + dir},
		{"sqlite://" + dir + "/none/rf.db", "store: the folder of the database file does not exist: " + dir + "/none"},
		{"sqlite://" + notADatabase, "store: database: SQLite refused: File opened that is not a database file (SQLITE_NOTADB)"},
	} {
		s, err := store.Open(t.Context(), tt.url)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.url, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cr") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: the error holds the password or more than one line: %v", tt.url, err)
		}
	}
}

func TestOpenKeepsTheFileNameAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b%20c&d;é.db")
	s := openStore(t, "sqlite://"+path)
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestOpenTakesTwoSlashesForOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rf.db")
	s := openStore(t, "sqlite:///"+path) // as others write it: sqlite:////var/lib/rf.db
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenWithoutMigrationRefusesInOneLine(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		s, err := store.Open(t.Context(), string(b.New(t).(database)), store.WithoutMigration())
		if err == nil {
			_ = s.Close()
		}
		want := "store: the database has no tables: run Migrate"
		if err == nil || err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	})
}

func TestMigrations(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t).(database)
		// Many hosts open a new database at once, and all succeed.
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				s, err := store.Open(t.Context(), string(db))
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := openStore(t, string(db))
		tables := func() int {
			t.Helper()
			raw, err := db.SQL()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = raw.Close() }()
			query := "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
			if b.Name == "postgres" {
				query = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace)" +
					" + (SELECT count(*) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace)"
			}
			var n int
			if err := raw.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		full := tables()
		if err := s.MigrateDown(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		// What is left is the table of migrations (and, on PostgreSQL, its index).
		if n := tables(); n > 2 {
			t.Errorf("%d things are left after the way down", n)
		}
		if s, err := store.Open(t.Context(), string(db), store.WithoutMigration()); err == nil {
			_ = s.Close()
			t.Error("WithoutMigration: an empty database was opened")
		}
		for range 2 {
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := tables(); n != full {
			t.Errorf("up, down, up: %d things, want %d", n, full)
		}
		open, err := store.Open(t.Context(), string(db), store.WithoutMigration())
		if err != nil {
			t.Fatal(err)
		}
		if err := open.Close(); err != nil {
			t.Error(err)
		}
		if err := s.MigrateDown(t.Context(), 99); err == nil {
			t.Error("MigrateDown to a version that is not there: no error")
		}
		tampered(t, db)
	})
}

// tampered changes the table of applied migrations.
func tampered(t *testing.T, db database) {
	t.Helper()
	raw, err := db.SQL()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	for _, tt := range []struct{ change, want string }{
		{"INSERT INTO schema_migrations SELECT 2, 'future', 'x', applied_at FROM schema_migrations", "store: the database has version 2, which is newer than this program's version 1"},
		{"UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", "store: migration 0001_requests differs from the one that was applied to this database"},
	} {
		if _, err := raw.ExecContext(t.Context(), tt.change); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), string(db))
		if err == nil {
			_ = s.Close()
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
		if _, err := raw.ExecContext(t.Context(), "DELETE FROM schema_migrations WHERE version = 2"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStatementsAreLimited: the store, not its caller, ends a statement that never ends.
func TestStatementsAreLimited(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		s := openStore(t, string(b.New(t).(database)), store.WithStatementTimeout(time.Second))
		const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
		var n int
		if err := s.DB().QueryRowContext(t.Context(), endless).Scan(&n); err == nil {
			t.Errorf("a query without an end counted to %d", n)
		}
		if _, err := s.DB().ExecContext(t.Context(), "CREATE TABLE forever AS "+endless); err == nil {
			t.Error("a statement without an end came to its end")
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestLimitsAreNeverOff: a short timeout must not be rounded to 0, which PostgreSQL takes for no limit.
func TestLimitsAreNeverOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		timeout time.Duration
		want    [3]string // statement_timeout, lock_timeout, idle_in_transaction_session_timeout
	}{
		{time.Nanosecond, [3]string{"1", "1", "1"}},
		{time.Millisecond - 1, [3]string{"1", "1", "1"}},
		{time.Millisecond, [3]string{"1", "1", "1"}},
		{2*time.Millisecond - 1, [3]string{"1", "1", "1"}},
		{2 * time.Millisecond, [3]string{"2", "1", "2"}},
		{30 * time.Second, [3]string{"30000", "15000", "30000"}},
	} {
		asked := startup(t, tt.timeout)
		got := [3]string{asked["statement_timeout"], asked["lock_timeout"], asked["idle_in_transaction_session_timeout"]}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v: %s", tt.timeout, diff)
		}
	}
}

// startup returns the settings that a connection to PostgreSQL asks for.
func startup(t *testing.T, statement time.Duration) map[string]string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	settings := make(chan map[string]string, 1)
	go func() {
		defer close(settings)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if m, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err == nil {
			if first, ok := m.(*pgproto3.StartupMessage); ok {
				settings <- first.Parameters
			}
		}
	}()
	s, err := store.Open(t.Context(), "postgres://u@"+l.Addr().String()+"/db?sslmode=disable", store.WithStatementTimeout(statement))
	if err == nil {
		_ = s.Close()
		t.Error("a server that says nothing was opened")
	}
	_ = l.Close()
	return <-settings
}

func TestWakeReachesOtherHosts(t *testing.T) {
	t.Parallel()
	address := pool.URL(t)
	one, two := openStore(t, address), openStore(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	woken := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() { done <- two.Listen(ctx, func() { woken <- struct{}{} }) }()
	<-woken // it listens now
	if _, err := lifetest.New(t, one).Submit(ctx, lifetest.Sample("wake")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-woken:
	case <-ctx.Done():
		t.Error("nobody was woken")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Listen: got %v, want Canceled", err)
	}
	lite := openStore(t, "sqlite://"+filepath.Join(t.TempDir(), "rf.db"))
	if err := lite.Listen(t.Context(), func() {}); !errors.Is(err, orchestrator.ErrUnsupported) {
		t.Errorf("Listen on SQLite: got %v, want ErrUnsupported", err)
	}
}

// TestMigrationsAreCutShort: each driver call of a migration fails in turn, before or after it was made. Either nothing
// or everything was migrated.
func TestMigrationsAreCutShort(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		for _, mode := range []chaos.Mode{chaos.Fail, chaos.FailAfter} {
			cut := 0
			for n := 1; ; n++ {
				db := b.New(t).(database)
				var f chaos.Faults
				f.Arm(n, mode)
				s, err := store.Open(t.Context(), string(db), store.WithConnector(f.Wrap))
				if err == nil {
					_ = s.Close()
				}
				if !f.Fired() {
					break
				}
				cut++
				s = openStore(t, string(db))
				if _, err := lifetest.New(t, s).Submit(t.Context(), lifetest.Sample("afterwards")); err != nil {
					t.Errorf("%v at call %d, %s: %v", mode, n, f.Calls()[n-1], err)
				}
				if err := s.MigrateDown(t.Context(), 0); err != nil {
					t.Errorf("%v at call %d, %s, down: %v", mode, n, f.Calls()[n-1], err)
				}
			}
			if cut < 6 {
				t.Errorf("%v: %d calls, want those of a migration", mode, cut)
			}
		}
	})
}
