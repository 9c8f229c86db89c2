package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is the version of the entry format.
const Version = 1

// Type says what happened. The set is closed.
type Type string

// The types of entry.
const (
	RequestSubmitted Type = "request.submitted"
	RequestChanged   Type = "request.changed" // priority, due date, assignee, suspension, requirements
	StateChanged     Type = "state.changed"
	GateOpened       Type = "gate.opened"
	GateDecided      Type = "gate.decided"
	GateTimedOut     Type = "gate.timed_out"
	GateEscalated    Type = "gate.escalated"
	GateDelegated    Type = "gate.delegated"
	GateReminded     Type = "gate.reminded"
	GateClosed       Type = "gate.closed" // without a decision
	StepStarted      Type = "step.started"
	StepSucceeded    Type = "step.succeeded"
	StepFailed       Type = "step.failed"
	StepTakenOver    Type = "step.taken_over"
	FHIRRead         Type = "fhir.read"
	FHIRSearch       Type = "fhir.search"
	FHIRExport       Type = "fhir.export"
	ViewRun          Type = "view.run"
	DatasetProduced  Type = "dataset.produced"
	DatasetDisclosed Type = "dataset.disclosed"
	AccessDenied     Type = "access.denied"
	ConfigChanged    Type = "config.changed"
	AuditExported    Type = "audit.exported"
	AuditVerified    Type = "audit.verified"
	AuditPruned      Type = "audit.pruned"
)

var types = map[Type]bool{
	RequestSubmitted: true, RequestChanged: true, StateChanged: true, GateOpened: true, GateDecided: true,
	GateTimedOut: true, GateEscalated: true, GateDelegated: true, GateReminded: true, GateClosed: true, StepStarted: true,
	StepSucceeded: true, StepFailed: true, StepTakenOver: true, FHIRRead: true, FHIRSearch: true,
	FHIRExport: true, ViewRun: true, DatasetProduced: true, DatasetDisclosed: true, AccessDenied: true,
	ConfigChanged: true, AuditExported: true, AuditVerified: true, AuditPruned: true,
}

// Action is FHIR's AuditEvent.action.
type Action string

// The actions: create, read, update, delete, execute.
const (
	Create  Action = "C"
	Read    Action = "R"
	Update  Action = "U"
	Delete  Action = "D"
	Execute Action = "E"
)

// Outcome is FHIR R4's AuditEvent.outcome.
type Outcome int

// The outcomes.
const (
	Success Outcome = 0
	Minor   Outcome = 4
	Serious Outcome = 8
	Major   Outcome = 12
)

// SystemChain is the chain of entries that belong to no request.
const SystemChain = "system"

// Entry is one audit entry. It holds opaque ids, enumerations, counts and hashes, never a value from a patient's data.
// Times are UTC, truncated to microseconds.
type Entry struct {
	// Identity. Version, Seq, ID, Prev are filled in by [Head.Seal].
	Version int    `json:"version"`
	Tenant  string `json:"tenant,omitempty"`
	// Chain is the request's id, or [SystemChain].
	Chain string `json:"chain"`
	// Seq counts from 1 in the chain, without gaps.
	Seq int64 `json:"seq"`
	// ID is a UUIDv7.
	ID string `json:"id"`
	// Prev is the hash of the previous entry, "" for the first.
	Prev string `json:"prev,omitempty"`

	// Recorded is the time on the database's clock. Occurred is when it happened, if that differs.
	Recorded time.Time `json:"recorded"`
	Occurred time.Time `json:"occurred,omitzero"`

	Type   Type   `json:"type"`
	Action Action `json:"action"`

	Who     Who      `json:"who"`
	Where   Where    `json:"where,omitzero"`
	Why     Why      `json:"why,omitzero"`
	Outcome Outcome  `json:"outcome"`
	Error   string   `json:"error,omitempty"` // an error class
	Change  *Change  `json:"change,omitempty"`
	Gate    *Gate    `json:"gate,omitempty"`
	Step    *Step    `json:"step,omitempty"`
	Entity  []Entity `json:"entities,omitempty"`
	Patient *Patient `json:"patients,omitempty"`
	Query   []Param  `json:"query,omitempty"`
	Sign    *Sign    `json:"signature,omitempty"`
}

// Who is the user, the role that allowed the action, and the programs and hosts involved.
type Who struct {
	System     string `json:"system,omitempty"` // namespace of User
	User       string `json:"user,omitempty"`   // opaque id; "" means the library
	Role       string `json:"role,omitempty"`
	OnBehalfOf string `json:"onBehalfOf,omitempty"` // opaque id of the principal
	Client     string `json:"client,omitempty"`
	Instance   string `json:"instance,omitempty"` // the host's instance
	Address    string `json:"address,omitempty"`
}

// Where is the FHIR server and the trace.
type Where struct {
	FHIRBase  string `json:"fhirBase,omitempty"`
	RequestID string `json:"requestId,omitempty"` // of the HTTP request
	TraceID   string `json:"traceId,omitempty"`
}

// Why is the purpose of use, the protocol, and the gate that allowed it.
type Why struct {
	Purpose  string `json:"purpose,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Gate     string `json:"gate,omitempty"`
}

// Change is a change of state.
type Change struct {
	Seq   int64  `json:"seq"` // of the history row
	From  string `json:"from,omitempty"`
	To    string `json:"to"`
	Event string `json:"event"`
}

// Gate is what happened at a gate.
type Gate struct {
	ID      string   `json:"id"`
	State   string   `json:"state"`
	Verdict string   `json:"verdict,omitempty"`
	Status  string   `json:"status,omitempty"`
	Level   int      `json:"level,omitempty"` // of escalation
	Roles   []string `json:"roles,omitempty"`
	To      string   `json:"to,omitempty"` // opaque id of a delegate
	Reason  string   `json:"reason,omitempty"`
}

// Step is what happened to a step.
type Step struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Attempt int    `json:"attempt"`
	Token   int64  `json:"token"`
	Event   string `json:"event,omitempty"`
	Micros  int64  `json:"micros,omitempty"` // duration in microseconds
}

// Entity is a thing that was read or changed.
type Entity struct {
	Kind    string `json:"kind"`                // for example requirements, view, file, field
	Ref     string `json:"reference,omitempty"` // its name, never a patient's
	Version int    `json:"version,omitempty"`
	Before  string `json:"before,omitempty"` // SHA-256, hex
	After   string `json:"after,omitempty"`
	Count   int64  `json:"count,omitempty"`
}

// Patient identifies patients by HMACs of their references with the tenant's key.
type Patient struct {
	// HMAC is that of one patient's reference. A set of patients has Count and SetHash, a hash of the sorted HMACs.
	HMAC    string `json:"hmac,omitempty"`
	Count   int64  `json:"count,omitempty"`
	SetHash string `json:"setHash,omitempty"`
}

// Param is a query parameter: its name, and an HMAC of its value if that identifies somebody.
type Param struct {
	Name string `json:"name"`
	HMAC string `json:"hmac,omitempty"`
}

// Sign is the signature on a gate's decision (21 CFR 11.50).
type Sign struct {
	Name    string    `json:"name"`
	Time    time.Time `json:"time"`
	Meaning string    `json:"meaning"`
	Shown   string    `json:"shown"` // SHA-256 of exactly what was shown
}

// Validate refuses an entry outside the closed enumerations.
func (e *Entry) Validate() error {
	switch {
	case !types[e.Type]:
		return errors.New("audit: entry: the type is unknown")
	case e.Chain == "":
		return errors.New("audit: entry: the chain is missing")
	case e.Recorded.IsZero():
		return errors.New("audit: entry: the time is missing")
	}
	switch e.Action {
	case Create, Read, Update, Delete, Execute:
	default:
		return errors.New("audit: entry: the action is not C, R, U, D or E")
	}
	switch e.Outcome {
	case Success, Minor, Serious, Major:
	default:
		return errors.New("audit: entry: the outcome is not 0, 4, 8 or 12")
	}
	return nil
}

// Sealed is an entry of a chain as it is stored.
type Sealed struct {
	Chain    string    `json:"chain"`
	Seq      int64     `json:"seq"`
	ID       string    `json:"id"`
	Type     Type      `json:"type"`
	Recorded time.Time `json:"recorded"`
	Prev     string    `json:"prev"`
	Hash     string    `json:"hash"` // hex
	// Body is the canonical JSON of the [Entry].
	Body []byte `json:"body"`
}

// Entry decodes the body.
func (s *Sealed) Entry() (Entry, error) {
	var e Entry
	if err := json.Unmarshal(s.Body, &e); err != nil {
		return Entry{}, fmt.Errorf("audit: %s entry %d: body is not an entry", s.Chain, s.Seq)
	}
	return e, nil
}

// Head is the end of a chain: the number and hash of its last entry. The zero value is that of an empty chain.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Seal adds an entry to the chain and returns it as it must be stored, with the new head. It fails when the entry is
// invalid.
func (h Head) Seal(e Entry) (Sealed, Head, error) {
	e.Version, e.Seq, e.Prev = Version, h.Seq+1, h.Hash
	if e.ID == "" {
		e.ID = NewID(e.Recorded)
	}
	e.Recorded = e.Recorded.UTC().Truncate(time.Microsecond)
	if !e.Occurred.IsZero() {
		e.Occurred = e.Occurred.UTC().Truncate(time.Microsecond)
	}
	if e.Sign != nil {
		sign := *e.Sign
		sign.Time = sign.Time.UTC().Truncate(time.Microsecond)
		e.Sign = &sign
	}
	if err := e.Validate(); err != nil {
		return Sealed{}, h, err
	}
	body, err := encodeEntry(&e)
	if err != nil {
		return Sealed{}, h, fmt.Errorf("audit: entry: %w", err)
	}
	s := Sealed{
		Chain: e.Chain, Seq: e.Seq, ID: e.ID, Type: e.Type, Recorded: e.Recorded, Prev: e.Prev,
		Hash: Hash(body), Body: body,
	}
	return s, Head{Seq: s.Seq, Hash: s.Hash}, nil
}

// domain separates these hashes from other uses of SHA-256.
const domain = "researchflow audit entry v1\n"

// Hash returns the hash of an entry's canonical JSON, in hex.
func Hash(body []byte) string {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// NewID returns a UUIDv7 (RFC 9562) of a time; its other bits are random.
func NewID(at time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails (crypto/rand)
	ms := uint64(max(at.UnixMilli(), 0))
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	text[8] = '-'
	hex.Encode(text[9:13], b[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], b[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], b[8:10])
	text[23] = '-'
	hex.Encode(text[24:], b[10:])
	return string(text[:])
}
