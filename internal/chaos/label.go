package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

// operation is one labelled use of a store, which makes driver calls.
type operation struct {
	label string

	mu     sync.Mutex
	calls  map[string]int // how often a call of this name was made
	before map[string]int // the same when the first transaction began
}

type operationKey struct{}

// Label says what the driver calls made with the returned context are for, as in "open" or "drain / due timers".
// [Faults] tells call sites apart by this label and by the call itself, and reports calls that have none.
func Label(ctx context.Context, label string) context.Context {
	return context.WithValue(ctx, operationKey{}, &operation{label: label, calls: map[string]int{}})
}

func operationOf(ctx context.Context) *operation {
	o, _ := ctx.Value(operationKey{}).(*operation)
	return o
}

// site names a call of the operation: by its label, the call and a number. Before the first transaction that is the
// number of the call among those with its name. All calls of the same name in that transaction are one site, and so are
// all that come after it: there a store finds out whether it was committed, and repeats that while the database is
// away.
func (o *operation) site(call string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if call == begin && o.before == nil {
		o.before = maps.Clone(o.calls)
	}
	o.calls[call]++
	n := o.calls[call]
	if o.before != nil {
		n = min(o.calls[begin], 2)
		switch {
		case call == connect: // for the transactions after the first
			n = 2
		case o.before[call] > 0:
			n++
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s: %s (%d)", o.label, call, n)
	}
	return o.label + ": " + call
}

// labelledStore labels what an orchestrator that is driven by package lifetest asks of a store. What it does not name
// is not called in such a life; if it is one day, the calls have no label and the tests fail.
type labelledStore struct {
	Store

	mu      sync.Mutex
	started map[string]bool // requests whose last commit started a step
}

func newLabelledStore(s Store) *labelledStore {
	return &labelledStore{Store: s, started: map[string]bool{}}
}

func label(ctx context.Context, method string) context.Context {
	return Label(ctx, lifetest.Doing(ctx)+" / "+method)
}

// Parts of the names of sites.
const (
	stepSucceeded = "step " + string(orchestrator.StepSucceeded)
	connect       = "connect"
	begin         = "begin"
	commit        = "commit"
)

func (s *labelledStore) Snapshot(ctx context.Context, request string) (*orchestrator.Snapshot, error) {
	s.mu.Lock()
	started := s.started[request]
	s.mu.Unlock()
	what := "snapshot"
	if started {
		what += " before " + stepSucceeded
	}
	return s.Store.Snapshot(label(ctx, what), request)
}

func (s *labelledStore) Commit(ctx context.Context, c *orchestrator.Commit) error {
	what := "change"
	switch {
	case c.Expect == 0:
		what = "submission"
	case c.Start != nil:
		what = "start of a step"
	case len(c.Approvals) > 0:
		what = "decision"
	case len(c.End) > 0:
		what = "step " + string(c.End[0].Status)
	}
	err := s.Store.Commit(label(ctx, what), c)
	if err == nil {
		s.mu.Lock()
		s.started[c.Request.ID] = c.Start != nil
		s.mu.Unlock()
	}
	return err
}

func (s *labelledStore) Committed(ctx context.Context, commit string) (bool, error) {
	return s.Store.Committed(label(ctx, "committed"), commit)
}

func (s *labelledStore) Now(ctx context.Context) (time.Time, error) {
	return s.Store.Now(label(ctx, "now"))
}

func (s *labelledStore) ClaimSteps(ctx context.Context, c orchestrator.StepClaim) ([]orchestrator.Execution, error) {
	return s.Store.ClaimSteps(label(ctx, "claim steps"), c)
}

func (s *labelledStore) RenewLease(ctx context.Context, l orchestrator.Lease, p *orchestrator.Progress) error {
	return s.Store.RenewLease(label(ctx, "renew lease"), l, p)
}

func (s *labelledStore) ReleaseLease(ctx context.Context, l orchestrator.Lease) error {
	return s.Store.ReleaseLease(label(ctx, "release lease"), l)
}

func (s *labelledStore) DueTimers(ctx context.Context, limit int) ([]orchestrator.Timer, error) {
	return s.Store.DueTimers(label(ctx, "due timers"), limit)
}

func (s *labelledStore) ClaimMessages(ctx context.Context, c orchestrator.MessageClaim) ([]orchestrator.Message, error) {
	return s.Store.ClaimMessages(label(ctx, "claim messages"), c)
}

func (s *labelledStore) FinishMessage(ctx context.Context, id, owner, class string, retry time.Duration) error {
	return s.Store.FinishMessage(label(ctx, "finish message"), id, owner, class, retry)
}

func (s *labelledStore) RequestByKey(ctx context.Context, key string) (string, error) {
	return s.Store.RequestByKey(label(ctx, "request by key"), key)
}

func (s *labelledStore) RequestOfGate(ctx context.Context, gate string) (string, error) {
	return s.Store.RequestOfGate(label(ctx, "request of gate"), gate)
}

func (s *labelledStore) Digest(ctx context.Context, request string) (string, error) {
	return s.Store.Digest(label(ctx, "digest"), request)
}

func (s *labelledStore) Backlog(ctx context.Context) (orchestrator.Backlog, error) {
	return s.Store.Backlog(label(ctx, "backlog"))
}

func (s *labelledStore) Outputs(ctx context.Context, request string) (map[string]json.RawMessage, error) {
	return s.Store.Outputs(label(ctx, "outputs"), request)
}

func (s *labelledStore) PutDefinition(ctx context.Context, hash string, canonical []byte) error {
	return s.Store.PutDefinition(label(ctx, "put definition"), hash, canonical)
}

func (s *labelledStore) AuditHead(ctx context.Context, chain string) (audit.Head, time.Time, error) {
	return s.Store.AuditHead(label(ctx, "audit head"), chain)
}

func (s *labelledStore) AppendAudit(ctx context.Context, prev audit.Head, entries []audit.Sealed, messages []orchestrator.Message) error {
	return s.Store.AppendAudit(label(ctx, "append audit"), prev, entries, messages)
}
