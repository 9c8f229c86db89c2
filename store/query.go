package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
)

const (
	defaultPage = 50
	maxPage     = 1000
	maxWord     = 2046 // bytes; PostgreSQL's limit
)

// cursor is where a page ended. Pages are ordered by priority (highest first), submission and id.
type cursor struct {
	Priority  int    `json:"p"`
	Submitted string `json:"s"`
	ID        string `json:"i"`
}

var errCursor = errors.New("store: the cursor is not the Next of a page")

func (c cursor) String() string {
	b, _ := json.Marshal(c) // strings and a number
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(text string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &c) != nil || c.ID == "" || strings.ContainsRune(c.ID, 0) {
		return c, errCursor
	}
	if t, err := time.Parse(stampLayout, c.Submitted); err != nil || t.Year() < 1 || at(t).text() != c.Submitted {
		return c, errCursor
	}
	return c, nil
}

// Requests implements [orchestrator.Store].
func (s *Store) Requests(ctx context.Context, q orchestrator.Query) (orchestrator.Page, error) {
	return s.page(ctx, q, func(sel *bun.SelectQuery) *bun.SelectQuery { return sel })
}

// Inbox implements [orchestrator.Store].
func (s *Store) Inbox(ctx context.Context, roles []string, q orchestrator.Query) (orchestrator.Page, error) {
	if len(roles) == 0 {
		return orchestrator.Page{}, nil
	}
	position := bun.Safe("instr") // LIKE ignores case on SQLite
	if s.postgres() {
		position = "strpos"
	}
	return s.page(ctx, q, func(sel *bun.SelectQuery) *bun.SelectQuery {
		return sel.Where("r.outcome = ''").Where("r.suspended IS NULL").WhereGroup(" AND ", func(g *bun.SelectQuery) *bun.SelectQuery {
			for _, role := range roles {
				g = g.WhereOr("EXISTS (SELECT 1 FROM gates AS w WHERE w.id = r.gate_id AND w.status = 'open' AND ?(w.waiting_for, ?) > 0)",
					position, "|"+role+"|")
			}
			return g
		})
	})
}

// page selects with the query and one more filter.
func (s *Store) page(
	ctx context.Context, q orchestrator.Query, and func(*bun.SelectQuery) *bun.SelectQuery,
) (orchestrator.Page, error) {
	limit := q.Limit
	switch {
	case limit == 0:
		limit = defaultPage
	case limit < 0 || limit > maxPage:
		return orchestrator.Page{}, fmt.Errorf("store: the page size is not between 1 and %d", maxPage)
	}
	var rows []wholeRow
	selection, err := s.filter(and(s.selectWhole(&rows)), q)
	if err != nil {
		return orchestrator.Page{}, err
	}
	// One row more than asked for tells whether there is another page.
	err = selection.OrderExpr("r.priority DESC, r.submitted_at, r.id").Limit(int64(limit) + 1).Scan(ctx)
	if err != nil {
		return orchestrator.Page{}, wrap("requests", err)
	}
	var page orchestrator.Page
	if len(rows) > limit {
		rows = rows[:limit]
		last := &rows[limit-1]
		page.Next = cursor{last.Priority, last.SubmittedAt.text(), last.ID}.String()
	}
	page.Requests = make([]orchestrator.Request, len(rows))
	for i := range rows {
		if page.Requests[i], err = rows[i].whole(); err != nil {
			return orchestrator.Page{}, err
		}
	}
	return page, nil
}

func (s *Store) filter(selection *bun.SelectQuery, q orchestrator.Query) (*bun.SelectQuery, error) {
	if len(q.States) > 0 {
		selection = selection.Where("r.state IN (?)", bun.List(q.States))
	}
	if q.Live != nil {
		if *q.Live {
			selection = selection.Where("r.outcome = ''")
		} else {
			selection = selection.Where("r.outcome <> ''")
		}
	}
	if q.Researcher != "" {
		selection = selection.Where("r.researcher_id = ?", q.Researcher)
	}
	if q.Assignee != "" {
		selection = selection.Where("r.assignee = ?", q.Assignee)
	}
	if q.Overdue {
		selection = selection.Where("r.outcome = ''").Where("(r.due_at < ? OR EXISTS (SELECT 1 FROM gates AS w WHERE w.id = r.gate_id"+
			" AND w.status = 'open' AND (w.due_at < ? OR w.escalations > 0)))", s.now(), s.now())
	}
	if q.Parked {
		selection = selection.Where("r.parked <> ''")
	}
	if len(q.Definitions) > 0 {
		selection = selection.Where("r.definition IN (?)", bun.List(q.Definitions))
	}
	selection = s.text(selection, words(q.Text))
	if q.Cursor != "" {
		c, err := parseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		selection = selection.Where("(r.priority < ? OR (r.priority = ? AND (r.submitted_at, r.id) > (?, ?)))",
			c.Priority, c.Priority, bun.Safe("'"+c.Submitted+"'"), c.ID)
	}
	return selection, nil
}

// text selects titles that have, for each prefix, a word that begins with it. Prefixes contain letters and digits only.
func (s *Store) text(selection *bun.SelectQuery, prefixes []string) *bun.SelectQuery {
	if len(prefixes) == 0 {
		return selection
	}
	if slices.ContainsFunc(prefixes, func(w string) bool { return len(w) > maxWord }) {
		return selection.Where("1 = 0")
	}
	if s.postgres() {
		for i, w := range prefixes {
			prefixes[i] = "'" + w + "':*"
		}
		return selection.Where("array_to_tsvector(string_to_array(r.title_words, ' ')) @@ ?::tsquery", strings.Join(prefixes, " & "))
	}
	for i, w := range prefixes {
		prefixes[i] = `"` + w + `"*`
	}
	return selection.Where("r.rowid IN (SELECT rowid FROM requests_words WHERE requests_words MATCH ?)", strings.Join(prefixes, " AND "))
}

// Counts implements [orchestrator.Store].
func (s *Store) Counts(ctx context.Context) ([]orchestrator.StateCount, error) {
	var rows []struct {
		State string
		Live  bool
		Count int64
	}
	err := s.read.NewSelect().Model((*requestRow)(nil)).Column("state").ColumnExpr("(outcome = '') AS live").
		ColumnExpr("count(*) AS count").GroupExpr("1, 2").OrderExpr("1, 2").Scan(ctx, &rows)
	counts := make([]orchestrator.StateCount, len(rows))
	for i, r := range rows {
		counts[i] = orchestrator.StateCount(r)
	}
	return counts, wrap("counts", err)
}

// StateDurations implements [orchestrator.Store].
func (s *Store) StateDurations(ctx context.Context, from, to time.Time) iter.Seq2[orchestrator.StateDuration, error] {
	type held struct {
		State     string
		EnteredAt stamp
		LeftAt    stamp
	}
	q := s.read.NewSelect().TableExpr("(SELECT to_state AS state, at AS entered_at,"+
		" lead(at) OVER (PARTITION BY request_id ORDER BY seq) AS left_at FROM state_history) AS v").
		ColumnExpr("state, entered_at, left_at").Where("left_at >= ?", bound(from)).Where("left_at < ?", bound(to)).OrderExpr("state")
	return stream(ctx, s, "state durations", q, func(h *held) orchestrator.StateDuration {
		return orchestrator.StateDuration{State: h.State, Held: h.LeftAt.Sub(h.EnteredAt.Time)}
	})
}

// bound is a time as an SQL literal, moved into the range that rows can hold.
func bound(t time.Time) bun.Safe {
	switch y := t.UTC().Year(); {
	case y < 1:
		t = time.Time{}
	case y > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	}
	return bun.Safe("'" + at(t).text() + "'")
}

// Backlog implements [orchestrator.Store].
func (s *Store) Backlog(ctx context.Context) (orchestrator.Backlog, error) {
	now := s.now()
	var row struct {
		Now           stamp
		ReadySteps    int64
		OldestReady   stamp
		RunningSteps  int64
		OldestLease   stamp
		ExpiredLeases int64
		DueTimers     int64
		Messages      int64
		OldestMessage stamp
	}
	err := s.read.NewRaw("SELECT ? AS now,"+
		" (SELECT count(*) FROM step_executions WHERE status = 'ready' AND run_at <= ?) AS ready_steps,"+
		" (SELECT min(run_at) FROM step_executions WHERE status = 'ready' AND run_at <= ?) AS oldest_ready,"+
		" (SELECT count(*) FROM step_executions WHERE status = 'running') AS running_steps,"+
		" (SELECT min(started_at) FROM step_executions WHERE status = 'running') AS oldest_lease,"+
		" (SELECT count(*) FROM step_executions WHERE status = 'running' AND lease_until <= ?) AS expired_leases,"+
		" (SELECT count(*) FROM timers WHERE fire_at <= ?) AS due_timers,"+
		" (SELECT count(*) FROM outbox) AS messages,"+
		" (SELECT min(created_at) FROM outbox) AS oldest_message", now, now, now, now, now).Scan(ctx, &row)
	if err != nil {
		return orchestrator.Backlog{}, wrap("backlog", err)
	}
	age := func(since stamp) time.Duration {
		if since.IsZero() {
			return 0
		}
		return max(0, row.Now.Sub(since.Time))
	}
	return orchestrator.Backlog{
		ReadySteps: row.ReadySteps, OldestReady: age(row.OldestReady), RunningSteps: row.RunningSteps,
		ExpiredLeases: row.ExpiredLeases, OldestLease: age(row.OldestLease), DueTimers: row.DueTimers,
		Messages: row.Messages, OldestMessage: age(row.OldestMessage),
	}, nil
}
