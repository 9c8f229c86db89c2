package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func wholeLife(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	n := lifetest.Sample("a whole life")
	n.Due = time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	n.Researcher.ID = "u-17"
	id, err := lifetest.Live(t.Context(), o, n)
	if err != nil {
		t.Fatal(err)
	}
	checkRequest(t, s, workflow.Default(), id)
	r := lifetest.Status(t, o, id)
	if diff := cmp.Diff(n.Researcher, r.Researcher); diff != "" {
		t.Errorf("researcher: %s", diff)
	}
	if !r.Due.Equal(n.Due) || r.Outcome != workflow.StateComplete || r.Purpose != orchestrator.PurposeResearch {
		t.Errorf("due %v outcome %q purpose %q", r.Due, r.Outcome, r.Purpose)
	}
	want := n.Requirements
	want.Format, want.PHILevel = orchestrator.CSV, orchestrator.DeIdentified
	if diff := cmp.Diff(want, r.Requirements); diff != "" {
		t.Errorf("requirements: %s", diff)
	}
	outputs, err := s.Outputs(t.Context(), id)
	if err != nil || len(outputs) != len(lifetest.Outcomes()) || !strings.Contains(string(outputs[workflow.StepQA]), workflow.StepQA) {
		t.Errorf("outputs: %v, %v", outputs, err)
	}
	gates, err := s.Gates(t.Context(), id)
	if err != nil || len(gates) != 4 {
		t.Fatalf("gates: %d, %v; want 4", len(gates), err)
	}
	if a := gates[0].Approvals[0]; a.By.Name != lifetest.Reviewer().Name || a.Meaning != "approval" || len(a.Shown) != 64 || a.Role != workflow.RoleInformatician {
		t.Errorf("approval: %+v", a)
	}
	reports, err := s.FeasibilityReports(t.Context(), id)
	if err != nil || len(reports) != 1 || reports[0].Cohort != 40 || reports[0].Elements[0].Availability != 0.95 {
		t.Errorf("feasibility: %+v, %v", reports, err)
	}
	deliveries, err := s.Deliveries(t.Context(), id)
	if err != nil || len(deliveries) != 1 || deliveries[0].Files[0].Rows != 400 {
		t.Errorf("deliveries: %+v, %v", deliveries, err)
	}
}

// compareAndSet changes one request from many goroutines at once.
func compareAndSet(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	const writers, each = 8, 10
	first := lifetest.New(t, s)
	id := lifetest.Submit(t, first, "busy")
	hosts := []*orchestrator.Orchestrator{first, lifetest.New(t, open())}
	var wg sync.WaitGroup
	var failed atomic.Int64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := hosts[w%2].Record(t.Context(), audit.Entry{
					Chain: id, Type: audit.ViewRun, Action: audit.Read,
					Entity: []audit.Entity{{Kind: "view", Ref: fmt.Sprintf("w%d", w), Count: int64(i)}},
				}); err != nil {
					failed.Add(1)
					t.Log(err)
				}
			}
		})
	}
	wg.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d changes failed", failed.Load())
	}
	if r := lifetest.Status(t, first, id); r.Version != 1+writers*each {
		t.Errorf("version: got %d, want %d", r.Version, 1+writers*each)
	}
	checkRequest(t, s, workflow.Default(), id)
}

func idempotentSubmit(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	n := lifetest.Sample("once")
	n.IdempotencyKey = "key"
	other := open()
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		o := lifetest.New(t, []orchestrator.Store{s, other}[i%2])
		wg.Go(func() {
			var err error
			if ids[i], err = o.Submit(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if slices.ContainsFunc(ids, func(id string) bool { return id != ids[0] }) {
		t.Errorf("ids: %v, want the same", ids)
	}
	n.Title = "twice"
	if _, err := lifetest.New(t, s).Submit(t.Context(), n); !errors.Is(err, orchestrator.ErrIdempotencyKey) {
		t.Errorf("other content: got %v, want ErrIdempotencyKey", err)
	}
}

func rollback(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s, lifetest.Steps(nil)...)
	id := lifetest.Submit(t, o, "rolled back")
	snap, err := s.Snapshot(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	draft := func() *orchestrator.Commit {
		r := snap.Request
		r.Version++
		r.Assignee = "nobody must see this"
		sealed, head, err := snap.Audit.Seal(audit.Entry{Chain: id, Type: audit.RequestChanged, Action: audit.Update, Recorded: snap.Now})
		if err != nil {
			t.Fatal(err)
		}
		return &orchestrator.Commit{ID: sealed.ID, Expect: snap.Request.Version, Request: &r, Head: head, Audit: []audit.Sealed{sealed}}
	}
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		change func(c *orchestrator.Commit)
		want   error
	}{
		{"another version", func(c *orchestrator.Commit) { c.Expect += 5 }, orchestrator.ErrConflict},
		{"a lost lease", func(c *orchestrator.Commit) {
			c.End = []orchestrator.ExecutionEnd{{ID: snap.Request.Step.ID, Token: 7, Status: orchestrator.StepSucceeded, At: snap.Now}}
		}, orchestrator.ErrFenced},
		{"a step begun with an old token", func(c *orchestrator.Commit) {
			c.Start = &orchestrator.ExecutionStart{ID: snap.Request.Step.ID, Token: 7, StartedAt: snap.Now}
		}, orchestrator.ErrFenced},
		{"a fence that is gone", func(c *orchestrator.Commit) {
			c.Fence = &orchestrator.Lease{Execution: snap.Request.Step.ID, Token: 7}
		}, orchestrator.ErrFenced},
		{"an execution that is not there", func(c *orchestrator.Commit) {
			c.End = []orchestrator.ExecutionEnd{{ID: "none", Status: orchestrator.StepCancelled, At: snap.Now}}
		}, orchestrator.ErrConflict},
		{"a timer that has fired", func(c *orchestrator.Commit) { c.FireTimer = "none" }, orchestrator.ErrConflict},
		{"a history row that is there", func(c *orchestrator.Commit) {
			c.History = []orchestrator.StateChange{{Request: id, Seq: 1, To: "x", At: snap.Now, Commit: c.ID}}
		}, orchestrator.ErrConflict},
		{"an effect that fails", func(c *orchestrator.Commit) {
			c.Effects = append(c.Effects, func(context.Context, orchestrator.Tx) error { return broken })
		}, broken},
	} {
		c := draft()
		tt.change(c)
		if err := s.Commit(t.Context(), c); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if ok, err := s.Committed(t.Context(), c.ID); ok || err != nil {
			t.Errorf("%s: Committed: %v, %v", tt.name, ok, err)
		}
		if r := lifetest.Status(t, o, id); r.Assignee != "" || r.Version != snap.Request.Version {
			t.Errorf("%s: the request was changed", tt.name)
		}
		checkRequest(t, s, workflow.Default(), id)
	}
	c := draft()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Committed(t.Context(), c.ID); !ok || err != nil {
		t.Errorf("Committed: %v, %v; want true", ok, err)
	}
}

func claim(t *testing.T, s orchestrator.Store, owner string, n int, lease time.Duration) []orchestrator.Execution {
	t.Helper()
	got, err := s.ClaimSteps(t.Context(), orchestrator.StepClaim{Owner: owner, Lease: lease, Steps: map[string]int{workflow.StepRequirements: n}})
	if err != nil {
		t.Error(err)
	}
	return got
}

func claims(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	const requests = 30
	o := lifetest.New(t, s)
	for i := range requests {
		lifetest.Submit(t, o, fmt.Sprint("claim ", i))
	}
	if got, err := s.ClaimSteps(t.Context(), orchestrator.StepClaim{Owner: "a", Lease: time.Minute, Steps: map[string]int{"other": 5}}); err != nil || len(got) != 0 {
		t.Errorf("another step's claim: %d, %v; want none", len(got), err)
	}
	claimTogether(t, []orchestrator.Store{s, open(), open()}, requests, func(s orchestrator.Store, owner string) []string {
		var ids []string
		for _, e := range claim(t, s, owner, 3, time.Minute) {
			ids = append(ids, e.ID)
		}
		if len(ids) > 3 {
			t.Errorf("%d claimed, want at most 3", len(ids))
		}
		return ids
	})
}

// claimTogether claims from several stores at once, and checks that each of n things was claimed once. claim returns
// ids.
func claimTogether(t *testing.T, stores []orchestrator.Store, n int, claim func(s orchestrator.Store, owner string) []string) {
	t.Helper()
	var mu sync.Mutex
	claimed := map[string]int{}
	var hosts sync.WaitGroup
	for i, s := range stores {
		hosts.Go(func() {
			for range n {
				ids := claim(s, fmt.Sprint("host ", i))
				mu.Lock()
				for _, id := range ids {
					claimed[id]++
				}
				mu.Unlock()
			}
		})
	}
	hosts.Wait()
	if len(claimed) != n {
		t.Errorf("%d claimed, want %d", len(claimed), n)
	}
	for id, times := range claimed {
		if times != 1 {
			t.Errorf("%s was claimed %d times", id, times)
		}
	}
}

func priorities(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s)
	boss := orchestrator.Actor{ID: "b", Roles: []string{workflow.RoleAdministrator}}
	var ids []string
	for _, p := range []orchestrator.Priority{orchestrator.Routine, orchestrator.Stat, orchestrator.Urgent, orchestrator.Routine} {
		n := lifetest.Sample(p.String())
		n.Priority = p
		id, err := o.Submit(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := o.SetPriority(t.Context(), ids[3], orchestrator.ASAP, boss, "the grant ends"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range ids {
		for _, e := range claim(t, s, "a", 1, time.Minute) {
			got = append(got, e.Request)
		}
	}
	if diff := cmp.Diff([]string{ids[1], ids[3], ids[2], ids[0]}, got); diff != "" {
		t.Error(diff)
	}
}

func leases(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s)
	id := lifetest.Submit(t, o, "lease")
	const short = 50 * time.Millisecond
	e := claim(t, s, "a", 1, short)[0]
	lease := orchestrator.Lease{Execution: e.ID, Owner: "a", Token: e.Token, For: time.Minute}
	p := orchestrator.Progress{Done: 3, Total: 7, Note: "third of seven"}
	if err := s.RenewLease(t.Context(), lease, &p); err != nil {
		t.Fatal(err)
	}
	lifetest.Pause(t.Context(), 2*short)
	if got := claim(t, s, "b", 1, short); len(got) != 0 {
		t.Errorf("a renewed lease was taken over")
	}
	if got := lifetest.Status(t, o, id).Step.Progress; got != p {
		t.Errorf("progress: got %+v, want %+v", got, p)
	}
	if err := s.ReleaseLease(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	taken := claim(t, s, "b", 1, short)
	if len(taken) != 1 || taken[0].Token <= e.Token {
		t.Fatalf("after the release: %+v, want a higher token than %d", taken, e.Token)
	}
	if err := s.RenewLease(t.Context(), lease, nil); !errors.Is(err, orchestrator.ErrFenced) {
		t.Errorf("renewing a lost lease: got %v, want ErrFenced", err)
	}
	if err := s.ReleaseLease(t.Context(), lease); err != nil {
		t.Errorf("releasing a lost lease: %v", err)
	}
	lifetest.Pause(t.Context(), 2*short)
	if got := claim(t, s, "c", 1, time.Minute); len(got) != 1 || got[0].Token <= taken[0].Token {
		t.Errorf("after its end: %+v", got)
	}
}

func messages(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	var mu sync.Mutex
	var got []int64
	failures := 0
	sink := audit.SinkFunc(func(_ context.Context, e audit.Sealed) error {
		mu.Lock()
		defer mu.Unlock()
		if e.Seq == 2 && failures == 0 {
			failures++
			return errors.New("sink is away")
		}
		got = append(got, e.Seq)
		return nil
	})
	o := lifetest.New(t, s, orchestrator.WithAuditSink(sink), orchestrator.WithLease(200*time.Millisecond))
	id := lifetest.Submit(t, o, "messages")
	if err := lifetest.EmptyOutbox(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	head, _, err := s.AuditHead(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var want []int64
	for i := range head.Seq {
		want = append(want, i+1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of delivery: %s", diff)
	}
	if failures != 1 {
		t.Errorf("failures: got %d, want 1", failures)
	}
}

func notFound(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	o := lifetest.New(t, s)
	ctx := t.Context()
	_, err1 := o.Status(ctx, "REQ-20200101-00000000")
	_, err2 := o.History(ctx, "REQ-20200101-00000000")
	_, err3 := s.RequestByKey(ctx, "none")
	_, err4 := s.Definition(ctx, "none")
	err5 := o.Decide(ctx, orchestrator.Decision{Gate: "none", By: lifetest.Reviewer(), Verdict: orchestrator.Approve})
	_, err6 := s.Digest(ctx, "none")
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, orchestrator.ErrNotFound) {
			t.Errorf("%d: got %v, want ErrNotFound", i+1, err)
		}
	}
}

func definitions(t *testing.T, _ func() orchestrator.Store, s orchestrator.Store) {
	for range 2 {
		if err := s.PutDefinition(t.Context(), "h", []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Definition(t.Context(), "h"); err != nil || string(got) != `{"a":1}` {
		t.Errorf("Definition: %s, %v", got, err)
	}
}

func systemChain(t *testing.T, open func() orchestrator.Store, s orchestrator.Store) {
	stores := []orchestrator.Store{s, open()}
	var wg sync.WaitGroup
	for i := range 8 {
		o := lifetest.New(t, stores[i%2])
		wg.Go(func() {
			for range 5 {
				if err := o.Record(t.Context(), audit.Entry{Type: audit.ConfigChanged, Action: audit.Update}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	o := lifetest.New(t, s)
	if head, err := o.VerifyAudit(t.Context(), audit.SystemChain); err != nil || head.Seq != 40 {
		t.Errorf("VerifyAudit: %+v, %v; want 40 entries", head, err)
	}
	id := lifetest.Submit(t, o, "chains")
	var chains []string
	for c, err := range s.AuditChains(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		chains = append(chains, c)
	}
	slices.Sort(chains)
	if diff := cmp.Diff([]string{id, audit.SystemChain}, chains); diff != "" {
		t.Error(diff)
	}
}
