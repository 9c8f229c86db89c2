// Package store keeps requests in PostgreSQL or SQLite: the [orchestrator.Store] that ships.
//
// [Open] takes a URL, brings the tables up to date (embedded migrations, guarded against two hosts that
// migrate at once), and returns a [Store]. Every change of a request is one transaction. Times come from
// the database's clock. On PostgreSQL any number of hosts may use one database; SQLite is for one.
//
// The tables are meant to be read with SQL: requests, state_history, requirements, gates, approvals,
// escalations, step_executions, feasibility_reports, deliveries, timers, outbox, audit. The audit table
// refuses UPDATE and DELETE.
package store
