package store

import (
	"context"
	"errors"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
)

// writer writes the parts of one commit.
type writer struct {
	batch
	commit *orchestrator.Commit
}

func (w *writer) write(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		w.request, w.log, w.steps, w.gates, w.interventions, w.timers, w.records, w.flush,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// request compares the version and sets the row. It comes first, for its lock makes other changes of the request wait.
func (w *writer) request(ctx context.Context) error {
	row, err := newRequestRow(w.commit)
	if err != nil {
		return err
	}
	if w.commit.Expect == 0 {
		return insertOr(ctx, &w.batch, orchestrator.ErrDuplicate, orchestrator.ErrDuplicate, []requestRow{*row})
	}
	w.begin(part{must: orchestrator.ErrConflict})
	w.add("UPDATE requests SET ")
	set(&w.batch, row, mutable...)
	w.add(" WHERE id = ? AND version = ?", row.ID, w.commit.Expect)
	return w.end(ctx)
}

// log writes history, audit entries and requirements.
func (w *writer) log(ctx context.Context) error {
	changes := make([]historyRow, len(w.commit.History))
	var j jsonWriter
	for i, h := range w.commit.History {
		changes[i] = historyRow{
			RequestID: h.Request, Seq: h.Seq, FromState: h.From, ToState: h.To, Event: h.Event, Reason: h.Reason,
			At: at(h.At), CommitID: h.Commit,
		}
		if h.By.ID != "" {
			changes[i].ByActor = j.write(h.By)
		}
	}
	entries := make([]auditRow, len(w.commit.Audit))
	for i := range w.commit.Audit {
		entries[i] = newAuditRow(&w.commit.Audit[i])
	}
	var requirements []requirementsRow
	if q := w.commit.Requirements; q != nil {
		requirements = append(requirements, requirementsRow{
			RequestID: q.Request, Version: q.Version, Body: j.write(q.Requirements), ByActor: j.write(q.By),
			Reason: q.Reason, At: at(q.At),
		})
	}
	if j.err != nil {
		return j.err
	}
	if err := insert(ctx, &w.batch, changes...); err != nil {
		return err
	}
	if err := insert(ctx, &w.batch, entries...); err != nil {
		return err
	}
	return insert(ctx, &w.batch, requirements...)
}

// steps ends, starts and inserts executions, and checks the fencing tokens.
func (w *writer) steps(ctx context.Context) error {
	for i := range w.commit.End {
		if err := w.endStep(ctx, &w.commit.End[i]); err != nil {
			return err
		}
	}
	if st := w.commit.Start; st != nil {
		err := w.run(ctx, orchestrator.ErrFenced,
			"UPDATE step_executions SET status = 'running', started_at = ? WHERE id = ? AND token = ? AND status = 'ready'",
			at(st.StartedAt), st.ID, st.Token)
		if err != nil {
			return err
		}
	}
	if f := w.commit.Fence; f != nil {
		// Nothing changes, but a host that wants to take the lease over waits for the end of this transaction.
		err := w.run(ctx, orchestrator.ErrFenced,
			"UPDATE step_executions SET token = token WHERE id = ? AND token = ? AND status = 'running'", f.Execution, f.Token)
		if err != nil {
			return err
		}
	}
	if w.commit.Reprioritize {
		if err := w.flush(ctx); err != nil { // it can change executions that the statements above change
			return err
		}
		err := w.run(ctx, nil, "UPDATE step_executions SET priority = ? WHERE request_id = ? AND status IN ('ready', 'running', 'paused')",
			int(w.commit.Request.Priority), w.commit.Request.ID)
		if err != nil {
			return err
		}
	}
	rows := make([]executionRow, len(w.commit.Insert))
	for i := range w.commit.Insert {
		rows[i] = newExecutionRow(&w.commit.Insert[i])
	}
	return insert(ctx, &w.batch, rows...)
}

func (w *writer) endStep(ctx context.Context, e *orchestrator.ExecutionEnd) error {
	row := executionRow{
		Status: string(e.Status), Event: e.Event, ErrorClass: e.ErrorClass, ErrorText: e.ErrorText, FinishedAt: at(e.At),
		Output: string(e.Output),
	}
	columns := []string{"status", "event", "error_class", "error_text", "finished_at"}
	if row.Output != "" {
		columns = append(columns, "output")
	}
	otherwise := orchestrator.ErrConflict
	if e.Token != 0 {
		otherwise = orchestrator.ErrFenced
	}
	w.begin(part{must: otherwise})
	w.add("UPDATE step_executions SET ")
	set(&w.batch, &row, columns...)
	if e.Token != 0 {
		w.add(" WHERE id = ? AND token = ? AND status = 'running'", e.ID, e.Token)
	} else {
		w.add(", token = token + 1 WHERE id = ? AND status IN ('ready', 'running', 'paused')", e.ID)
	}
	return w.end(ctx)
}

func (w *writer) gates(ctx context.Context) error {
	opened := make([]gateRow, len(w.commit.OpenGates))
	for i := range w.commit.OpenGates {
		var err error
		if opened[i], err = newGateRow(&w.commit.OpenGates[i]); err != nil {
			return err
		}
	}
	if err := insert(ctx, &w.batch, opened...); err != nil {
		return err
	}
	for i := range w.commit.Gates {
		row, err := newGateRow(&w.commit.Gates[i])
		if err != nil {
			return err
		}
		w.begin(part{must: orchestrator.ErrConflict})
		w.add("UPDATE gates SET ")
		set(&w.batch, &row, "status", "due_at", "escalations", "closed_at", "waiting_for")
		w.add(" WHERE id = ? AND status = 'open'", row.ID)
		if err := w.end(ctx); err != nil {
			return err
		}
	}
	approvals := make([]approvalRow, len(w.commit.Approvals))
	for i := range w.commit.Approvals {
		var err error
		if approvals[i], err = newApprovalRow(&w.commit.Approvals[i]); err != nil {
			return err
		}
	}
	if err := insert(ctx, &w.batch, approvals...); err != nil {
		return err
	}
	var j jsonWriter
	delegations := make([]delegationRow, len(w.commit.Delegations))
	for i, d := range w.commit.Delegations {
		delegations[i] = delegationRow{
			GateID: d.Gate, RequestID: w.commit.Request.ID, FromID: person(d.From), ToID: person(d.To),
			FromActor: j.write(d.From), ToActor: j.write(d.To), Reason: d.Reason, At: at(d.At),
		}
	}
	escalations := make([]escalationRow, len(w.commit.Escalations))
	for i, e := range w.commit.Escalations {
		escalations[i] = escalationRow{ID: e.ID, RequestID: e.Request, GateID: e.Gate, Level: e.Level, Roles: j.write(e.Roles), At: at(e.At)}
	}
	if j.err != nil {
		return j.err
	}
	return errors.Join(insert(ctx, &w.batch, delegations...), insert(ctx, &w.batch, escalations...))
}

func (w *writer) interventions(ctx context.Context) error {
	var j jsonWriter
	rows := make([]interventionRow, len(w.commit.Interventions))
	for i, x := range w.commit.Interventions {
		rows[i] = interventionRow{
			ID: x.ID, RequestID: x.Request, Kind: string(x.Kind), PersonID: person(x.By), ByActor: j.write(x.By),
			Reason: x.Reason, Value: x.Value, At: at(x.At),
		}
	}
	if j.err != nil {
		return j.err
	}
	return insert(ctx, &w.batch, rows...)
}

func (w *writer) timers(ctx context.Context) error {
	if w.commit.FireTimer != "" {
		if err := w.run(ctx, orchestrator.ErrConflict, "DELETE FROM timers WHERE id = ?", w.commit.FireTimer); err != nil {
			return err
		}
	}
	if kinds := w.commit.ClearTimers; len(kinds) > 0 {
		w.begin(part{})
		w.add("DELETE FROM timers WHERE request_id = ? AND id <> ? AND kind IN (", w.commit.Request.ID, w.commit.FireTimer)
		for i, k := range kinds {
			w.add(strings.Repeat(", ", min(i, 1))+"?", string(k))
		}
		w.add(")")
		if err := w.end(ctx); err != nil {
			return err
		}
	}
	rows := make([]timerRow, len(w.commit.Timers))
	for i, t := range w.commit.Timers {
		rows[i] = timerRow{ID: t.ID, RequestID: t.Request, Kind: string(t.Kind), GateID: t.Gate, FireAt: at(t.FireAt)}
	}
	return insert(ctx, &w.batch, rows...)
}

// records writes reports, deliveries and messages.
func (w *writer) records(ctx context.Context) error {
	var j jsonWriter
	var reports []feasibilityRow
	if f := w.commit.Feasibility; f != nil {
		reports = append(reports, feasibilityRow{
			ID: f.ID, RequestID: f.Request, RequirementsVersion: f.RequirementsVersion, Feasible: f.Feasible,
			Cohort: f.Cohort, MinimumCohort: f.MinimumCohort, Elements: j.write(f.Elements), Reasons: j.write(f.Reasons),
			At: at(f.At),
		})
	}
	var deliveries []deliveryRow
	if d := w.commit.Delivery; d != nil {
		deliveries = append(deliveries, deliveryRow{
			ID: d.ID, RequestID: d.Request, Location: d.Location, Format: string(d.Format), Files: j.write(d.Files),
			ManifestSHA256: d.ManifestSHA256, At: at(d.At),
		})
	}
	if j.err != nil {
		return j.err
	}
	return errors.Join(insert(ctx, &w.batch, reports...), insert(ctx, &w.batch, deliveries...), insert(ctx, &w.batch, messageRows(w.commit.Messages)...))
}

func messageRows(messages []orchestrator.Message) []messageRow {
	rows := make([]messageRow, len(messages))
	for i, m := range messages {
		rows[i] = messageRow{
			ID: m.ID, Kind: string(m.Kind), RequestID: m.Request, Seq: m.Seq, Payload: string(m.Payload),
			CreatedAt: at(m.CreatedAt), RunAt: at(m.CreatedAt),
		}
	}
	return rows
}
