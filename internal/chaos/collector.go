package chaos

import (
	"context"
	"fmt"
	"sync"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

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

// complete fails unless every entry of a chain was delivered to the sink.
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
