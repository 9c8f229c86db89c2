package storetest

import (
	"testing"
	"time"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Factory makes an empty database that lasts until the test ends, and returns a function that opens a store on it.
// The function may be called several times: the stores then work on the same database, as those of several hosts do.
// The factory closes what it opened, for example with tb.Cleanup.
type Factory func(tb testing.TB) (open func() orchestrator.Store)

// longWait is a generous timeout for something that takes no time on an idle machine.
const longWait = time.Minute

// Run tests the contract of [orchestrator.Store], method by method. Each part has a database of its own.
func Run(t *testing.T, database Factory) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, open func() orchestrator.Store, s orchestrator.Store)
	}{
		{"a life leaves every row", wholeLife},
		{"commits compare and set", compareAndSet},
		{"submit is idempotent", idempotentSubmit},
		{"nothing of a failed commit stays", rollback},
		{"a request that is not there cannot be changed", changeNothing},
		{"committed or not is told when it is over", committedWaits},
		{"claims exclude each other", claims},
		{"priorities order claims", priorities},
		{"leases are renewed and released", leases},
		{"messages come in order, at least once", messages},
		{"claims of messages exclude each other", messageClaims},
		{"what is there cannot be submitted", duplicates},
		{"timers of parked requests are not due", parkedTimers},
		{"queries", queries},
		{"text", textQueries},
		{"pages", pages},
		{"durations and counts", durations},
		{"definitions", definitions},
		{"the audit trail of the host", systemChain},
		{"the audit trail of the host comes to the sink", systemMessages},
		{"suspend, resume, withdraw", restAndWithdraw},
		{"scope changes and modified requirements", scope},
		{"several approvers", quorum},
		{"unknown things are not found", notFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := database(t)
			tt.test(t, open, open())
		})
	}
}

func checkRequest(t testing.TB, s orchestrator.Store, def *workflow.Definition, id string) {
	t.Helper()
	if err := Check(t.Context(), s, def, id); err != nil {
		t.Error(err)
	}
}
