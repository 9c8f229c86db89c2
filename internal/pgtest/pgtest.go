package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotInstalled says that there is no PostgreSQL server to start.
var ErrNotInstalled = errors.New("pgtest: PostgreSQL's server programs are not installed (looked at PATH and /usr/lib/postgresql)")

// Options say how a server is to run.
type Options struct {
	// Fsync makes every commit wait for the disk, as in production. The default is off, which is faster, and equal for
	// tests in which the machine itself does not fail.
	Fsync bool
	// Settings are further settings of postgresql.conf, for example "log_statement=all".
	Settings []string
}

// Env is the environment variable that names a PostgreSQL for tests. Its user must be allowed to create schemas.
const Env = "RESEARCHFLOW_TEST_POSTGRES"

// Pool is the one server of a test binary. Declare it in TestMain's file, use it with [Pool.URL], and
// have TestMain return through [Pool.Main].
type Pool struct {
	Options Options

	once   sync.Once
	server *Server
	url    string
	err    error
}

// Main runs the tests and stops the server; the result is the exit code.
func (p *Pool) Main(m *testing.M) int {
	code := m.Run()
	if p.server != nil {
		if err := p.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return max(code, 1)
		}
	}
	return code
}

func (p *Pool) start() {
	if p.url = os.Getenv(Env); p.url != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if p.server, p.err = NewServer(ctx, p.Options); p.err == nil {
		p.url = p.server.URL
	}
}

// URL returns the address of the database with the search path set to a new, empty schema, which is
// dropped when the test ends. Without a PostgreSQL the test is skipped, or, with CI=true, fails.
func (p *Pool) URL(tb testing.TB) string {
	tb.Helper()
	p.once.Do(p.start)
	Require(tb, p.err)
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	schema := "test_" + hex.EncodeToString(b[:])
	p.exec(tb, "CREATE SCHEMA "+schema)
	tb.Cleanup(func() { p.exec(tb, "DROP SCHEMA IF EXISTS "+schema+" CASCADE") })
	u, err := url.Parse(p.url)
	if err != nil {
		tb.Fatalf("pgtest: %s does not parse", Env)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func (p *Pool) exec(tb testing.TB, query string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		tb.Fatalf("pgtest: cannot connect to the PostgreSQL for tests")
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, query); err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
}

// Require skips a test that has no PostgreSQL, or, with CI=true, fails it.
func Require(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		tb.Skipf("SKIPPED: no PostgreSQL: install its server, or set %s to the URL of one", Env)
	default:
		tb.Fatalf("pgtest: %v (install PostgreSQL's server, or set %s to the URL of one)", err, Env)
	}
}
