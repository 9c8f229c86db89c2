package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

const (
	effectsTable = "CREATE TABLE storetest_effects (request_id text NOT NULL, visit integer NOT NULL, step text NOT NULL)"
	faultLease   = 300 * time.Millisecond
)

// countEffect is an effect that can be counted. It is written without placeholders, whose form differs.
func countEffect(ctx context.Context, c *orchestrator.StepContext, tx orchestrator.Tx) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO storetest_effects VALUES ('%s', %d, '%s')", c.Request.ID, c.Request.Visit, c.Step))
	return err
}

// faultDefinition is the default one with steps that may lose their host as often as they are killed here.
func faultDefinition() *workflow.Definition {
	d := workflow.Default()
	for i := range d.States {
		if d.States[i].Kind == workflow.Working {
			retry := workflow.DefaultRetry()
			retry.Takeovers = 1000
			d.States[i].Retry = &retry
		}
	}
	return d
}

func faultOptions(sink audit.Sink) []orchestrator.Option {
	return append(Steps(countEffect), orchestrator.WithDefinition(faultDefinition()), orchestrator.WithLease(faultLease), orchestrator.WithAuditSink(sink),
		orchestrator.WithNotifier(orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error { return nil })))
}

// faultLife is one life of a request, from the opening of the database on, with a fault in it.
func faultLife(ctx context.Context, db Database, f *Faults, key string, sink audit.Sink) (string, error) {
	var s Store
	err := again(ctx, func() (err error) {
		s, err = db.Open(ctx, OpenOptions{Wrap: f.Wrap})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer func() { _ = s.Close() }()
	o, err := orchestrator.New(s, faultOptions(sink)...)
	if err != nil {
		return "", err
	}
	err = again(ctx, func() error { return o.Record(ctx, audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}) })
	if err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	n := Sample("life " + key)
	n.IdempotencyKey = key
	id, err := Live(ctx, o, n)
	f.Disarm()
	return id, err
}

// checkLife checks everything about a request that has come to its end.
func checkLife(ctx context.Context, s orchestrator.Store, raw *sql.DB, id string) error {
	if err := Check(ctx, s, faultDefinition(), id); err != nil {
		return err
	}
	history, err := s.History(ctx, id)
	if err != nil {
		return err
	}
	var states []string
	for _, h := range history {
		states = append(states, h.To)
	}
	if diff := cmp.Diff(StraightWay(), states); diff != "" {
		return fmt.Errorf("history of %s:\n%s", id, diff)
	}
	var effects, distinct int
	if err := raw.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT step) FROM storetest_effects WHERE request_id = '"+id+"'").Scan(&effects, &distinct); err != nil {
		return err
	}
	if effects != len(outcomes) || distinct != len(outcomes) {
		return fmt.Errorf("%s: %d effects of %d steps, want each of %d once", id, effects, distinct, len(outcomes))
	}
	reports, err := s.FeasibilityReports(ctx, id)
	if err != nil {
		return err
	}
	deliveries, err := s.Deliveries(ctx, id)
	if err != nil {
		return err
	}
	if len(reports) != 1 || len(deliveries) != 1 {
		return fmt.Errorf("%s: %d feasibility reports, %d deliveries, want one of each", id, len(reports), len(deliveries))
	}
	return nil
}

// Atomic tests R1, R4 and R6: at every place from which a full life of a request calls the database driver, a call
// fails, or is made and then fails. Whatever happens, the life comes to its end, with every row there once. One life
// meets many failures, each after something was committed since the last.
func Atomic(t *testing.T, b Backend, reports *Reports) {
	for _, mode := range []Mode{Fail, FailAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			if os.Getenv(EveryEnv) == "every" {
				everyCall(t, b, mode, reports)
				return
			}
			w := newFaultWorld(t, b)
			var f Faults
			first := w.sites(t, &f)
			pending, hit := maps.Clone(first), map[string]bool{}
			causes := map[string]string{} // of the sites that only a failure leads to
			lives := 0
			for idle := 0; (len(pending) > 0 || len(causes) > 0) && idle < 2 && !t.Failed(); lives++ {
				again := slices.Concat(slices.Collect(maps.Keys(pending)), slices.Collect(maps.Values(causes)))
				f.ArmSites(mode, again, slices.Collect(maps.Keys(causes)))
				id, err := faultLife(t.Context(), w.db, &f, fmt.Sprint("life ", lives), w.sink)
				w.check(t, id, err, mode, f.Hit())
				before := len(hit)
				for _, s := range f.Hit() {
					hit[s] = true
					delete(pending, s)
					delete(causes, s)
				}
				for s, cause := range f.Causes() {
					if cause != "" && !first[s] && !hit[s] && !testing.Short() {
						causes[s] = cause
					}
				}
				idle++
				if len(hit) > before {
					idle = 0
				}
			}
			missed(t, pending, hit)
			for s := range first {
				delete(hit, s)
			}
			t.Logf("%d call sites that a failure leads to were not met again", len(causes))
			reportSites(t, b, reports, "every call site in a life", mode, first, lives)
			reports.Add(Report{"R1", b.Name, fmt.Sprintf("and every one that a failure leads to: %s", mode), len(hit), len(hit), result(t)})
		})
	}
}

// missed fails when too many sites did not come again: it differs a little from life to life which connection
// is opened, and when others are woken.
func missed(t *testing.T, pending, hit map[string]bool) {
	t.Helper()
	for s := range pending {
		t.Logf("not met again: %s", s)
	}
	if len(pending) > len(hit)/20 {
		t.Errorf("%d sites of %d were not met again", len(pending), len(pending)+len(hit))
	}
}

// everyCall has each single call of a life fail, each in a life of its own.
func everyCall(t *testing.T, b Backend, mode Mode, reports *Reports) {
	t.Helper()
	w := newFaultWorld(t, b)
	var f Faults
	w.sites(t, &f)
	calls, hit := len(f.Calls()), map[string]bool{}
	for n := 1; n <= calls && !t.Failed(); n++ {
		f.Arm(n, mode)
		id, err := faultLife(t.Context(), w.db, &f, strconv.Itoa(n), w.sink)
		what := f.Sites()
		for s, numbers := range what {
			if slices.Contains(numbers, n) {
				hit[s] = true
				w.check(t, id, err, mode, []string{s})
			}
		}
	}
	reportSites(t, b, reports, "every driver call of a life", mode, hit, calls)
}

// faultWorld is a database that things are done to.
type faultWorld struct {
	db    SQLDatabase
	raw   *sql.DB
	sink  *collector
	clean Store
}

func newFaultWorld(t *testing.T, b Backend) *faultWorld {
	t.Helper()
	db, raw := faultDatabase(t, b)
	w := &faultWorld{db, raw, &collector{}, another(t, db)}
	// The chain of the host begins only once.
	o := newOrchestrator(t, w.clean, orchestrator.WithAuditSink(w.sink))
	if err := o.Record(t.Context(), audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}); err != nil {
		t.Fatal(err)
	}
	return w
}

// sites are the places that calls come from in a life in which nothing fails; with -short some of them.
func (w *faultWorld) sites(t *testing.T, f *Faults) map[string]bool {
	t.Helper()
	f.Arm(0, 0)
	if _, err := faultLife(t.Context(), w.db, f, "count", w.sink); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for i, s := range slices.Sorted(maps.Keys(f.Sites())) {
		if i%7 == 0 || !testing.Short() {
			all[s] = true
		}
	}
	return all
}

// check wants a life in which calls failed to have come to its end, and everything about it to be in order.
func (w *faultWorld) check(t *testing.T, id string, err error, mode Mode, hit []string) {
	t.Helper()
	if err == nil {
		err = checkLife(t.Context(), w.clean, w.raw, id)
	}
	for _, chain := range []string{id, audit.SystemChain} {
		if err == nil {
			err = w.sink.complete(t.Context(), w.clean, chain)
		}
	}
	if err != nil {
		t.Errorf("%s, at\n%s\n%v", mode, strings.Join(hit, "\n"), err)
	}
}

// reportSites adds a row for R1, and for the promises that the same failures show.
func reportSites(t *testing.T, b Backend, reports *Reports, what string, mode Mode, hit map[string]bool, lives int) {
	t.Helper()
	reports.Add(Report{"R1", b.Name, fmt.Sprintf("%s: %s (%d lives)", what, mode, lives), len(hit), len(hit), result(t)})
	for _, part := range []struct{ promise, site, what string }{
		{"R4", ".succeed", "of these, while a step's result is written; effects counted"},
		{"R6", ".Decide", "of these, while a decision is written"},
		{"R10", "commit < ", "of these, the reply to COMMIT is lost"},
	} {
		if part.promise == "R10" && mode != FailAfter {
			continue
		}
		n := 0
		for s := range hit {
			if strings.Contains(s, part.site) {
				n++
			}
		}
		reports.Add(Report{part.promise, b.Name, part.what + ": " + mode.String(), n, n, result(t)})
	}
}

// EveryEnv is the environment variable that has the tests of failing calls try every single call of a life, each in a
// life of its own ("every"). Otherwise they try each place in the code that calls come from; with -short some of these.
const EveryEnv = "RESEARCHFLOW_FAULTS"

func faultDatabase(t *testing.T, b Backend) (SQLDatabase, *sql.DB) {
	t.Helper()
	db, ok := b.New(t).(SQLDatabase)
	if !ok {
		t.Skip("SKIPPED: the backend has no SQL to break")
	}
	s, err := db.Open(t.Context(), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := db.SQL()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	if _, err := raw.ExecContext(t.Context(), effectsTable); err != nil {
		t.Fatal(err)
	}
	return db, raw
}

// childEnv carries what a child process is to do: role|argument|….
const childEnv = "RESEARCHFLOW_STORETEST_CHILD"

// Child must be called first in TestMain of a package that uses [Killed] or another test with processes: in a child process it does what
// the parent asked for and exits.
func Child(backends ...Backend) {
	args := strings.Split(os.Getenv(childEnv), "|")
	if len(args) < 3 {
		return
	}
	for _, b := range backends {
		if b.Name != args[1] || b.Reopen == nil {
			continue
		}
		if err := childMain(b, args[0], args[2], args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "child: no such backend")
	os.Exit(1)
}

type reopened struct {
	b       Backend
	address string
}

func (r reopened) Open(ctx context.Context, opt OpenOptions) (Store, error) {
	return r.b.Reopen(ctx, r.address, opt)
}

// childMain does one role.
func childMain(b Backend, role, address string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	db := reopened{b, address}
	switch role {
	case "life":
		return lifeRole(ctx, db, args)
	case "host":
		return hostRole(ctx, db, args)
	case "reviewers":
		return reviewersRole(ctx, db, args)
	}
	return errors.New("no such role")
}

// lifeRole goes on with a life until it is killed at one of the sites in a file, one a line, whose site it has written
// to another.
func lifeRole(ctx context.Context, db reopened, args []string) error {
	mode, err1 := strconv.Atoi(args[0])
	text, err2 := os.ReadFile(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	f := Faults{log: args[3]}
	f.ArmSites(Mode(mode), strings.Split(string(text), "\n"), nil)
	_, err := faultLife(ctx, db, &f, args[1], &collector{})
	return err
}

// startChild starts this test binary again, to play a role.
func startChild(ctx context.Context, b Backend, role, address string, args ...string) (*exec.Cmd, *lines, error) {
	cmd, out, err := prepareChild(ctx, b, role, address, args...)
	if err != nil {
		return nil, nil, err
	}
	return cmd, out, cmd.Start()
}

func prepareChild(ctx context.Context, b Backend, role, address string, args ...string) (*exec.Cmd, *lines, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	out := &lines{}
	cmd := exec.CommandContext(ctx, exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(append([]string{role, b.Name, address}, args...), "|"))
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out, nil
}

// Killed tests R1 with the process killed at every place from which a life calls the database driver: the next process
// finds a database in which nothing is half, and goes on, until it is killed itself. In the end the request has come to
// its end.
func Killed(t *testing.T, b Backend, reports *Reports) {
	if b.Reopen == nil {
		t.Skip("SKIPPED: the backend cannot be opened by another process")
	}
	for _, mode := range []Mode{Kill, KillAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := newFaultWorld(t, b)
			var f Faults
			pending, hit := w.sites(t, &f), map[string]bool{}
			if mode == KillAfter {
				// After any other call nothing is in the database that was not there before it.
				maps.DeleteFunc(pending, func(s string, _ bool) bool { return !strings.HasPrefix(s, "commit < ") })
			}
			lives := 0
			for idle := 0; len(pending) > 0 && idle < 2 && !t.Failed(); lives++ {
				before := len(hit)
				w.killedLife(t, b, mode, fmt.Sprint("killed ", lives), pending, hit)
				idle++
				if len(hit) > before {
					idle = 0
				}
			}
			missed(t, pending, hit)
			reportSites(t, b, reports, "every call site in a life", mode, hit, lives)
		})
	}
}

// killedLife has processes go on with one life, each killed at one of the pending sites, until one comes to the end.
func (w *faultWorld) killedLife(t *testing.T, b Backend, mode Mode, key string, pending, hit map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	var here []string // where this life was killed
	for {
		sites, log := filepath.Join(dir, "sites"), filepath.Join(dir, "hit")
		if err := os.WriteFile(sites, []byte(strings.Join(slices.Sorted(maps.Keys(pending)), "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, out, err := startChild(t.Context(), b, "life", w.db.Address(), strconv.Itoa(int(mode)), key, sites, log)
		if err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		if err == nil {
			break
		}
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("child: %v: %s\n%s", err, out, strings.Join(here, "\n"))
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatalf("the child was killed by somebody else: %v: %s", err, out)
		}
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
		site := string(text)
		here, hit[site] = append(here, site), true
		delete(pending, site)
		id, err := w.clean.RequestByKey(t.Context(), key)
		if err == nil {
			err = Check(t.Context(), w.clean, faultDefinition(), id)
		} else if errors.Is(err, orchestrator.ErrNotFound) {
			err = nil // it was killed before the request was there
		}
		if err != nil {
			t.Errorf("%s, at %s: %v", mode, site, err)
			return
		}
	}
	id, err := w.clean.RequestByKey(t.Context(), key)
	if err == nil {
		err = checkLife(t.Context(), w.clean, w.raw, id)
	}
	if err != nil {
		t.Errorf("%s, at\n%s\n%v", mode, strings.Join(here, "\n"), err)
	}
}
