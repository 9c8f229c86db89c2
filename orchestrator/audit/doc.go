// Package audit is the tamper-evident audit trail: who did what, to which data, when, from where, why,
// and with what outcome.
//
// An [Entry] is canonical JSON (RFC 8785) with closed enumerations and no patient's data. The entries of one request
// form a chain: each contains the hash of the previous one (SHA-256 over a domain prefix and the canonical JSON). The
// orchestrator commits an entry in the transaction of the change that it describes. [Verify] names the first entry at
// which a chain is broken.
package audit
