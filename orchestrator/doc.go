// Package orchestrator keeps clinical data requests going: durable states, steps, gates where people decide, timers,
// and an audit trail that is written with every change.
//
// A request moves through a workflow ([workflow.Definition]) by transitions. Each change is one database transaction:
// the request's row, its history, the audit entries, timers, the next step, and messages. Either all are written or
// none is.
//
// # What a host calls
//
//   - Set up: [New] with a [Store], a [StepHandler] per step ([WithStep]) and other options; [Orchestrator.Start] and
//     [Orchestrator.Stop], or [Orchestrator.Drain] where no goroutines are wanted. Several hosts share one database
//     without a leader: steps are claimed with a lease and a fencing token on the database's clock, and another host
//     takes over what a dead one had started.
//   - Submit: [Orchestrator.Submit] takes a [NewRequest] ([ParseNewRequest] reads one) and returns the request's id.
//   - Wait: [Orchestrator.Watch] yields a request's changes as they come; [WithOnStateChange] calls a function.
//   - Decide: [Orchestrator.Inbox] says what waits for a person's roles, [Orchestrator.Decide] records a [Decision],
//     [Orchestrator.Delegate] lets somebody else decide. A gate that nobody decides escalates; it never approves.
//   - Look: [Orchestrator.Status] for one request, [Orchestrator.Requests] and [Orchestrator.Page] for many;
//     [Orchestrator.History] and its neighbours for what happened; [Orchestrator.Counts], [Orchestrator.Durations]
//     and [Orchestrator.Backlog] for figures; [Orchestrator.AuditEntries] and [Orchestrator.VerifyAudit] for the
//     audit trail.
//   - Intervene: [Orchestrator.RequestScopeChange], [Orchestrator.Withdraw], [Orchestrator.Suspend],
//     [Orchestrator.Resume], [Orchestrator.Retry], [Orchestrator.Reassign], [Orchestrator.SetPriority],
//     [Orchestrator.SetDue].
//
// # Who may do what
//
// A host authenticates people and passes them as [Actor]; the [Authorizer] says which role lets an actor act. At a
// gate those with one of its roles may decide, but neither the submitter, nor the researcher, nor whoever proposed the
// scope change (four eyes). The submitter, the researcher, the assignee and administrators may change the scope or the
// due date, and withdraw; the assignee and administrators may suspend, resume, reassign and set the priority; those
// who may decide at the open gate and administrators (without a gate: the assignee and administrators) may retry. A
// refusal is a [*DeniedError] and an audit entry.
//
// # What a step author reads
//
// [StepHandler], [StepContext], [OutputOf] and [StepResult]. Package steps has handlers for the default workflow.
//
// # What a store author reads
//
// [Store], [Snapshot] and [Waker] (store.go), [Commit] (store_commit.go), claims, leases, timers and messages
// (store_claims.go), and [Query] (query.go). Package store implements it for PostgreSQL and SQLite; package
// store/storetest has the tests that every store must pass.
package orchestrator
