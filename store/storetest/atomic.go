package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

// Report is what a test of a promise did, for the table that the tests print.
type Report struct {
	Promise string // R1, …
	Backend string
	What    string
	Sites   int // call sites, or other things that were varied
	Runs    int
	Result  string
}

// Reports collects [Report]s; any goroutine may use it.
type Reports struct {
	mu   sync.Mutex
	rows []Report
}

// Add adds a row.
func (r *Reports) Add(row Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// String is the table, ordered by promise.
func (r *Reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return ""
	}
	number := func(p string) int { n, _ := strconv.Atoi(strings.TrimPrefix(p, "R")); return n }
	slices.SortStableFunc(r.rows, func(a, b Report) int { return number(a.Promise) - number(b.Promise) })
	var b strings.Builder
	fmt.Fprintf(&b, "%-4s %-9s %-58s %6s %6s  %s\n", "", "database", "what ran", "sites", "runs", "result")
	for _, x := range r.rows {
		fmt.Fprintf(&b, "%-4s %-9s %-58s %6d %6d  %s\n", x.Promise, x.Backend, x.What, x.Sites, x.Runs, x.Result)
	}
	return b.String()
}

func result(t *testing.T) string {
	if t.Failed() {
		return "FAILED"
	}
	return "kept"
}

const (
	effectsTable = "CREATE TABLE storetest_effects (request_id text NOT NULL, visit integer NOT NULL, step text NOT NULL)"
	faultLease   = 300 * time.Millisecond
)

// countEffect is an effect that can be counted. It is written without placeholders, whose form differs.
func countEffect(ctx context.Context, c *orchestrator.StepContext, tx orchestrator.Tx) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO storetest_effects VALUES ('%s', %d, '%s')", c.Request.ID, c.Request.Visit, c.Step))
	return err
}

// collector is an audit sink that keeps what it was given.
type collector struct {
	mu   sync.Mutex
	seen map[string]map[string]int // chain -> id -> how often
}

func (k *collector) Append(_ context.Context, s audit.Sealed) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen = map[string]map[string]int{}
	}
	if k.seen[s.Chain] == nil {
		k.seen[s.Chain] = map[string]int{}
	}
	k.seen[s.Chain][s.ID]++
	return nil
}

func faultOptions(sink audit.Sink) []orchestrator.Option {
	return append(Steps(countEffect), orchestrator.WithLease(faultLease), orchestrator.WithAuditSink(sink),
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
	n := Sample("life " + key)
	n.IdempotencyKey = key
	id, err := Live(ctx, o, n)
	f.Disarm()
	return id, err
}

// checkLife checks everything about a request that has come to its end.
func checkLife(ctx context.Context, s orchestrator.Store, raw *sql.DB, id string) error {
	if err := Check(ctx, s, orchestrator.DefaultDefinition(), id); err != nil {
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

// Atomic tests R1, R4 and R6: at every call that a full life of a request makes to the database driver,
// the call fails, or is made and then fails. Whatever happens, the life comes to its end, with every row
// there once.
func Atomic(t *testing.T, b Backend, reports *Reports) {
	for _, mode := range []Mode{Fail, FailAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			db, raw := faultDatabase(t, b)
			ctx := t.Context()
			var f Faults
			sink := &collector{}
			f.Arm(0, 0)
			if _, err := faultLife(ctx, db, &f, "count", sink); err != nil {
				t.Fatal(err)
			}
			picked, what := pick(&f)
			clean, err := db.Open(ctx, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = clean.Close() }()
			for _, n := range picked {
				if t.Failed() {
					break
				}
				f.Arm(n, mode)
				id, err := faultLife(ctx, db, &f, strconv.Itoa(n), sink)
				where := fmt.Sprintf("call %d", n)
				if calls := f.Calls(); n <= len(calls) {
					where += " (" + calls[n-1] + ")"
				}
				if err == nil {
					err = checkLife(ctx, clean, raw, id)
				}
				if err == nil {
					err = sink.complete(ctx, clean, id)
				}
				if err != nil {
					t.Errorf("%s, %v: %v", mode, where, err)
				}
			}
			reports.Add(Report{"R1", b.Name, what + ": " + mode.String() + " (also R4, R6)", len(f.Sites()), len(picked), result(t)})
		})
	}
}

// EveryEnv is the environment variable that has the fault tests try every single call of a life ("every"). Otherwise
// they try each place in the code that calls come from, once; with -short some of these.
const EveryEnv = "RESEARCHFLOW_FAULTS"

// pick chooses the calls to break, from a life that was counted.
func pick(f *Faults) (picked []int, what string) {
	if os.Getenv(EveryEnv) == "every" {
		for n := range len(f.Calls()) {
			picked = append(picked, n+1)
		}
		return picked, "every driver call of a life"
	}
	for _, numbers := range f.Sites() {
		picked = append(picked, numbers[len(numbers)/2])
	}
	slices.Sort(picked)
	if !testing.Short() {
		return picked, "every call site in a life"
	}
	var some []int
	for i := 0; i < len(picked); i += 7 {
		some = append(some, picked[i])
	}
	return some, "some call sites in a life"
}

// complete says whether every entry of a chain came to the sink.
func (k *collector) complete(ctx context.Context, s orchestrator.Store, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for e, err := range s.AuditEntries(ctx, id, 0) {
		if err != nil {
			return err
		}
		if k.seen[id][e.ID] == 0 {
			return fmt.Errorf("audit entry %d of %s never came to the sink", e.Seq, id)
		}
	}
	return nil
}

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

func lifeRole(ctx context.Context, db reopened, args []string) error {
	n, err1 := strconv.Atoi(args[0])
	mode, err2 := strconv.Atoi(args[1])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var f Faults
	f.Arm(n, Mode(mode))
	_, err := faultLife(ctx, db, &f, args[2], &collector{})
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

// Killed tests R1 with the process killed at every driver call of a life: a second process finds a
// database in which nothing is half, and brings the request to its end.
func Killed(t *testing.T, b Backend, reports *Reports) {
	if b.Reopen == nil {
		t.Skip("SKIPPED: the backend cannot be opened by another process")
	}
	for _, mode := range []Mode{Kill, KillAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			db, raw := faultDatabase(t, b)
			ctx := t.Context()
			s, err := db.Open(ctx, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			o, err := orchestrator.New(s, faultOptions(&collector{})...)
			if err != nil {
				t.Fatal(err)
			}
			var f Faults
			f.Arm(0, 0)
			if _, err := faultLife(ctx, db, &f, "count", &collector{}); err != nil {
				t.Fatal(err)
			}
			picked, what := pick(&f)
			calls := f.Calls()
			if mode == KillAfter {
				// After any other call nothing is in the database that was not there before it.
				picked = slices.DeleteFunc(picked, func(n int) bool { return calls[n-1] != "commit" })
			}
			for _, n := range picked {
				if t.Failed() {
					break
				}
				key := fmt.Sprintf("kill %d", n)
				killed, err := killedLife(ctx, b, db.Address(), n, mode, key)
				if err != nil {
					t.Fatal(err)
				}
				if !killed && n < len(calls)-20 { // the number of calls varies a little
					t.Errorf("call %d: the child came to its end", n)
				}
				request := Sample("life " + key)
				request.IdempotencyKey = key
				id, err := Live(ctx, o, request)
				if err == nil {
					err = checkLife(ctx, s, raw, id)
				}
				if err != nil {
					t.Errorf("%s, call %d (%s): %v", mode, n, calls[n-1], err)
				}
			}
			reports.Add(Report{"R1", b.Name, what + ": SIGKILL, " + mode.String(), len(f.Sites()), len(picked), result(t)})
		})
	}
}

func killedLife(ctx context.Context, b Backend, address string, n int, mode Mode, key string) (bool, error) {
	cmd, out, err := startChild(ctx, b, "life", address, strconv.Itoa(n), strconv.Itoa(int(mode)), key)
	if err != nil {
		return false, err
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &exit):
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() && w.Signal() == syscall.SIGKILL {
			return true, nil
		}
	}
	return false, fmt.Errorf("child: %w: %s", err, out)
}
