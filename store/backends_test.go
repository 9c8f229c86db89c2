package store_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/store"
)

var (
	pool    pgtest.Pool
	reports chaos.Reports
)

func TestMain(m *testing.M) {
	chaos.Child(sqliteBackend(), postgresBackend())
	flag.Parse()
	// The tests spend most of their time waiting: for leases to expire, and for databases to restart.
	_ = flag.Set("test.parallel", "8")
	// Few random histories by default, to keep the tests fast; -rapid.checks=1000 runs more.
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "rapid.checks" })
	switch {
	case chosen:
	case testing.Short():
		_ = flag.Set("rapid.checks", "10")
	default:
		_ = flag.Set("rapid.checks", "40")
	}
	code := pool.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	if table := reports.String(); table != "" {
		fmt.Print(table)
	}
	os.Exit(code)
}

// database is the URL of a database.
type database string

func (d database) Open(ctx context.Context, opt chaos.OpenOptions) (chaos.Store, error) {
	var opts []store.Option
	if opt.Wrap != nil {
		opts = append(opts, store.WithConnector(opt.Wrap))
	}
	if opt.Clock != nil {
		opts = append(opts, store.WithClock(opt.Clock))
	}
	s, err := store.Open(ctx, string(d), opts...)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d database) SQL() (*sql.DB, error) {
	if path, ok := strings.CutPrefix(string(d), "sqlite://"); ok {
		return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	}
	cfg, err := pgx.ParseConfig(string(d))
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*cfg), nil
}

func (d database) Address() string { return string(d) }

func reopen(ctx context.Context, address string, opt chaos.OpenOptions) (chaos.Store, error) {
	return database(address).Open(ctx, opt)
}

func sqliteBackend() chaos.Backend {
	return chaos.Backend{Name: "sqlite", Reopen: reopen, New: func(tb testing.TB) chaos.Database {
		return database("sqlite://" + filepath.Join(tb.TempDir(), "rf.db"))
	}}
}

func postgresBackend() chaos.Backend {
	return chaos.Backend{Name: "postgres", Reopen: reopen, New: func(tb testing.TB) chaos.Database {
		return database(pool.URL(tb))
	}}
}

// each runs a test on both databases.
func each(t *testing.T, f func(t *testing.T, b chaos.Backend)) {
	for _, b := range []chaos.Backend{sqliteBackend(), postgresBackend()} {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			f(t, b)
		})
	}
}

func TestAtomic(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) { chaos.Atomic(t, b, &reports) })
}

func TestKilled(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) { chaos.Killed(t, b, &reports) })
}

func TestPromises(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) { chaos.Promises(t, b, &reports) })
}
