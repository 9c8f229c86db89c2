package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestTextsOfCommits: the SQL of commits, and of reads around them, is the same for all requests and contains no
// values, so a database that caches statements caches few. On SQLite, reads contain the time.
func TestTextsOfCommits(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		r := &tape{transitions: map[string][][]sent{}, recording: true}
		s, err := b.New(t).Open(t.Context(), chaos.OpenOptions{Wrap: r.wrap})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		o := lifetest.New(t, s, append(lifetest.Steps(nil), orchestrator.WithAuditSink(audit.SinkFunc(func(context.Context, audit.Sealed) error { return nil })))...)
		texts := map[string]int{}
		for life := range 3 {
			id, err := lifetest.Live(t.Context(), o, lifetest.Sample(fmt.Sprint("life ", life)))
			if err != nil {
				t.Fatal(err)
			}
			before := len(texts)
			r.mu.Lock()
			for _, tx := range r.transitions[id] {
				for _, st := range tx {
					if len(st.args) > 0 && (b.Name == "postgres" || !strings.HasPrefix(st.query, "SELECT")) {
						texts[st.query]++
					}
				}
			}
			r.mu.Unlock()
			if n := len(texts) - before; life == 0 && n == 0 || life > 0 && n > 0 {
				t.Errorf("life %d: %d new texts of %d", life, n, len(texts))
			}
		}
		for text := range texts {
			for _, m := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(text, -1) {
				if !slices.Contains([]string{"", "ready", "running", "paused", "open", "succeeded"}, m[1]) {
					t.Errorf("a statement holds %q: %s", m[1], text)
				}
			}
			if regexp.MustCompile(`[ (]\d`).MatchString(strings.ReplaceAll(strings.ReplaceAll(text, "token + 1", ""), "RETURNING 1", "")) {
				t.Errorf("a statement holds a number: %s", text)
			}
		}
	})
}

// TestCommitsOnNewTables: a connection has cached statements for tables that were dropped and created again.
func TestCommitsOnNewTables(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t).(database)
		s := openStore(t, string(db), store.WithMaxConns(1))
		for _, title := range []string{"first", "second"} {
			o := lifetest.New(t, s, lifetest.Steps(nil)...)
			id, err := lifetest.Live(t.Context(), o, lifetest.Sample(title))
			if err != nil {
				t.Fatal(err)
			}
			if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
				t.Error(err)
			}
			other, err := store.Open(t.Context(), string(db))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(other.MigrateDown(t.Context(), 0), other.Migrate(t.Context()), other.Close()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// closing counts how often its connector is closed.
type closing struct {
	driver.Connector
	closed *int
}

func (c closing) Close() error {
	*c.closed++
	return nil
}

func TestConnectorIsClosed(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		closed := 0
		s, err := store.Open(t.Context(), string(b.New(t).(database)), store.WithConnector(func(c driver.Connector) driver.Connector {
			return closing{c, &closed}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if want := map[string]int{"sqlite": 2, "postgres": 1}[b.Name]; closed != want { // SQLite: for writing and for reading
			t.Errorf("closed %d times, want %d", closed, want)
		}
	})
}

// TestCommitsAfterDeallocate: other code on the same connection, such as a host's, deallocates the statements.
func TestCommitsAfterDeallocate(t *testing.T) {
	t.Parallel()
	s := openStore(t, pool.URL(t), store.WithMaxConns(1))
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	for range 2 {
		id, err := o.Submit(t.Context(), lifetest.Sample("deallocated"))
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"DEALLOCATE ALL", "DISCARD PLANS"} {
			if _, err := s.DB().ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			if err := o.Drain(t.Context()); err != nil {
				t.Errorf("after %s: %v", q, err)
			}
		}
		if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
			t.Error(err)
		}
	}
}

// edit returns a commit that changes a request only as change does.
func edit(t *testing.T, s orchestrator.Store, id string, change func(c *orchestrator.Commit)) *orchestrator.Commit {
	t.Helper()
	snap, err := s.Snapshot(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r := snap.Request
	r.Version++
	sealed, head, err := snap.Audit.Seal(audit.Entry{Chain: id, Type: audit.RequestChanged, Action: audit.Update, Recorded: snap.Now})
	if err != nil {
		t.Fatal(err)
	}
	c := &orchestrator.Commit{ID: sealed.ID, Expect: snap.Request.Version, Request: &r, Head: head, Audit: []audit.Sealed{sealed}}
	change(c)
	return c
}

func TestCommitErrors(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t).(database)
		s := openStore(t, string(db))
		o := lifetest.New(t, s)
		raw, err := db.SQL()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		// A unique index of the host, which is no key of the library.
		if _, err := raw.ExecContext(t.Context(), "CREATE UNIQUE INDEX own ON requests (assignee) WHERE assignee <> ''"); err != nil {
			t.Fatal(err)
		}
		submit := func(title string) string {
			t.Helper()
			id, err := o.Submit(t.Context(), lifetest.Sample(title))
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		id, other := submit("one"), submit("other")
		taken := func(c *orchestrator.Commit) { c.Request.Assignee = "the same" }
		if err := s.Commit(t.Context(), edit(t, s, other, taken)); err != nil {
			t.Fatal(err)
		}
		contract := []error{orchestrator.ErrConflict, orchestrator.ErrDuplicate, orchestrator.ErrFenced, orchestrator.ErrNotFound}
		for _, tt := range []struct {
			name   string
			change func(c *orchestrator.Commit)
			want   error // nil: an error that is none of the contract's
		}{
			{"a key of the host's own is taken", taken, nil},
			{"an effect finds no row", func(c *orchestrator.Commit) {
				c.Effects = append(c.Effects, func(ctx context.Context, tx orchestrator.Tx) error {
					var n int
					return tx.QueryRowContext(ctx, "SELECT 1 WHERE 1 = 2").Scan(&n)
				})
			}, sql.ErrNoRows},
			{"a gate that is not there", func(c *orchestrator.Commit) {
				c.Approvals = []orchestrator.Approval{{ID: "a", Request: id, Gate: "none", At: c.Audit[0].Recorded}}
			}, nil},
		} {
			err := s.Commit(t.Context(), edit(t, s, id, tt.change))
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
			}
			for _, c := range contract {
				if errors.Is(err, c) {
					t.Errorf("%s: got %v", tt.name, err)
				}
			}
			if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

// TestEffectGoesOnAfterAnError: PostgreSQL has aborted the transaction, and reports it at COMMIT.
func TestEffectGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	s := openStore(t, pool.URL(t))
	id, err := lifetest.New(t, s).Submit(t.Context(), lifetest.Sample("goes on"))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Commit(t.Context(), edit(t, s, id, func(c *orchestrator.Commit) {
		c.Effects = append(c.Effects, func(ctx context.Context, tx orchestrator.Tx) error {
			_, _ = tx.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)")
			return nil
		})
	}))
	want := "store: commit: PostgreSQL had aborted the transaction: an effect ignored an error"
	if err == nil || err.Error() != want || errors.Is(err, orchestrator.ErrConflict) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
		t.Error(err)
	}
}

// TestLargeCommit commits more values than either database accepts in one statement.
func TestLargeCommit(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		s := openStore(t, string(b.New(t).(database)))
		id, err := lifetest.New(t, s).Submit(t.Context(), lifetest.Sample("large"))
		if err != nil {
			t.Fatal(err)
		}
		const entries = 9000
		err = s.Commit(t.Context(), edit(t, s, id, func(c *orchestrator.Commit) {
			for range entries {
				sealed, head, err := c.Head.Seal(audit.Entry{Chain: id, Type: audit.ViewRun, Action: audit.Read, Recorded: c.Audit[0].Recorded})
				if err != nil {
					t.Fatal(err)
				}
				c.Head, c.Audit = head, append(c.Audit, sealed)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
			t.Error(err)
		}
	})
}

// TestWithoutStatementCache tests what hosts use whose connections go through a pooler.
func TestWithoutStatementCache(t *testing.T) {
	t.Parallel()
	s := openStore(t, pool.URL(t)+"&statement_cache_capacity=0&description_cache_capacity=0")
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	id, err := lifetest.Live(t.Context(), o, lifetest.Sample("no cache"))
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
		t.Error(err)
	}
}

// bare is a connection with only the methods that every driver must have, and those for statements.
type bare struct{ driver.Connector }

type bareConn struct{ driver.Conn }

func (b bare) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := b.Connector.Connect(ctx)
	return bareConn{c}, err
}

func (c bareConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c bareConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func TestConnectorThatDropsArguments(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), pool.URL(t), store.WithConnector(func(c driver.Connector) driver.Connector { return bare{c} }))
	if err == nil {
		_ = s.Close()
	}
	want := "store: the connections of WithConnector do not implement driver.NamedValueChecker"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestYearsThatNoTextHolds: a time that cannot be read again would make every page with its request fail.
func TestYearsThatNoTextHolds(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		s := openStore(t, string(b.New(t).(database)))
		o := lifetest.New(t, s)
		id, err := o.Submit(t.Context(), lifetest.Sample("years"))
		if err != nil {
			t.Fatal(err)
		}
		boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
		for _, tt := range []struct {
			due  time.Time
			want bool
		}{
			{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), false},
			{time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)), false},
			{time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), false},
			{time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC), false},
			{time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), true},
			{time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC), true},
			{time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), true},
		} {
			err := o.SetDue(t.Context(), id, tt.due, boss, "r")
			if tt.want != (err == nil) {
				t.Errorf("%v: %v", tt.due, err)
			}
			page, err := s.Requests(t.Context(), orchestrator.Query{})
			if err != nil || len(page.Requests) != 1 || tt.want && !page.Requests[0].Due.Equal(tt.due) {
				t.Errorf("%v: requests: %+v, %v", tt.due, page.Requests, err)
			}
			if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
				t.Errorf("%v: %v", tt.due, err)
			}
		}
	})
}
