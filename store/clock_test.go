package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/chaos"
	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/store"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestTwoDaysAtAGate is R7: for a scope change that nobody decides, a reminder comes after 24 h and escalations after
// 48, 96 and 144 h. It is never approved. In the bubble the hours take milliseconds.
func TestTwoDaysAtAGate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(dir, "rf.db"), store.WithClock(time.Now))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		begin := time.Now()
		type told struct {
			Kind  orchestrator.NotificationKind
			After time.Duration
		}
		var got []told
		o := lifetest.New(t, s, append(lifetest.Steps(nil), orchestrator.WithPoll(10*time.Minute),
			orchestrator.WithNotifier(orchestrator.NotifierFunc(func(_ context.Context, n orchestrator.Notification) error {
				got = append(got, told{n.Kind, n.At.Sub(begin)})
				return nil
			})))...)
		id, err := o.Submit(t.Context(), lifetest.Sample("two days"))
		if err != nil {
			t.Fatal(err)
		}
		err = o.RequestScopeChange(t.Context(), orchestrator.ScopeChange{
			Request: id, By: lifetest.Sample("").Researcher.Actor(), Reason: "more patients",
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(145 * time.Hour)
		synctest.Wait()
		if err := o.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range got { // to the host's poll interval
			got[i].After = got[i].After.Truncate(10 * time.Minute)
		}
		want := []told{
			{orchestrator.NotifyGateOpened, 0},
			{orchestrator.NotifyReminder, 24 * time.Hour},
			{orchestrator.NotifyEscalation, 48 * time.Hour},
			{orchestrator.NotifyEscalation, 96 * time.Hour},
			{orchestrator.NotifyEscalation, 144 * time.Hour},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		r, err := o.Status(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r.State != workflow.StateScopeChange || r.Gate.Escalations != 3 {
			t.Errorf("state %s, escalations %d; want scope_change, 3", r.State, r.Gate.Escalations)
		}
		if err := storetest.Check(t.Context(), s, workflow.Default(), id); err != nil {
			t.Error(err)
		}
		// The role that the gate was escalated to may decide now.
		err = o.Decide(t.Context(), orchestrator.Decision{
			Gate: r.Gate.ID, By: orchestrator.Actor{ID: "boss", Roles: []string{workflow.RoleAdministrator}}, Verdict: orchestrator.Reject, Reason: "no",
		})
		if err != nil {
			t.Error(err)
		}
	})
	report(t, "R7", "sqlite", "145 h at a gate (testing/synctest)", 4, 1)
}

// TestDeadlinesUseTheDatabaseClock is R8: the clock of the host is 26 years behind the database's (the one of a
// synctest bubble), and stands still while the host talks to the database. Timeouts of gates and leases still follow
// the database's clock.
func TestDeadlinesUseTheDatabaseClock(t *testing.T) {
	address := pool.URL(t)
	b := workflow.Define("clock", "work")
	b.Step("work", "do").On("done", "review").On(workflow.EventStepFailed, "end")
	b.Gate("review", workflow.GateRule{
		Roles: []string{"reviewer"}, Timeout: workflow.Duration(2 * time.Second), EscalateTo: []string{"boss"},
	}).On(workflow.EventApprove, "end").On(workflow.EventReject, "end").On(workflow.EventModify, "end")
	b.Terminal("end")
	def, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	here := openStore(t, address)
	now := lifetest.New(t, here, orchestrator.WithDefinition(def))
	synctest.Test(t, func(t *testing.T) {
		if year := time.Now().Year(); year != 2000 {
			t.Fatalf("the bubble's year is %d", year)
		}
		s, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		done := orchestrator.StepFunc(func(context.Context, *orchestrator.StepContext) (orchestrator.StepResult, error) {
			return orchestrator.StepResult{Event: "done"}, nil
		})
		past := lifetest.New(t, s, orchestrator.WithDefinition(def), orchestrator.WithStep("do", done))
		id, err := past.Submit(t.Context(), lifetest.Sample("clock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := past.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := now.Status(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r.State != "review" || r.SubmittedAt.Year() == 2000 || r.Gate.DueAt.Sub(r.Gate.OpenedAt) != 2*time.Second {
			t.Fatalf("state %s, submitted %v, gate %+v: not by the database's clock", r.State, r.SubmittedAt, r.Gate)
		}
		if err := past.Drain(t.Context()); err != nil { // at once: nothing is due
			t.Fatal(err)
		}
		// The database's clock goes on although the bubble's does not.
		if _, err := s.DB().ExecContext(t.Context(), "SELECT pg_sleep(2.05)"); err != nil {
			t.Fatal(err)
		}
		if err := past.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := s.Escalations(t.Context(), id)
		if err != nil || len(all) == 0 {
			t.Errorf("escalations after the time-out: %v, %v; want one or more", all, err)
		}
		for i, e := range all {
			if early := r.Gate.OpenedAt.Add(time.Duration(i+1) * 2 * time.Second).Sub(e.At); early > 0 {
				t.Errorf("escalation %d came %v early", i+1, early)
			}
		}
		if err := storetest.Check(t.Context(), s, def, id); err != nil {
			t.Error(err)
		}
		leaseByDatabase(t, s, here, past)
	})
	report(t, "R8", "postgres", "host's clock 26 years behind the database's", 3, 1)
	reports.Add(chaos.Report{Promise: "R8", Backend: "sqlite", What: "one machine: its clock is the database's", Result: "by design"})
}

// leaseByDatabase lets a host with a wrong clock hold a lease that a host with the right clock claims, and vice versa.
func leaseByDatabase(t *testing.T, past, now *store.Store, o *orchestrator.Orchestrator) {
	t.Helper()
	if _, err := o.Submit(t.Context(), lifetest.Sample("lease")); err != nil {
		t.Fatal(err)
	}
	claim := func(s *store.Store, owner string) []orchestrator.Execution {
		t.Helper()
		got, err := s.ClaimSteps(t.Context(), orchestrator.StepClaim{Owner: owner, Lease: time.Second, Steps: map[string]int{"do": 1}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var until time.Time
	for i, s := range []*store.Store{past, now, past} {
		held := claim(s, "holder")
		if len(held) != 1 {
			t.Fatalf("round %d: %d claimed, want 1", i+1, len(held))
		}
		until = held[0].LeaseUntil
		other := []*store.Store{now, past, now}[i]
		if stolen := claim(other, "thief"); len(stolen) > 0 {
			// It is, on a busy machine, if the lease has expired by the database's clock.
			if until.After(stolen[0].LeaseUntil.Add(-time.Second)) {
				t.Errorf("round %d: a lease that lasts was taken over", i+1)
			}
		}
		if _, err := past.DB().ExecContext(t.Context(), "SELECT pg_sleep(1.05)"); err != nil {
			t.Fatal(err)
		}
	}
}
