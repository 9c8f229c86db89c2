package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/internal/input"
)

// AuditEntries streams the audit entries of a request, or of [audit.SystemChain], first one first.
func (o *Orchestrator) AuditEntries(ctx context.Context, chain string) iter.Seq2[audit.Sealed, error] {
	if input.TextFault(chain) != "" {
		return func(yield func(audit.Sealed, error) bool) { yield(audit.Sealed{}, ErrNotFound) }
	}
	return o.store.AuditEntries(ctx, chain, 0)
}

// VerifyAudit verifies a chain to its end and returns its head. The error is an [*audit.BadEntryError] for
// a broken chain.
func (o *Orchestrator) VerifyAudit(ctx context.Context, chain string) (audit.Head, error) {
	if input.TextFault(chain) != "" {
		return audit.Head{}, ErrNotFound
	}
	// The head is read first, so that entries added meanwhile come after it.
	end, _, err := o.store.AuditHead(ctx, chain)
	if err != nil {
		return audit.Head{}, err
	}
	v := audit.NewVerifier(chain, audit.Head{})
	for s, err := range o.store.AuditEntries(ctx, chain, 0) {
		if err == nil && v.Head().Seq == end.Seq && s.Seq > end.Seq {
			break
		}
		if err == nil {
			err = v.Add(&s)
		}
		if err != nil {
			return v.Head(), err
		}
	}
	return v.Head(), v.End(end)
}

// maxEntries is the maximum number of entries in one commit of Record or [StepContext.Audit]: the messages of a
// version are numbered up to 999, and databases limit the number of arguments of a statement.
const maxEntries = 500

// Record appends entries to the audit trail: to the chain of the request that Chain names or, if Chain is "" or
// [audit.SystemChain], to that of the host. Ids, times and instance are filled in. It returns when all are committed;
// many are committed in several parts. A caller that reads data must not pass it on when Record fails.
func (o *Orchestrator) Record(ctx context.Context, entries ...audit.Entry) error {
	for len(entries) > 0 {
		chain := entries[0].Chain
		n := 1
		for n < min(len(entries), maxEntries) && entries[n].Chain == chain {
			n++
		}
		var err error
		if chain == "" || chain == audit.SystemChain {
			err = o.recordSystem(ctx, entries[:n])
		} else {
			err = o.change(ctx, chain, func(_ context.Context, d *draft) error {
				for _, e := range entries[:n] {
					if err := d.audit(e); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (o *Orchestrator) recordSystem(ctx context.Context, entries []audit.Entry) error {
	if o.cfg.sink != nil {
		defer o.signal()
	}
	last := ""
	for range maxConflicts {
		if last != "" {
			if ok, err := o.store.Committed(ctx, last); err != nil || ok {
				return err
			}
		}
		prev, now, err := o.store.AuditHead(ctx, audit.SystemChain)
		if err != nil {
			return err
		}
		head := prev
		sealed := make([]audit.Sealed, len(entries))
		for i, e := range entries {
			e.ID, e.Chain, e.Recorded, e.Tenant = "", audit.SystemChain, now, o.cfg.tenant
			e.Who.Instance = o.cfg.instance
			if sealed[i], head, err = head.Seal(e); err != nil {
				return err
			}
		}
		last = sealed[len(sealed)-1].ID
		messages, err := o.sinkMessages(sealed, now)
		if err != nil {
			return err
		}
		if err := o.store.AppendAudit(ctx, prev, sealed, messages); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: too many writers on the audit trail of the host", ErrConflict)
}
