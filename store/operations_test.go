package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store/storetest"
)

// statement is an SQL block of docs/operations.md.
type statement struct{ name, dialect, sql string }

// statements reads the page; every SQL block of it must have a name.
func statements(t *testing.T) []statement {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []statement
	for _, m := range regexp.MustCompile("(?s)<!-- sql: ([a-z]+) ?([a-z]*) -->\n```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all = append(all, statement{m[1], m[2], m[3]})
	}
	if n := strings.Count(string(text), "```sql"); n != len(all) || n == 0 {
		t.Fatalf("%d of %d SQL blocks have a name", len(all), n)
	}
	return all
}

// operationsWant are the rows of each statement after [operate], columns between bars. IDs are those of the
// requests: complete, waiting, overdue, failing. TIME, NUMBER, HASH stand for what differs from run to run.
var operationsWant = map[string][]string{
	"waiting": {"waiting|waiting|extraction_approval|TIME|TIME"},
	"overdue": {"overdue|requirements_review||informatician||TIME|0"},
	"states": {
		"complete|complete|1", "extraction_approval|live|1", "human_review|live|1", "requirements_review|live|1",
	},
	"stuck":     {"failing|human_review||step extract_data failed for good (error)|TIME"},
	"history":   nil, // the happy path; see below
	"gates":     {"extraction_approval|2|NUMBER|NUMBER|0", "phenotype_review|3|NUMBER|NUMBER|0", "qa_review|1|NUMBER|NUMBER|0", "requirements_review|3|NUMBER|NUMBER|0"},
	"delivered": {"complete|Ada Example|ada@example.org|IRB-2026-017|csv|out|00|TIME"},
	"decisions": nil, // nine; see below
	"people": {
		"ada@example.org|request.submitted|1|TIME|TIME", "ada@example.org|state.changed|2|TIME|TIME",
		"rev-1|gate.decided|4|TIME|TIME", "rev-1|state.changed|4|TIME|TIME",
	},
	"interventions": {"overdue|priority|urgent|boss|the grant ends|TIME"},
	"failures":      {"extract_data|failed|error|1|1|TIME"},
	"backlog":       {"message notification|new|1|TIME"},
	"hosts":         {},
	"links":         {},
	"definitions":   {"HASH|3"},
	"prune":         {},
}

// TestOperationsPage runs each SQL block of docs/operations.md after some requests went through.
func TestOperationsPage(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t).(database)
		s, err := db.Open(t.Context(), chaos.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		raw, err := db.SQL()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		ids := operate(t, s, raw)
		names := map[string]string{}
		for name, id := range ids {
			names[id] = name
		}
		ran := map[string]bool{}
		for _, st := range statements(t) {
			if st.dialect != "" && st.dialect != b.Name {
				continue
			}
			ran[st.name] = true
			query := strings.NewReplacer(
				"'2026-07-01'", "'"+time.Now().Add(-48*time.Hour).UTC().Format(time.DateOnly)+"'",
				"'2026-10-01'", "'"+time.Now().Add(48*time.Hour).UTC().Format(time.DateOnly)+"'",
				"REQ-20260701-00000000", ids["complete"]).Replace(st.sql)
			got, err := read(t.Context(), raw, query, names)
			if err != nil {
				t.Errorf("%s: %v", st.name, err)
				continue
			}
			want, ok := operationsWant[st.name]
			switch {
			case !ok:
				t.Errorf("%s: this test does not say what it returns", st.name)
			case st.name == "history":
				from := ""
				for i, state := range lifetest.HappyPath() {
					if prefix := fmt.Sprintf("%d|%s|%s|", i+1, from, state); i >= len(got) || !strings.HasPrefix(got[i], prefix) {
						t.Errorf("history: row %d of %q does not begin with %s", i, got, prefix)
					}
					from = state
				}
			case st.name == "decisions":
				if len(got) != 9 || !slices.Contains(got, "waiting|phenotype_review|rev-1|informatician|<nil>|approve|as planned|TIME") {
					t.Errorf("decisions: %q", got)
				}
			default:
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", st.name, diff)
				}
			}
		}
		for name := range operationsWant {
			if !ran[name] {
				t.Errorf("the page has no statement %s for %s", name, b.Name)
			}
		}
		// Pruning was among the statements.
		outputs, err := s.Outputs(t.Context(), ids["complete"])
		if err != nil || len(outputs) != 0 {
			t.Errorf("outputs after pruning: %v, %v", outputs, err)
		}
		if outputs, err := s.Outputs(t.Context(), ids["waiting"]); err != nil || len(outputs) == 0 {
			t.Errorf("pruning took the outputs of a request that lives: %v, %v", outputs, err)
		}
		notWaiting(t, s, raw, ids["waiting"])
		for name, id := range ids {
			if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// notWaiting suspends the waiting request.
func notWaiting(t *testing.T, s chaos.Store, raw *sql.DB, id string) {
	t.Helper()
	boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
	if err := lifetest.New(t, s).Suspend(t.Context(), id, boss, "holidays"); err != nil {
		t.Fatal(err)
	}
	for _, st := range statements(t) {
		if st.name != "waiting" {
			continue
		}
		if got, err := read(t.Context(), raw, st.sql, nil); err != nil || len(got) > 0 {
			t.Errorf("a suspended request waits: %v, %v", got, err)
		}
	}
}

// operate takes four requests to different states, and returns their ids by title.
func operate(t *testing.T, s chaos.Store, raw *sql.DB) map[string]string {
	t.Helper()
	ctx := t.Context()
	opts := append(lifetest.Steps(nil),
		orchestrator.WithNotifier(orchestrator.NotifierFunc(func(context.Context, orchestrator.Notification) error { return nil })))
	o, err := orchestrator.New(s, append(opts, orchestrator.WithStep(workflow.StepExtraction, orchestrator.StepFunc(
		func(_ context.Context, c *orchestrator.StepContext) (orchestrator.StepResult, error) {
			if c.Request.Title == "failing" {
				return orchestrator.StepResult{}, orchestrator.Permanent(errors.New("no such server"))
			}
			return orchestrator.StepResult{Event: workflow.EventExtracted, Output: map[string]int{"files": 1}}, nil
		})))...)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, x := range []struct {
		title string
		gates int // to approve
	}{{"complete", 4}, {"waiting", 2}, {"overdue", 0}, {"failing", 3}} {
		id, err := o.Submit(ctx, lifetest.Sample(x.title))
		if err != nil {
			t.Fatal(err)
		}
		ids[x.title] = id
		for i := 0; ; i++ {
			if err := o.Drain(ctx); err != nil {
				t.Fatal(err)
			}
			if i == x.gates {
				break
			}
			r, err := o.Status(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Decide(ctx, orchestrator.Decision{Gate: r.Gate.ID, By: lifetest.Reviewer(), Verdict: orchestrator.Approve, Reason: "as planned"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	boss := orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}
	if err := o.SetPriority(ctx, ids["overdue"], orchestrator.Urgent, boss, "the grant ends"); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		"UPDATE gates SET due_at = '2026-01-01 00:00:00.000000+00:00' WHERE request_id = '" + ids["overdue"] + "'",
		// A message as a broken mail server leaves it.
		"INSERT INTO outbox (id, kind, request_id, seq, payload, created_at, run_at) SELECT 'x', 'notification', id, 1, '{}', submitted_at, submitted_at FROM requests WHERE title = 'overdue'",
	} {
		if _, err := raw.ExecContext(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

var (
	looksLikeTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`)
	looksLikeHash = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// read runs a query and returns its rows as text.
func read(ctx context.Context, db *sql.DB, query string, names map[string]string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	lines := []string{}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		cells := make([]string, len(columns))
		for i, v := range values {
			text := fmt.Sprint(v)
			_, isTime := v.(time.Time)
			switch {
			case isTime, looksLikeTime.MatchString(text):
				text = "TIME"
			case looksLikeHash.MatchString(text):
				text = "HASH"
			case strings.HasSuffix(columns[i], "_hours"):
				if v == nil || strings.HasPrefix(text, "-") {
					return nil, fmt.Errorf("%s is %v", columns[i], v)
				}
				text = "NUMBER"
			case names[text] != "":
				text = names[text]
			}
			cells[i] = text
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines, rows.Err()
}

func TestAuditIsAppendOnly(t *testing.T) {
	each(t, func(t *testing.T, b chaos.Backend) {
		db := b.New(t).(chaos.SQLDatabase)
		s := openStore(t, db.Address())
		id := lifetest.Submit(t, lifetest.New(t, s), "append-only")
		raw, err := db.SQL()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = raw.Close() }()
		for _, q := range []string{"UPDATE audit SET body = ''", "DELETE FROM audit", "UPDATE audit SET seq = seq + 1 WHERE chain = '" + id + "'"} {
			if _, err := raw.ExecContext(t.Context(), q); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: got %v, want a refusal", q, err)
			}
		}
		if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
			t.Error(err)
		}
	})
}
