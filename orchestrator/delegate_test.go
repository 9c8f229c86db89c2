package orchestrator_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
)

// TestDelegateIsTold: a delegation is news for the delegate.
func TestDelegateIsTold(t *testing.T) {
	t.Parallel()
	s := &watched{Store: openStore(t)}
	o := newOrchestrator(t, s, orchestrator.WithDefinition(oneGate(t, "told")), orchestrator.WithNotifier(orchestrator.NotifierFunc(
		func(context.Context, orchestrator.Notification) error { return nil })))
	id, err := o.Submit(t.Context(), lifetest.Sample("told"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	err = o.Delegate(t.Context(), orchestrator.Delegation{
		Gate: r.Gate.ID, From: orchestrator.Actor{ID: "lead", Roles: []string{"reviewer"}}, To: orchestrator.Actor{ID: "deputy"}, Reason: "away",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.commits {
		for _, m := range c.Messages {
			var n orchestrator.Notification
			if err := json.Unmarshal(m.Payload, &n); err != nil {
				t.Fatal(err)
			}
			got = append(got, string(n.Kind)+" to "+n.To)
		}
	}
	if diff := cmp.Diff([]string{"gate.opened to ", "gate.delegated to deputy"}, got); diff != "" {
		t.Error(diff)
	}
}
