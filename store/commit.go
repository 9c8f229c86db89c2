package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
)

// Commit implements [orchestrator.Store].
func (s *Store) Commit(ctx context.Context, c *orchestrator.Commit) error {
	if c.Request == nil || c.ID == "" || len(c.Audit) == 0 || c.Audit[0].ID != c.ID {
		return errors.New("store: commit: it has no request, or no audit entry that carries its id")
	}
	err := s.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		w := writer{s: s, tx: tx, c: c}
		for _, part := range []func(context.Context) error{
			w.request, w.log, w.steps, w.gates, w.interventions, w.timers, w.records, w.flush,
		} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		for _, effect := range c.Effects {
			if err := effect(ctx, tx.Tx); err != nil {
				return err
			}
		}
		return nil
	}, func(ctx context.Context) (bool, error) { return s.Committed(ctx, c.Request.ID, c.ID) })
	if err == nil {
		s.notify.hint(s)
	}
	return wrap("commit", err)
}

// transact runs f in a transaction. When the connection breaks over COMMIT, made asks the database
// whether it was made.
func (s *Store) transact(ctx context.Context, f func(context.Context, bun.Tx) error, made func(context.Context) (bool, error)) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// COMMIT is not given up because the caller went away: its outcome would be unknown.
	held, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*s.opt.statement)
	defer cancel()
	tx, err := conn.BeginTx(held, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	if err := ctx.Err(); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	err = tx.Commit()
	if err == nil || answered(err) {
		return err
	}
	discard(conn)
	_ = conn.Close() // SQLite has one connection for writing, and asking takes it
	return s.resolve(ctx, made)
}

// inTx runs f in a transaction. A connection whose transaction did not end in order is not used again.
func (s *Store) inTx(ctx context.Context, f func(context.Context, bun.Tx) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil {
			discard(conn)
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		if !answered(err) {
			discard(conn)
		}
		return err
	}
	return nil
}

// discard has database/sql close the connection, which ends its transaction, rather than use it again.
func discard(conn bun.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// resolve asks again and again whether a commit was made, for a bounded time.
func (s *Store) resolve(ctx context.Context, made func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.resolve)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		ok, err := made(ctx)
		switch {
		case ok:
			s.opt.logger.InfoContext(ctx, "store: a commit whose reply was lost was found to be made")
			return nil
		case err == nil:
			return orchestrator.ErrConflict // nothing was written
		}
		select {
		case <-ctx.Done():
			return orchestrator.ErrUnknownOutcome
		case <-time.After(wait):
		}
	}
}

// Committed implements [orchestrator.Store]. A transaction that is still under way holds the lock on the
// request's row, or its chain's, so the question waits for its end.
func (s *Store) Committed(ctx context.Context, request, commit string) (bool, error) {
	found := false
	err := s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if s.postgres() {
			for _, q := range []string{
				"SELECT 1 FROM requests WHERE id = ? FOR UPDATE", "SELECT 1 FROM audit_heads WHERE chain = ? FOR UPDATE",
			} {
				if _, err := tx.NewRaw(q, request).Exec(ctx); err != nil {
					return err
				}
			}
		}
		var err error
		found, err = tx.NewSelect().Model((*auditRow)(nil)).Where("id = ?", commit).Exists(ctx)
		return err
	})
	return found, wrap("committed", err)
}

// writer writes the parts of one commit.
type writer struct {
	s  *Store
	tx bun.Tx
	c  *orchestrator.Commit
	// later are statements that PostgreSQL is given as one at the end, to save the ways there and back. Where
	// must is not nil the statement has to touch one row, or the commit fails with it.
	later []any
	must  []error
}

func (w *writer) insert(ctx context.Context, rows any) error {
	q := w.tx.NewInsert().Model(rows).Returning("NULL")
	if w.s.postgres() {
		w.later, w.must = append(w.later, q), append(w.must, nil)
		return nil
	}
	_, err := q.Exec(ctx)
	if uniqueViolation(err) {
		return orchestrator.ErrConflict
	}
	return err
}

// update runs an update that has to touch one row, or fails with otherwise.
func (w *writer) update(ctx context.Context, q *bun.UpdateQuery, otherwise error) error {
	if w.s.postgres() {
		w.later, w.must = append(w.later, q.Returning("1")), append(w.must, otherwise)
		return nil
	}
	res, err := q.Exec(ctx)
	return one(res, err, otherwise)
}

// flush runs the statements that were put off.
func (w *writer) flush(ctx context.Context) error {
	if len(w.later) == 0 {
		return nil
	}
	var with, count strings.Builder
	for i, must := range w.must {
		if i > 0 {
			with.WriteString(", ")
		}
		fmt.Fprintf(&with, "s%d AS (?)", i)
		if must != nil {
			fmt.Fprintf(&count, " || (SELECT count(*) FROM s%d)", i)
		}
	}
	var touched string
	err := w.tx.NewRaw("WITH "+with.String()+" SELECT ''"+count.String(), w.later...).Scan(ctx, &touched)
	if uniqueViolation(err) {
		return orchestrator.ErrConflict
	}
	if err != nil {
		return err
	}
	for _, must := range w.must {
		if must == nil {
			continue
		}
		if touched[0] != '1' {
			return must
		}
		touched = touched[1:]
	}
	return nil
}

// request compares and sets, first of all: it takes the lock that makes every other change of the
// request wait.
func (w *writer) request(ctx context.Context) error {
	row, err := newRequestRow(w.c)
	if err != nil {
		return err
	}
	if w.c.Expect == 0 {
		_, err := w.tx.NewInsert().Model(row).Returning("NULL").Exec(ctx)
		if uniqueViolation(err) {
			return orchestrator.ErrDuplicate
		}
		return err
	}
	res, err := w.tx.NewUpdate().Model(row).Column(mutable...).WherePK().Where("version = ?", w.c.Expect).Exec(ctx)
	return one(res, err, orchestrator.ErrConflict)
}

// one is an error unless a statement touched exactly one row.
func one(res sql.Result, err, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// log writes history, audit entries and requirements.
func (w *writer) log(ctx context.Context) error {
	if len(w.c.History) > 0 {
		rows := make([]historyRow, len(w.c.History))
		var j jsonWriter
		for i, h := range w.c.History {
			rows[i] = historyRow{
				RequestID: h.Request, Seq: h.Seq, FromState: h.From, ToState: h.To, Event: h.Event, Reason: h.Reason,
				At: at(h.At), CommitID: h.Commit,
			}
			if h.By.ID != "" {
				rows[i].ByActor = j.write(h.By)
			}
		}
		if err := errors.Join(j.err, w.insert(ctx, &rows)); err != nil {
			return err
		}
	}
	entries := make([]auditRow, len(w.c.Audit))
	for i := range w.c.Audit {
		entries[i] = newAuditRow(&w.c.Audit[i])
	}
	if err := w.insert(ctx, &entries); err != nil {
		return err
	}
	if q := w.c.Requirements; q != nil {
		var j jsonWriter
		row := requirementsRow{
			RequestID: q.Request, Version: q.Version, Body: j.write(q.Requirements), ByActor: j.write(q.By),
			Reason: q.Reason, At: at(q.At),
		}
		return errors.Join(j.err, w.insert(ctx, &row))
	}
	return nil
}

// steps ends, starts and inserts executions, and checks the fencing tokens.
func (w *writer) steps(ctx context.Context) error {
	for i := range w.c.End {
		if err := w.end(ctx, &w.c.End[i]); err != nil {
			return err
		}
	}
	if st := w.c.Start; st != nil {
		q := w.tx.NewUpdate().Model((*executionRow)(nil)).
			Set("status = 'running'").Set("started_at = ?", at(st.StartedAt)).
			Where("id = ?", st.ID).Where("token = ?", st.Token).Where("status = 'ready'")
		if err := w.update(ctx, q, orchestrator.ErrFenced); err != nil {
			return err
		}
	}
	if f := w.c.Fence; f != nil {
		ok, err := w.tx.NewSelect().Model((*executionRow)(nil)).Where("id = ?", f.Execution).Where("token = ?", f.Token).
			Where("status = 'running'").Exists(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return orchestrator.ErrFenced
		}
	}
	if w.c.Reprioritize {
		_, err := w.tx.NewUpdate().Model((*executionRow)(nil)).Set("priority = ?", int(w.c.Request.Priority)).
			Where("request_id = ?", w.c.Request.ID).Where("status IN ('ready', 'running', 'paused')").Exec(ctx)
		if err != nil {
			return err
		}
	}
	if len(w.c.Insert) == 0 {
		return nil
	}
	rows := make([]executionRow, len(w.c.Insert))
	for i := range w.c.Insert {
		rows[i] = newExecutionRow(&w.c.Insert[i])
	}
	return w.insert(ctx, &rows)
}

func (w *writer) end(ctx context.Context, e *orchestrator.ExecutionEnd) error {
	q := w.tx.NewUpdate().Model((*executionRow)(nil)).
		Set("status = ?", string(e.Status)).Set("event = ?", e.Event).Set("error_class = ?", e.ErrorClass).
		Set("error_text = ?", e.ErrorText).Set("finished_at = ?", at(e.At)).Where("id = ?", e.ID)
	if len(e.Output) > 0 {
		q = q.Set("output = ?", string(e.Output))
	}
	if e.Token != 0 {
		q = q.Where("token = ?", e.Token).Where("status = 'running'")
	} else {
		q = q.Set("token = token + 1").Where("status IN ('ready', 'running', 'paused')")
	}
	otherwise := orchestrator.ErrConflict
	if e.Token != 0 {
		otherwise = orchestrator.ErrFenced
	}
	return w.update(ctx, q, otherwise)
}

func (w *writer) gates(ctx context.Context) error {
	var open []gateRow
	for i := range w.c.OpenGates {
		row, err := newGateRow(&w.c.OpenGates[i])
		if err != nil {
			return err
		}
		open = append(open, row)
	}
	if len(open) > 0 {
		if err := w.insert(ctx, &open); err != nil {
			return err
		}
	}
	for i := range w.c.Gates {
		row, err := newGateRow(&w.c.Gates[i])
		if err != nil {
			return err
		}
		q := w.tx.NewUpdate().Model(&row).Column("status", "due_at", "escalations", "closed_at", "waiting_for").
			WherePK().Where("status = 'open'")
		if err := w.update(ctx, q, orchestrator.ErrConflict); err != nil {
			return err
		}
	}
	for i := range w.c.Approvals {
		row, err := newApprovalRow(&w.c.Approvals[i])
		if err := errors.Join(err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	for _, d := range w.c.Delegations {
		var j jsonWriter
		row := delegationRow{
			GateID: d.Gate, RequestID: w.c.Request.ID, FromID: person(d.From), ToID: person(d.To),
			FromActor: j.write(d.From), ToActor: j.write(d.To), Reason: d.Reason, At: at(d.At),
		}
		if err := errors.Join(j.err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	for _, e := range w.c.Escalations {
		var j jsonWriter
		row := escalationRow{ID: e.ID, RequestID: e.Request, GateID: e.Gate, Level: e.Level, Roles: j.write(e.Roles), At: at(e.At)}
		if err := errors.Join(j.err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) interventions(ctx context.Context) error {
	for _, x := range w.c.Interventions {
		var j jsonWriter
		row := interventionRow{
			ID: x.ID, RequestID: x.Request, Kind: string(x.Kind), PersonID: person(x.By), ByActor: j.write(x.By),
			Reason: x.Reason, Value: x.Value, At: at(x.At),
		}
		if err := errors.Join(j.err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) timers(ctx context.Context) error {
	if w.c.FireTimer != "" {
		res, err := w.tx.NewDelete().Model((*timerRow)(nil)).Where("id = ?", w.c.FireTimer).Exec(ctx)
		if err := one(res, err, orchestrator.ErrConflict); err != nil {
			return err
		}
	}
	if len(w.c.ClearTimers) > 0 {
		_, err := w.tx.NewDelete().Model((*timerRow)(nil)).Where("request_id = ?", w.c.Request.ID).
			Where("kind IN (?)", bun.List(w.c.ClearTimers)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	if len(w.c.Timers) == 0 {
		return nil
	}
	rows := make([]timerRow, len(w.c.Timers))
	for i, t := range w.c.Timers {
		rows[i] = timerRow{ID: t.ID, RequestID: t.Request, Kind: string(t.Kind), GateID: t.Gate, FireAt: at(t.FireAt)}
	}
	return w.insert(ctx, &rows)
}

// records writes reports, deliveries and messages.
func (w *writer) records(ctx context.Context) error {
	if f := w.c.Feasibility; f != nil {
		var j jsonWriter
		row := feasibilityRow{
			ID: f.ID, RequestID: f.Request, RequirementsVersion: f.RequirementsVersion, Feasible: f.Feasible,
			Cohort: f.Cohort, MinimumCohort: f.MinimumCohort, Elements: j.write(f.Elements), Reasons: j.write(f.Reasons),
			At: at(f.At),
		}
		if err := errors.Join(j.err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	if d := w.c.Delivery; d != nil {
		var j jsonWriter
		row := deliveryRow{
			ID: d.ID, RequestID: d.Request, Location: d.Location, Format: string(d.Format), Files: j.write(d.Files),
			ManifestSHA256: d.ManifestSHA256, At: at(d.At),
		}
		if err := errors.Join(j.err, w.insert(ctx, &row)); err != nil {
			return err
		}
	}
	if len(w.c.Messages) == 0 {
		return nil
	}
	rows := make([]messageRow, len(w.c.Messages))
	for i, m := range w.c.Messages {
		rows[i] = messageRow{
			ID: m.ID, Kind: string(m.Kind), RequestID: m.Request, Seq: m.Seq, Payload: string(m.Payload),
			CreatedAt: at(m.CreatedAt), RunAt: at(m.CreatedAt),
		}
	}
	return w.insert(ctx, &rows)
}
