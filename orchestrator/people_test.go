package orchestrator_test

import (
	"errors"
	"testing"

	"github.com/researchflow/researchflow/internal/lifetest"
	"github.com/researchflow/researchflow/orchestrator"
)

// TestSubmitAgainFromElsewhere: where a person comes from is not what they ask for.
func TestSubmitAgainFromElsewhere(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t))
	n := lifetest.Sample("again")
	n.IdempotencyKey = "key-1"
	n.SubmittedBy = orchestrator.Actor{ID: "sub", Address: "192.0.2.1:50000", Client: "portal/1"}
	id, err := o.Submit(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	n.SubmittedBy.Address, n.SubmittedBy.Client = "192.0.2.1:50001", "portal/2"
	if again, err := o.Submit(t.Context(), n); again != id || err != nil {
		t.Errorf("from another address: got %q, %v; want %q", again, err, id)
	}
	n.SubmittedBy.ID = "somebody-else"
	if _, err := o.Submit(t.Context(), n); !errors.Is(err, orchestrator.ErrIdempotencyKey) {
		t.Errorf("by somebody else: got %v, want ErrIdempotencyKey", err)
	}
}

// TestResearcherNeverDecides: a researcher has no namespace; whoever carries the id may not decide, in whichever one
// the host keeps its people.
func TestResearcherNeverDecides(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t), orchestrator.WithDefinition(oneGate(t, "eyes")))
	n := lifetest.Sample("eyes")
	n.Researcher.ID, n.SubmittedBy = "u-1", orchestrator.Actor{System: "https://idp.example.org", ID: "u-2"}
	id, err := o.Submit(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		by   orchestrator.Actor
		want string // the rule that denies; "" none
	}{
		{orchestrator.Actor{System: "https://idp.example.org", ID: "u-1", Roles: []string{"reviewer"}}, "four-eyes"},
		{orchestrator.Actor{ID: "u-1", Roles: []string{"reviewer"}}, "four-eyes"},
		{orchestrator.Actor{System: "https://idp.example.org", ID: "u-3", Roles: []string{"reviewer"}}, ""},
	} {
		err := o.Decide(t.Context(), orchestrator.Decision{Gate: r.Gate.ID, By: tt.by, Verdict: orchestrator.Approve})
		got := ""
		var denied *orchestrator.DeniedError
		if errors.As(err, &denied) {
			got = denied.Rule
		} else if err != nil {
			t.Errorf("%s: %v", tt.by.ID, err)
		}
		if got != tt.want {
			t.Errorf("%s|%s: denied by %q, want %q", tt.by.System, tt.by.ID, got, tt.want)
		}
	}
}
