package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

// wholeRow is a request with its requirements, open gate and current step, read by one statement.
type wholeRow struct {
	requestRow `bun:",extend"`

	Now  stamp         `bun:",scanonly"`
	Body string        `bun:",scanonly"`
	Gate *gateRow      `bun:"rel:belongs-to,join:gate_id=id"`
	Step *executionRow `bun:"rel:belongs-to,join:step_id=id"`
}

func (s *Store) selectWhole(rows any) *bun.SelectQuery {
	return s.read.NewSelect().Model(rows).ColumnExpr("?TableColumns").ColumnExpr("? AS now", s.clock()).
		ColumnExpr("(SELECT q.body FROM requirements AS q WHERE q.request_id = r.id AND q.version = r.requirements_version) AS body").
		Relation("Gate").Relation("Step")
}

func (row *wholeRow) whole() (orchestrator.Request, error) {
	r, err := row.request()
	if err != nil {
		return r, err
	}
	var j jsonReader
	j.read("body", row.Body, &r.Requirements)
	if row.GateID != "" && row.Gate != nil {
		g, err := row.Gate.gate()
		if err != nil {
			return r, err
		}
		r.Gate = &g
	}
	if row.StepID != "" && row.Step != nil {
		e := row.Step.execution()
		r.Step = &e
	}
	return r, j.err
}

// Snapshot implements [orchestrator.Store].
func (s *Store) Snapshot(ctx context.Context, request string) (*orchestrator.Snapshot, error) {
	var row wholeRow
	err := s.query(ctx, s.read, &row, s.selectWhole(&row).Where("r.id = ?", s.placeholder(1, request)).String(), request)
	if err == nil && row.ID == "" {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, wrap("snapshot", err)
	}
	if !s.postgres() {
		row.Now = at(s.opt.clock()) // read after the row, so not before the change that wrote it
	}
	r, err := row.whole()
	if err != nil {
		return nil, err
	}
	if r.Gate != nil {
		if err := s.addDecisions(ctx, r.Gate); err != nil {
			return nil, err
		}
	}
	return &orchestrator.Snapshot{
		Request: r, Audit: audit.Head{Seq: row.AuditSeq, Hash: row.AuditHash}, Now: row.Now.Time,
	}, nil
}

// addDecisions reads the approvals and delegations of a gate. Both change only together with the request's version, so
// a commit fails if they changed in between.
func (s *Store) addDecisions(ctx context.Context, g *orchestrator.Gate) error {
	var approvals []approvalRow
	q := s.read.NewSelect().Model(&approvals).Where("gate_id = ?", s.placeholder(1, g.ID)).Order("at", "id")
	if err := s.query(ctx, s.read, &approvals, q.String(), g.ID); err != nil {
		return wrap("approvals", err)
	}
	for i := range approvals {
		a, err := approvals[i].approval()
		if err != nil {
			return err
		}
		g.Approvals = append(g.Approvals, a)
	}
	var delegations []delegationRow
	q = s.read.NewSelect().Model(&delegations).Where("gate_id = ?", s.placeholder(1, g.ID)).Order("at", "from_id", "to_id")
	if err := s.query(ctx, s.read, &delegations, q.String(), g.ID); err != nil {
		return wrap("delegations", err)
	}
	for _, d := range delegations {
		out := orchestrator.Delegation{Gate: d.GateID, Reason: d.Reason, At: d.At.Time}
		var j jsonReader
		j.actor("from_actor", d.FromActor, &out.From)
		j.actor("to_actor", d.ToActor, &out.To)
		if j.err != nil {
			return j.err
		}
		g.Delegations = append(g.Delegations, out)
	}
	return nil
}

// scalar reads one column of the row in which another column has the given value. The result is never empty.
func (s *Store) scalar(ctx context.Context, doing string, model any, column, where, value string) (string, error) {
	var text string
	q := s.read.NewSelect().Model(model).Column(column).Where("? = ?", bun.Ident(where), s.placeholder(1, value))
	err := s.query(ctx, s.read, &text, q.String(), value)
	if err == nil && text == "" {
		err = sql.ErrNoRows
	}
	return text, wrap(doing, err)
}

// RequestByKey implements [orchestrator.Store].
func (s *Store) RequestByKey(ctx context.Context, key string) (string, error) {
	return s.scalar(ctx, "request by key", (*requestRow)(nil), "id", "idempotency_key", key)
}

// RequestOfGate implements [orchestrator.Store].
func (s *Store) RequestOfGate(ctx context.Context, gate string) (string, error) {
	return s.scalar(ctx, "request of gate", (*gateRow)(nil), "request_id", "id", gate)
}

// Digest implements [orchestrator.Store].
func (s *Store) Digest(ctx context.Context, request string) (string, error) {
	return s.scalar(ctx, "digest", (*requestRow)(nil), "digest", "id", request)
}

// rowsOf reads the rows of a request and converts each.
func rowsOf[R, T any](ctx context.Context, s *Store, doing, request string, order []string, convert func(*R) (T, error)) ([]T, error) {
	var rows []R
	q := s.read.NewSelect().Model(&rows).Where("request_id = ?", s.placeholder(1, request)).Order(order...)
	if err := s.query(ctx, s.read, &rows, q.String(), request); err != nil {
		return nil, wrap(doing, err)
	}
	out := make([]T, len(rows))
	for i := range rows {
		var err error
		if out[i], err = convert(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// History implements [orchestrator.Store].
func (s *Store) History(ctx context.Context, request string) ([]orchestrator.StateChange, error) {
	return rowsOf(ctx, s, "history", request, []string{"seq"}, func(h *historyRow) (orchestrator.StateChange, error) {
		out := orchestrator.StateChange{
			Request: h.RequestID, Seq: h.Seq, From: h.FromState, To: h.ToState, Event: h.Event, Reason: h.Reason,
			At: h.At.Time, Commit: h.CommitID,
		}
		var j jsonReader
		j.actor("by_actor", h.ByActor, &out.By)
		return out, j.err
	})
}

// RequirementsVersions implements [orchestrator.Store].
func (s *Store) RequirementsVersions(ctx context.Context, request string) ([]orchestrator.RequirementsVersion, error) {
	return rowsOf(ctx, s, "requirements", request, []string{"version"}, func(q *requirementsRow) (orchestrator.RequirementsVersion, error) {
		out := orchestrator.RequirementsVersion{Request: q.RequestID, Version: q.Version, Reason: q.Reason, At: q.At.Time}
		var j jsonReader
		j.read("body", q.Body, &out.Requirements)
		j.actor("by_actor", q.ByActor, &out.By)
		return out, j.err
	})
}

// Gates implements [orchestrator.Store].
func (s *Store) Gates(ctx context.Context, request string) ([]orchestrator.Gate, error) {
	gates, err := rowsOf(ctx, s, "gates", request, []string{"visit"}, (*gateRow).gate)
	for i := range gates {
		if err == nil {
			err = s.addDecisions(ctx, &gates[i])
		}
	}
	return gates, err
}

// Escalations implements [orchestrator.Store].
func (s *Store) Escalations(ctx context.Context, request string) ([]orchestrator.Escalation, error) {
	return rowsOf(ctx, s, "escalations", request, []string{"at", "level"}, func(e *escalationRow) (orchestrator.Escalation, error) {
		out := orchestrator.Escalation{ID: e.ID, Request: e.RequestID, Gate: e.GateID, Level: e.Level, At: e.At.Time}
		var j jsonReader
		j.read("roles", e.Roles, &out.Roles)
		return out, j.err
	})
}

// Interventions implements [orchestrator.Store].
func (s *Store) Interventions(ctx context.Context, request string) ([]orchestrator.Intervention, error) {
	return rowsOf(ctx, s, "interventions", request, []string{"at", "id"}, func(i *interventionRow) (orchestrator.Intervention, error) {
		out := orchestrator.Intervention{
			ID: i.ID, Request: i.RequestID, Kind: orchestrator.InterventionKind(i.Kind), Reason: i.Reason, Value: i.Value, At: i.At.Time,
		}
		var j jsonReader
		j.actor("by_actor", i.ByActor, &out.By)
		return out, j.err
	})
}

// Executions implements [orchestrator.Store].
func (s *Store) Executions(ctx context.Context, request string) ([]orchestrator.Execution, error) {
	return rowsOf(ctx, s, "executions", request, []string{"visit", "attempt"}, func(e *executionRow) (orchestrator.Execution, error) {
		return e.execution(), nil
	})
}

// FeasibilityReports implements [orchestrator.Store].
func (s *Store) FeasibilityReports(ctx context.Context, request string) ([]orchestrator.FeasibilityReport, error) {
	return rowsOf(ctx, s, "feasibility reports", request, []string{"at", "id"}, func(f *feasibilityRow) (orchestrator.FeasibilityReport, error) {
		out := orchestrator.FeasibilityReport{
			ID: f.ID, Request: f.RequestID, RequirementsVersion: f.RequirementsVersion, Feasible: f.Feasible,
			Cohort: f.Cohort, MinimumCohort: f.MinimumCohort, At: f.At.Time,
		}
		var j jsonReader
		j.read("elements", f.Elements, &out.Elements)
		j.read("reasons", f.Reasons, &out.Reasons)
		return out, j.err
	})
}

// Deliveries implements [orchestrator.Store].
func (s *Store) Deliveries(ctx context.Context, request string) ([]orchestrator.Delivery, error) {
	return rowsOf(ctx, s, "deliveries", request, []string{"at", "id"}, func(d *deliveryRow) (orchestrator.Delivery, error) {
		out := orchestrator.Delivery{
			ID: d.ID, Request: d.RequestID, Location: d.Location, Format: orchestrator.Format(d.Format),
			ManifestSHA256: d.ManifestSHA256, At: d.At.Time,
		}
		var j jsonReader
		j.read("files", d.Files, &out.Files)
		return out, j.err
	})
}

// Outputs implements [orchestrator.Store].
func (s *Store) Outputs(ctx context.Context, request string) (map[string]json.RawMessage, error) {
	var rows []executionRow
	q := s.read.NewSelect().Model(&rows).Column("step", "output").Where("request_id = ?", s.placeholder(1, request)).
		Where("status = 'succeeded'").Order("visit", "attempt")
	err := s.query(ctx, s.read, &rows, q.String(), request)
	out := map[string]json.RawMessage{}
	for _, r := range rows {
		if r.Output != "" {
			out[r.Step] = raw(r.Output)
		}
	}
	return out, wrap("outputs", err)
}

type definitionRow struct {
	bun.BaseModel `bun:"table:definitions,alias:n"`

	Hash      string `bun:",pk"`
	Body      string
	CreatedAt stamp
}

// PutDefinition implements [orchestrator.Store].
func (s *Store) PutDefinition(ctx context.Context, hash string, canonical []byte) error {
	_, err := s.write.NewInsert().Model(&definitionRow{Hash: hash, Body: string(canonical)}).
		Value("created_at", "?", s.now()).On("CONFLICT (hash) DO NOTHING").Exec(ctx)
	return wrap("put definition", err)
}

// Definition implements [orchestrator.Store].
func (s *Store) Definition(ctx context.Context, hash string) ([]byte, error) {
	text, err := s.scalar(ctx, "definition", (*definitionRow)(nil), "body", "hash", hash)
	return []byte(text), err
}

// stream scans the rows of a query one by one.
func stream[R, T any](ctx context.Context, s *Store, doing string, q *bun.SelectQuery, convert func(*R) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := q.Rows(ctx)
		if err != nil {
			yield(zero, wrap(doing, err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r R
			if err := s.read.ScanRow(ctx, rows, &r); err != nil {
				yield(zero, wrap(doing, err))
				return
			}
			if !yield(convert(&r), nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, wrap(doing, err))
		}
	}
}
