package orchestrator_test

import (
	"errors"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/store/storetest"
)

// TestSubmitAgainFromElsewhere: where a person comes from is not what they ask for.
func TestSubmitAgainFromElsewhere(t *testing.T) {
	t.Parallel()
	o := newOrchestrator(t, openStore(t))
	n := storetest.Sample("again")
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
