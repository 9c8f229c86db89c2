package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/internal/pgtest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// proxied returns a proxy in front of a database, and the database's URL through it.
func proxied(t *testing.T, address string) (*chaos.Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, err := chaos.NewProxy(t.Context(), u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Host = p.Address
	return p, u.String()
}

func openStore(t *testing.T, address string, opts ...store.Option) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLostReplyToCommit is R10: the reply to each COMMIT of a life is lost, one per life. Callers do not notice: the
// test repeats no call.
func TestLostReplyToCommit(t *testing.T) {
	t.Parallel()
	address := pool.URL(t)
	clean := openStore(t, address)
	p, through := proxied(t, address)
	s := openStore(t, through)
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	sites := 0
	for n := 0; ; n++ {
		p.SwallowReply("commit\x00", n)
		before := p.Swallowed()
		id, err := o.Submit(t.Context(), lifetest.Sample(fmt.Sprint("commit ", n)))
		for err == nil {
			if err = o.Drain(t.Context()); err != nil {
				break
			}
			var r *orchestrator.Request
			if r, err = o.Status(t.Context(), id); err != nil || !r.Live() {
				break
			}
			if r.Gate == nil {
				t.Fatalf("in %s with nothing to do: %+v", r.State, r.Step)
			}
			err = o.Decide(t.Context(), orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Verdict: orchestrator.Approve})
		}
		if err != nil {
			t.Fatalf("reply to commit %d lost: %v", n+1, err)
		}
		if err := storetest.Check(t.Context(), clean, workflow.Default(), id); err != nil {
			t.Errorf("reply to commit %d lost: %v", n+1, err)
		}
		all, err := clean.Executions(t.Context(), id)
		if err != nil || len(all) != 6 {
			t.Errorf("reply to commit %d lost: %d executions, %v; want 6, none run twice", n+1, len(all), err)
		}
		if p.Swallowed() == before {
			break
		}
		sites++
	}
	if sites < 15 {
		t.Errorf("%d replies were swallowed, want one for each commit of a life", sites)
	}
	result := "kept"
	if t.Failed() {
		result = "FAILED"
	}
	reports.Add(chaos.Report{Promise: "R10", Backend: "postgres", What: "proxy drops the reply to COMMIT, each of a life", Sites: sites, Runs: sites + 1, Result: result})
}

// busy runs requests to their ends on a started orchestrator while disturb runs.
func busy(t *testing.T, o *orchestrator.Orchestrator, clean orchestrator.Store, requests int, disturb func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := o.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	// patiently repeats f until it succeeds, as clients do.
	patiently := func(what string, f func() error) bool {
		var last error
		err := lifetest.Poll(ctx, func() (bool, error) {
			if last = f(); lifetest.Final(last) {
				return false, last
			}
			return last == nil, nil
		})
		if err != nil {
			t.Errorf("%s: %v", what, cmp.Or(last, err))
		}
		return err == nil
	}
	ids := make([]string, requests)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			n := lifetest.Sample(fmt.Sprint("busy ", i))
			n.IdempotencyKey = n.Title
			ok := patiently("submit", func() (err error) { ids[i], err = o.Submit(ctx, n); return err })
			for ok {
				var r *orchestrator.Request
				if ok = patiently("status", func() (err error) { r, err = o.Status(ctx, ids[i]); return err }); !ok || !r.Live() {
					return
				}
				if r.Gate == nil {
					if ok = lifetest.Pause(ctx, 20*time.Millisecond); !ok {
						t.Errorf("%s hangs in %s: %+v", ids[i], r.State, r.Step)
					}
					continue
				}
				d := orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Verdict: orchestrator.Approve}
				ok = patiently("decide", func() error { return o.Decide(ctx, d) })
			}
		})
	}
	disturb()
	wg.Wait()
	for _, id := range ids {
		if err := storetest.Check(ctx, clean, workflow.Default(), id); err != nil {
			t.Error(err)
		}
		history, err := clean.History(ctx, id)
		if err != nil || len(history) != len(lifetest.HappyPath()) {
			t.Errorf("%s: %d states entered, %v; want %d", id, len(history), err, len(lifetest.HappyPath()))
		}
	}
}

func report(t *testing.T, promise, backend, what string, sites, runs int) {
	result := "kept"
	if t.Failed() {
		result = "FAILED"
	}
	reports.Add(chaos.Report{Promise: promise, Backend: backend, What: what, Sites: sites, Runs: runs, Result: result})
}

// TestNetworkCut is R9: connections are cut again and again, and the network is away for a while.
func TestNetworkCut(t *testing.T) {
	t.Parallel()
	address := pool.URL(t)
	clean := openStore(t, address)
	p, through := proxied(t, address)
	const cuts, requests = 8, 10
	o := lifetest.New(t, openStore(t, through), append(lifetest.Steps(nil), orchestrator.WithPoll(100*time.Millisecond),
		orchestrator.WithLease(2*time.Second))...)
	busy(t, o, clean, requests, func() {
		for i := range cuts {
			lifetest.Pause(t.Context(), 150*time.Millisecond)
			p.Cut()
			lifetest.Pause(t.Context(), time.Duration(i)*50*time.Millisecond)
			p.Mend()
		}
	})
	report(t, "R9", "postgres", "proxy cuts every connection while requests run", cuts, requests)
}

// TestServerRestart is R9: the server is stopped and killed under load.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	server, err := pgtest.NewServer(t.Context(), pgtest.Options{Fsync: true})
	pgtest.Require(t, err)
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	clean := openStore(t, server.URL)
	const requests = 10
	o := lifetest.New(t, openStore(t, server.URL), append(lifetest.Steps(nil), orchestrator.WithPoll(100*time.Millisecond),
		orchestrator.WithLease(2*time.Second))...)
	busy(t, o, clean, requests, func() {
		for _, stop := range []func() error{server.Stop, server.Kill} {
			lifetest.Pause(t.Context(), 300*time.Millisecond)
			if err := errors.Join(stop(), server.Start(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	report(t, "R9", "postgres", "server stopped, and killed, under load", 2, requests)
}

// TestLockStorm is R9 on SQLite: another connection holds the write lock most of the time.
func TestLockStorm(t *testing.T) {
	t.Parallel()
	db := database("sqlite://" + filepath.Join(t.TempDir(), "rf.db"))
	s := openStore(t, string(db))
	raw, err := db.SQL()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	conn, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const locks, requests = 10, 5
	o := lifetest.New(t, s, append(lifetest.Steps(nil), orchestrator.WithPoll(50*time.Millisecond))...)
	busy(t, o, s, requests, func() {
		for range locks {
			if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
				continue // they have it
			}
			lifetest.Pause(t.Context(), 200*time.Millisecond)
			if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
				t.Error(err)
			}
			lifetest.Pause(t.Context(), 5*time.Millisecond)
		}
	})
	report(t, "R9", "sqlite", "another connection holds the write lock", locks, requests)
}

// TestErrorsKeepTheAddress: errors while the network is away contain neither host nor user.
func TestErrorsKeepTheAddress(t *testing.T) {
	t.Parallel()
	p, through := proxied(t, pool.URL(t))
	s := openStore(t, through, store.WithResolveTimeout(100*time.Millisecond))
	o := lifetest.New(t, s)
	id, err := o.Submit(t.Context(), lifetest.Sample("away"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	p.Cut()
	defer p.Mend()
	for range 3 { // connections that broke, then none at all
		_, err1 := s.Snapshot(t.Context(), id)
		_, err2 := s.ClaimSteps(t.Context(), orchestrator.StepClaim{Owner: "a", Lease: time.Second, Steps: map[string]int{"x": 1}})
		_, err3 := s.Committed(t.Context(), "none")
		err4 := s.Ping(t.Context())
		err5 := s.Wake(t.Context())
		err6 := s.Listen(t.Context(), func() {})
		err7 := s.Migrate(t.Context())
		_, err8 := o.Submit(t.Context(), lifetest.Sample("nobody"))
		for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
			switch {
			case err == nil:
				t.Errorf("call %d worked", i+1)
			case strings.Contains(err.Error(), u.Hostname()), strings.Contains(err.Error(), u.User.Username()), strings.Contains(err.Error(), "\n"):
				t.Errorf("call %d: %q", i+1, err)
			}
		}
	}
}

// TestListenTellsOfALostConnection: the listener is woken, because something may have been committed in between, and
// can listen again.
func TestListenTellsOfALostConnection(t *testing.T) {
	t.Parallel()
	p, through := proxied(t, pool.URL(t))
	s := openStore(t, through)
	for range 2 {
		woken := make(chan struct{}, 10)
		done := make(chan error, 1)
		go func() { done <- s.Listen(t.Context(), func() { woken <- struct{}{} }) }()
		<-woken
		p.Cut()
		<-woken
		if err := <-done; err == nil || err.Error() != "store: listen: the connection was lost" {
			t.Errorf("got %v, want that the connection was lost", err)
		}
		p.Mend()
	}
}
