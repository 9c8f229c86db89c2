package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store/storetest"
)

const (
	effectsTable = "CREATE TABLE chaos_effects (request_id text NOT NULL, visit integer NOT NULL, step text NOT NULL)"
	faultLease   = 300 * time.Millisecond
)

// countEffect inserts a row that can be counted. It uses no placeholders, because their syntax differs between
// databases.
func countEffect(ctx context.Context, c *orchestrator.StepContext, tx orchestrator.Tx) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO chaos_effects VALUES ('%s', %d, '%s')", c.Request.ID, c.Request.Visit, c.Step))
	return err
}

// faultDefinition is the default definition without a limit on how often a step may lose its host.
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
	return append(lifetest.Steps(countEffect), orchestrator.WithDefinition(faultDefinition()), orchestrator.WithLease(faultLease), orchestrator.WithAuditSink(sink),
		orchestrator.WithNotifier(orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error { return nil })))
}

// faultLife opens the store and takes one request to its end, while f makes driver calls fail.
func faultLife(ctx context.Context, db Database, f *Faults, key string, sink audit.Sink) (string, error) {
	var s Store
	err := lifetest.Again(ctx, func() (err error) {
		s, err = db.Open(Label(ctx, "open"), OpenOptions{Wrap: f.Wrap})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer func() { _ = s.Close() }()
	o, err := orchestrator.New(newLabelledStore(s), faultOptions(sink)...)
	if err != nil {
		return "", err
	}
	err = lifetest.Again(ctx, func() error { return o.Record(ctx, audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}) })
	if err != nil {
		return "", fmt.Errorf("record: %w", err)
	}
	n := lifetest.Sample("life " + key)
	n.IdempotencyKey = key
	id, err := lifetest.Live(ctx, o, n)
	f.Disarm()
	if bare := f.Unlabelled(); err == nil && len(bare) > 0 {
		err = fmt.Errorf("driver calls without a label, which no call site stands for: %s", strings.Join(bare, ", "))
	}
	return id, err
}

// checkLife checks everything about a request that has ended.
func checkLife(ctx context.Context, s orchestrator.Store, raw *sql.DB, id string) error {
	if err := storetest.Check(ctx, s, faultDefinition(), id); err != nil {
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
	if diff := cmp.Diff(lifetest.HappyPath(), states); diff != "" {
		return fmt.Errorf("history of %s:\n%s", id, diff)
	}
	var effects, distinct int
	if err := raw.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT step) FROM chaos_effects WHERE request_id = '"+id+"'").Scan(&effects, &distinct); err != nil {
		return err
	}
	if effects != len(lifetest.Outcomes()) || distinct != len(lifetest.Outcomes()) {
		return fmt.Errorf("%s: %d effects of %d steps, want each of %d once", id, effects, distinct, len(lifetest.Outcomes()))
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

// Atomic tests R1, R4 and R6: at every call site in the life of a request, a driver call fails, or is made and then
// fails. In spite of that the request ends, and every row is there once. One life has many failures; between two of
// them something is committed.
func Atomic(t *testing.T, b Backend, reports *Reports) {
	for _, mode := range []Mode{Fail, FailAfter} {
		t.Run(strings.ReplaceAll(mode.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			if os.Getenv(everyEnv) == "every" {
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

// missed fails if too many sites were not reached again. Lives differ a little in which connections they open.
func missed(t *testing.T, pending, hit map[string]bool) {
	t.Helper()
	for s := range pending {
		t.Logf("not met again: %s", s)
	}
	if len(pending) > len(hit)/20 {
		t.Errorf("%d sites of %d were not met again", len(pending), len(pending)+len(hit))
	}
}

// everyCall makes every single call of a life fail, each in a separate life.
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

// faultWorld is a database whose calls fail, with a store on it whose calls do not.
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
	// The first entry of the system chain is written by other statements than later ones.
	o := lifetest.New(t, w.clean, orchestrator.WithAuditSink(w.sink))
	if err := o.Record(t.Context(), audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}); err != nil {
		t.Fatal(err)
	}
	return w
}

// sites returns the call sites of a life without failures; with -short some of them.
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

// check checks a life in which calls failed: the request has ended, and everything about it is consistent.
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

// reportSites adds a row for R1, and rows for the other promises that the same failures test.
func reportSites(t *testing.T, b Backend, reports *Reports, what string, mode Mode, hit map[string]bool, lives int) {
	t.Helper()
	reports.Add(Report{"R1", b.Name, fmt.Sprintf("%s: %s (%d lives)", what, mode, lives), len(hit), len(hit), result(t)})
	for _, part := range []struct{ promise, site, what string }{
		{"R4", stepSucceeded, "of these, while a step's result is written; effects counted"},
		{"R6", lifetest.Deciding + " / ", "of these, while a decision is written"},
		{"R10", ": " + commit, "of these, the reply to COMMIT is lost"},
	} {
		if part.promise == "R10" && mode != FailAfter {
			continue
		}
		n := 0
		for s := range hit {
			if strings.Contains(s, part.site) && !strings.HasSuffix(s, ")") {
				n++
			}
		}
		reports.Add(Report{part.promise, b.Name, part.what + ": " + mode.String(), n, n, result(t)})
	}
}

// everyEnv is an environment variable. With "every", every single call of a life fails, each in a separate life. By
// default one call of each call site fails; with -short, of some call sites.
const everyEnv = "RESEARCHFLOW_FAULTS"

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
