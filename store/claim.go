package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

// ClaimSteps implements [orchestrator.Store].
func (s *Store) ClaimSteps(ctx context.Context, c orchestrator.StepClaim) ([]orchestrator.Execution, error) {
	var parts, names []string
	var args []any
	arg := func(v any) bun.Safe {
		args = append(args, v)
		return s.placeholder(len(args), v)
	}
	lock := ""
	if s.postgres() {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	now := string(s.now())
	for i, step := range slices.Sorted(maps.Keys(c.Steps)) {
		if c.Steps[step] <= 0 {
			continue
		}
		name, room := arg(step), arg(c.Steps[step])
		// First those that are ready and not leased, then those that run under a lease that has expired.
		for j, where := range []string{
			"status = 'ready' AND run_at <= " + now + " AND (lease_until IS NULL OR lease_until <= " + now + ") ORDER BY priority DESC, run_at",
			"status = 'running' AND lease_until <= " + now + " ORDER BY lease_until",
		} {
			due := fmt.Sprintf("due_%d_%d", i, j)
			parts = append(parts, fmt.Sprintf("%s AS %s(SELECT id FROM step_executions WHERE step = %s AND %s LIMIT %s%s)",
				due, s.materialized(), name, where, room, lock))
			names = append(names, "SELECT id FROM "+due)
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	text := fmt.Sprintf("WITH %s UPDATE step_executions SET owner = %s, token = token + 1, lease_until = %s WHERE id IN (%s) RETURNING %s",
		strings.Join(parts, ", "), arg(c.Owner), s.later(c.Lease), strings.Join(names, " UNION ALL "), columns[executionRow](s))
	var rows []executionRow
	if err := s.query(ctx, s.write, &rows, text, args...); err != nil {
		return nil, wrap("claim steps", err)
	}
	// Ready and expired executions of a step are limited separately, so there can be more than asked for. The rest is
	// released at once.
	slices.SortStableFunc(rows, func(a, b executionRow) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.RunAt.Compare(b.RunAt.Time))
	})
	room := maps.Clone(c.Steps)
	claimed := make([]orchestrator.Execution, 0, len(rows))
	for i := range rows {
		e := rows[i].execution()
		if room[e.Step]--; room[e.Step] < 0 {
			if err := s.ReleaseLease(ctx, orchestrator.Lease{Execution: e.ID, Owner: e.Owner, Token: e.Token}); err != nil {
				return claimed, err
			}
			continue
		}
		claimed = append(claimed, e)
	}
	return claimed, nil
}

// materialized keeps PostgreSQL from running a locking sub-select more than once.
func (s *Store) materialized() string {
	if s.postgres() {
		return "MATERIALIZED "
	}
	return ""
}

// RenewLease implements [orchestrator.Store].
func (s *Store) RenewLease(ctx context.Context, l orchestrator.Lease, p *orchestrator.Progress) error {
	q := s.write.NewUpdate().Model((*executionRow)(nil)).Set("lease_until = ?", s.later(l.For)).
		Where("id = ?", l.Execution).Where("token = ?", l.Token).Where("owner = ?", l.Owner).
		Where("status IN ('ready', 'running')")
	if p != nil {
		q = q.Set("progress_done = ?", p.Done).Set("progress_total = ?", p.Total).Set("progress_note = ?", p.Note)
	}
	res, err := q.Exec(ctx)
	if err != nil {
		return wrap("renew lease", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return cmp.Or(wrap("renew lease", err), orchestrator.ErrFenced)
	}
	return nil
}

// ReleaseLease implements [orchestrator.Store]. An execution that has started stays "running", with an
// expired lease: so the next owner sees that an attempt was interrupted.
func (s *Store) ReleaseLease(ctx context.Context, l orchestrator.Lease) error {
	_, err := s.write.NewUpdate().Model((*executionRow)(nil)).Set("lease_until = ?", s.now()).Set("token = token + 1").
		Set("owner = ''").Where("id = ?", l.Execution).Where("token = ?", l.Token).Where("owner = ?", l.Owner).
		Where("status IN ('ready', 'running')").Exec(ctx)
	if err == nil {
		s.notify.hint(s)
	}
	return wrap("release lease", err)
}

// DueTimers implements [orchestrator.Store].
func (s *Store) DueTimers(ctx context.Context, limit int) ([]orchestrator.Timer, error) {
	var rows []timerRow
	q := s.read.NewSelect().Model(&rows).Where("fire_at <= ?", s.now()).
		Where("NOT EXISTS (SELECT 1 FROM requests AS r WHERE r.id = t.request_id AND r.parked <> '')").Order("fire_at").Limit(int64(limit))
	err := s.query(ctx, s.read, &rows, q.String())
	return timersOf(rows), wrap("due timers", err)
}

// Timers implements [orchestrator.Store].
func (s *Store) Timers(ctx context.Context, request string) ([]orchestrator.Timer, error) {
	var rows []timerRow
	q := s.read.NewSelect().Model(&rows).Where("request_id = ?", s.placeholder(1, request)).Order("fire_at", "id")
	err := s.query(ctx, s.read, &rows, q.String(), request)
	return timersOf(rows), wrap("timers", err)
}

func timersOf(rows []timerRow) []orchestrator.Timer {
	timers := make([]orchestrator.Timer, len(rows))
	for i, t := range rows {
		timers[i] = orchestrator.Timer{
			ID: t.ID, Request: t.RequestID, Kind: orchestrator.TimerKind(t.Kind), Gate: t.GateID, FireAt: t.FireAt.Time,
		}
	}
	return timers
}

// ClaimMessages implements [orchestrator.Store].
func (s *Store) ClaimMessages(ctx context.Context, c orchestrator.MessageClaim) ([]orchestrator.Message, error) {
	if len(c.Kinds) == 0 || c.Limit <= 0 {
		return nil, nil
	}
	lock := ""
	if s.postgres() {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	now := s.now()
	// The outbox can hold many messages of the system chain, of which only the oldest can be claimed. It is looked up
	// once instead of once for each message.
	text := s.write.QueryGen().FormatQuery("WITH due AS "+s.materialized()+"(SELECT o.id FROM outbox AS o WHERE o.run_at <= ? AND o.kind IN (?)"+
		" AND (o.lease_until IS NULL OR o.lease_until <= ?)"+
		" AND (o.request_id <> ? OR o.kind <> ? OR o.seq = (SELECT min(seq) FROM outbox WHERE request_id = ? AND kind = ?))"+
		" AND NOT EXISTS (SELECT 1 FROM outbox AS p WHERE p.request_id = o.request_id AND p.kind = o.kind AND p.seq < o.seq"+
		" AND (p.request_id <> ? OR p.kind <> ?))"+
		" ORDER BY o.run_at LIMIT ?"+lock+") UPDATE outbox SET owner = ?, lease_until = ?, attempts = attempts + 1"+
		" WHERE id IN (SELECT id FROM due) RETURNING "+columns[messageRow](s),
		now, bun.List(c.Kinds), now, audit.SystemChain, orchestrator.MessageAudit, audit.SystemChain, orchestrator.MessageAudit,
		audit.SystemChain, orchestrator.MessageAudit, c.Limit, c.Owner, s.later(c.Lease))
	var rows []messageRow
	if err := s.query(ctx, s.write, &rows, text); err != nil {
		return nil, wrap("claim messages", err)
	}
	slices.SortFunc(rows, func(a, b messageRow) int { return a.RunAt.Compare(b.RunAt.Time) })
	messages := make([]orchestrator.Message, len(rows))
	for i, m := range rows {
		messages[i] = orchestrator.Message{
			ID: m.ID, Kind: orchestrator.MessageKind(m.Kind), Request: m.RequestID, Seq: m.Seq, Payload: raw(m.Payload),
			CreatedAt: m.CreatedAt.Time, Attempts: m.Attempts,
		}
	}
	return messages, nil
}

// FinishMessage implements [orchestrator.Store].
func (s *Store) FinishMessage(ctx context.Context, id, owner, errorClass string, retry time.Duration) error {
	if errorClass == "" {
		_, err := s.write.NewDelete().Model((*messageRow)(nil)).Where("id = ?", id).Where("owner = ?", owner).Exec(ctx)
		return wrap("finish message", err)
	}
	_, err := s.write.NewUpdate().Model((*messageRow)(nil)).Set("error_class = ?", errorClass).Set("lease_until = NULL").
		Set("owner = ''").Set("run_at = ?", s.later(retry)).Where("id = ?", id).Where("owner = ?", owner).Exec(ctx)
	return wrap("finish message", err)
}
