package orchestrator_test

import (
	"context"
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store/storetest"
)

// oneGate is a definition with one gate and nothing else.
func oneGate(t *testing.T, name string) *orchestrator.Definition {
	t.Helper()
	b := orchestrator.Define(name, "review")
	b.Gate("review", orchestrator.GateRule{Roles: []string{"reviewer"}}).On(orchestrator.EventApprove, "end").
		On(orchestrator.EventReject, "end").On(orchestrator.EventModify, "end")
	b.Terminal("end")
	b.Anywhere(orchestrator.EventWithdraw, "end")
	d, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestParkedTimersAreLeftAlone: a whole batch of due timers that this host can do nothing with is not tried again at once,
// and what was parked is not parked any more once another host has moved it.
func TestParkedTimersAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	knows := newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "known")))
	n := storetest.Sample("due")
	n.Due = time.Now().Add(-time.Hour)
	id := ""
	for range 100 {
		var err error
		if id, err = knows.Submit(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	o := newOrchestrator(t, &watched{Store: s, lost: true}, orchestrator.WithDefinition(oneGate(t, "another")))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Drain(ctx); err != nil {
		t.Fatalf("Drain: %v", err)
	}
	if r, err := knows.Status(t.Context(), id); err != nil || r.Parked == "" {
		t.Fatalf("got parked %q, %v; want why", r.Parked, err)
	}
	if err := knows.Withdraw(t.Context(), id, n.Researcher.Actor(), "it takes too long"); err != nil {
		t.Fatal(err)
	}
	if r, err := knows.Status(t.Context(), id); err != nil || r.Parked != "" {
		t.Errorf("after Withdraw: parked %q, %v; want not parked", r.Parked, err)
	}
}
