// Package orchestrator keeps clinical data requests on their way: durable states, steps, gates where
// people decide, timers, and an audit trail that is written with every change.
//
// A [workflow.Definition] is a workflow as data. A request moves through it by transitions, each a pure function
// of state and event, and each committed in one database transaction: the request's row, its history,
// the audit entries, timers, the next step, and messages. Either all are there or none is.
//
// Steps are work that hosts do: [StepHandler]s registered with [WithStep]. They are claimed with a lease
// and a fencing token on the database's clock, so that several hosts share one database without a leader;
// what a dead host had begun is taken over by another.
//
// Gates are where people decide: [Orchestrator.Decide]. A gate that nobody decides escalates; it never approves.
//
// The package needs a [Store]: package store has it for PostgreSQL and SQLite, and store/storetest has the
// suite that any other must pass.
package orchestrator
