package store

import (
	"context"
	"iter"
	"time"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

type headRow struct {
	bun.BaseModel `bun:"table:audit_heads,alias:z"`

	Chain string `bun:",pk"`
	Seq   int64
	Hash  string
}

// AuditHead implements [orchestrator.Store].
func (s *Store) AuditHead(ctx context.Context, chain string) (audit.Head, time.Time, error) {
	var rows []struct {
		Seq  int64
		Hash string
		Now  stamp
	}
	err := s.read.NewRaw("SELECT seq, hash, ? AS now FROM audit_heads WHERE chain = ?"+
		" UNION ALL SELECT audit_seq, audit_hash, ? FROM requests WHERE id = ? UNION ALL SELECT 0, '', ?",
		s.now(), chain, s.now(), chain, s.now()).Scan(ctx, &rows)
	if err != nil {
		return audit.Head{}, time.Time{}, wrap("audit head", err)
	}
	// The third SELECT is for a chain that does not exist yet. UNION ALL does not promise an order.
	best := rows[0]
	for _, r := range rows {
		if r.Seq > best.Seq {
			best = r
		}
	}
	return audit.Head{Seq: best.Seq, Hash: best.Hash}, best.Now.Time, nil
}

// AppendAudit implements [orchestrator.Store].
func (s *Store) AppendAudit(ctx context.Context, prev audit.Head, entries []audit.Sealed, messages []orchestrator.Message) error {
	if len(entries) == 0 {
		return nil
	}
	last := &entries[len(entries)-1]
	err := s.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		b := batch{store: s, tx: tx}
		row := headRow{Chain: last.Chain, Seq: last.Seq, Hash: last.Hash}
		if prev.Seq == 0 {
			if err := insert(ctx, &b, row); err != nil {
				return err
			}
		} else {
			err := b.run(ctx, orchestrator.ErrConflict, "UPDATE audit_heads SET seq = ?, hash = ? WHERE chain = ? AND seq = ? AND hash = ?",
				row.Seq, row.Hash, row.Chain, prev.Seq, prev.Hash)
			if err != nil {
				return err
			}
		}
		rows := make([]auditRow, len(entries))
		for i := range entries {
			rows[i] = newAuditRow(&entries[i])
		}
		if err := insert(ctx, &b, rows...); err != nil {
			return err
		}
		if err := insert(ctx, &b, messageRows(messages)...); err != nil {
			return err
		}
		return b.flush(ctx)
	}, func(ctx context.Context) (bool, error) { return s.Committed(ctx, last.ID) })
	if err == nil && len(messages) > 0 {
		s.notify.hint(s)
	}
	return wrap("append audit", err)
}

// AuditEntries implements [orchestrator.Store].
func (s *Store) AuditEntries(ctx context.Context, chain string, after int64) iter.Seq2[audit.Sealed, error] {
	return stream(ctx, s, "audit entries", s.read.NewSelect().Model((*auditRow)(nil)).Where("chain = ?", chain).
		Where("seq > ?", after).Order("seq"), (*auditRow).sealed)
}

// AuditChains implements [orchestrator.Store].
func (s *Store) AuditChains(ctx context.Context) iter.Seq2[string, error] {
	type chain struct{ Chain string }
	return stream(ctx, s, "audit chains", s.read.NewSelect().Model((*auditRow)(nil)).ColumnExpr("DISTINCT chain").
		Order("chain"), func(c *chain) string { return c.Chain })
}
