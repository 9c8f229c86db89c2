package orchestrator

import (
	"encoding/json"
	"time"

	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Actor is a person or service that does something. Hosts fill it from their own authentication; the library trusts
// it. The audit trail holds only System, ID, Client, Address and the role that allowed the action, and Name where a
// gate is decided.
type Actor struct {
	// System is the namespace of ID (an identity provider's URL); "" means the host's own.
	System string `json:"system,omitempty"`
	// ID is the opaque id of the person; two actors with the same System and ID are the same person.
	ID string `json:"id"`
	// Name is the printed name.
	Name string `json:"name,omitempty"`
	// Roles are what the host lets this person do; [RolesOfActor] checks gates against them.
	Roles []string `json:"roles,omitempty"`
	// Address is the network address the person came from; Client the program.
	Address string `json:"address,omitempty"`
	Client  string `json:"client,omitempty"`
}

// Same says whether two actors are the same person.
func (a Actor) Same(b Actor) bool { return a.ID == b.ID && a.System == b.System }

// Request is the state of a request as it is now.
type Request struct {
	ID          string     `json:"id"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Researcher  Researcher `json:"researcher"`
	Protocol    string     `json:"protocol"`
	Purpose     string     `json:"purpose"`
	Priority    Priority   `json:"priority"`
	Due         time.Time  `json:"due,omitzero"`
	SubmittedBy Actor      `json:"submittedBy"`
	// Assignee is the opaque id of the person who looks after the request; "" means nobody.
	Assignee string `json:"assignee,omitempty"`

	State string `json:"state"`
	// Visit is the Seq of the history row that entered State.
	Visit int64 `json:"visit"`
	// Version rises by one with every change; a commit compares and sets it.
	Version int64 `json:"version"`
	// Definition is the hash of the workflow definition the request is bound to.
	Definition string `json:"definition"`
	// Returns names, for each state with a transition to [workflow.Return], the state that the request came from.
	Returns map[string]string `json:"returns,omitempty"`

	Requirements        Requirements `json:"requirements"`
	RequirementsVersion int          `json:"requirementsVersion"`
	// Proposed is the scope change that waits for a decision, nil if none.
	Proposed *Proposal `json:"proposed,omitempty"`

	// Gate is the open gate, nil if none.
	Gate *Gate `json:"gate,omitempty"`
	// Step is the execution that waits or runs, nil if none.
	Step *Execution `json:"step,omitempty"`

	// Suspended is set while the request is suspended, nil otherwise.
	Suspended *Suspension `json:"suspended,omitempty"`
	// Parked says why hosts cannot continue the request, for example because its definition has no such state or step;
	// "" means that it is not parked.
	Parked string `json:"parked,omitempty"`
	// Outcome is "" while the request is live; afterwards it is the terminal state, or "withdrawn".
	Outcome string `json:"outcome,omitempty"`

	SubmittedAt time.Time `json:"submittedAt"`
	EnteredAt   time.Time `json:"enteredAt"` // when State was entered
	UpdatedAt   time.Time `json:"updatedAt"`
	ClosedAt    time.Time `json:"closedAt,omitzero"`
}

// Live says whether the request has not ended.
func (r *Request) Live() bool { return r.Outcome == "" }

// OutcomeWithdrawn is the Outcome of a withdrawn request.
const OutcomeWithdrawn = "withdrawn"

// Suspension says who suspended a request, and holds what [Orchestrator.Resume] needs.
type Suspension struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Timers are the open gate's timers, with their remaining time.
	Timers []SuspendedTimer `json:"timers,omitempty"`
}

// SuspendedTimer is a timer of a suspended request.
type SuspendedTimer struct {
	Kind TimerKind     `json:"kind"`
	Left time.Duration `json:"left"`
}

// StateChange is one row of a request's history: a state was entered.
type StateChange struct {
	Request string `json:"request"`
	// Seq counts the request's rows from 1, without gaps.
	Seq int64 `json:"seq"`
	// From is "" in the first row.
	From  string `json:"from,omitempty"`
	To    string `json:"to"`
	Event string `json:"event"`
	// By is the person who caused it; the zero value means the library.
	By     Actor     `json:"by,omitzero"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Commit is the id of the transaction that wrote the row.
	Commit string `json:"commit"`
}

// Path returns the moves of a request's history, for [workflow.Definition.Mermaid] and [workflow.Definition.DOT].
func Path(history []StateChange) []workflow.Move {
	moves := make([]workflow.Move, len(history))
	for i, h := range history {
		moves[i] = workflow.Move{From: h.From, Event: h.Event, To: h.To}
	}
	return moves
}

// InterventionKind says what a person did to a request besides deciding at its gates.
type InterventionKind string

// The kinds of intervention.
const (
	InterveneSuspend  InterventionKind = "suspend"
	InterveneResume   InterventionKind = "resume"
	InterveneRetry    InterventionKind = "retry" // of a step that waited for its next attempt; Value is the step
	InterveneReassign InterventionKind = "reassign"
	IntervenePriority InterventionKind = "priority"
	InterveneDue      InterventionKind = "due"
)

// Intervention is what a person did to a request without changing its state. Changes of state are in the history.
type Intervention struct {
	ID      string           `json:"id"`
	Request string           `json:"request"`
	Kind    InterventionKind `json:"kind"`
	By      Actor            `json:"by"`
	Reason  string           `json:"reason"`
	// Value is the new assignee, priority or due date (RFC 3339); "" means none.
	Value string    `json:"value,omitempty"`
	At    time.Time `json:"at"`
}

// Verdict is what a reviewer says at a gate.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve"
	Reject  Verdict = "reject"
	// Modify changes the requirements by a patch; the definition says where the request goes then.
	Modify Verdict = "modify"
)

// Decision is a reviewer's decision at an open gate.
type Decision struct {
	// Gate is the open gate's id ([Request].Gate.ID).
	Gate string `json:"gate"`
	// By is who decides.
	By Actor `json:"by"`
	// OnBehalfOf is the principal when By is a delegate (see [Orchestrator.Delegate]), nil otherwise.
	OnBehalfOf *Actor  `json:"onBehalfOf,omitempty"`
	Verdict    Verdict `json:"verdict"`
	// Reason is required for Reject and Modify.
	Reason string `json:"reason,omitempty"`
	// Patch is the JSON merge patch (RFC 7396) to the requirements; for Modify only.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Meaning is the meaning of the signature (21 CFR 11.50); "" means "approval", "rejection", "modification".
	Meaning string `json:"meaning,omitempty"`
	// Shown is the SHA-256 (hex) of exactly what the reviewer was shown; "" means that of the request's requirements
	// as canonical JSON.
	Shown string `json:"shown,omitempty"`
}

// GateStatus is the status of a gate.
type GateStatus string

// The gate statuses.
const (
	GateOpen     GateStatus = "open"
	GateApproved GateStatus = "approved"
	GateRejected GateStatus = "rejected"
	GateModified GateStatus = "modified"
	// GateClosed was closed without a decision: the request was withdrawn, its scope changed, or its step retried.
	GateClosed GateStatus = "closed"
)

// Gate is one opening of a gate: a request waits in a state for people's decisions.
type Gate struct {
	ID      string `json:"id"`
	Request string `json:"request"`
	State   string `json:"state"`
	// Visit is the Seq of the history row that opened it.
	Visit int64 `json:"visit"`
	// Roles may decide, each of them. After an escalation EscalateTo may decide, too.
	Roles      []string        `json:"roles"`
	EscalateTo []string        `json:"escalateTo,omitempty"`
	Quorum     workflow.Quorum `json:"quorum"`
	Status     GateStatus      `json:"status"`
	OpenedAt   time.Time       `json:"openedAt"`
	// DueAt is when it escalates next; zero means never.
	DueAt time.Time `json:"dueAt,omitzero"`
	// Escalations counts its escalations.
	Escalations int       `json:"escalations"`
	ClosedAt    time.Time `json:"closedAt,omitzero"`
	// RequirementsVersion is the version that the reviewers decide about.
	RequirementsVersion int `json:"requirementsVersion"`
	// Approvals are the decisions so far, first one first.
	Approvals []Approval `json:"approvals,omitempty"`
	// Delegations are who may decide for whom at this gate.
	Delegations []Delegation `json:"delegations,omitempty"`
}

// Approval is a recorded decision.
type Approval struct {
	ID         string    `json:"id"`
	Gate       string    `json:"gate"`
	Request    string    `json:"request"`
	By         Actor     `json:"by"`
	OnBehalfOf *Actor    `json:"onBehalfOf,omitempty"`
	Role       string    `json:"role"` // the role that allowed it
	Verdict    Verdict   `json:"verdict"`
	Reason     string    `json:"reason,omitempty"`
	At         time.Time `json:"at"`
	// FromVersion and ToVersion are the versions of the requirements before and after; equal unless modified.
	FromVersion int             `json:"fromVersion"`
	ToVersion   int             `json:"toVersion"`
	Patch       json.RawMessage `json:"patch,omitempty"`
	Meaning     string          `json:"meaning"`
	Shown       string          `json:"shown"`
	// Digest identifies the decision's content: a repeat has the same.
	Digest string `json:"digest"`
}

// Delegation lets somebody decide at one gate for a principal who has its role.
type Delegation struct {
	Gate   string    `json:"gate"`
	From   Actor     `json:"from"`
	To     Actor     `json:"to"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`
}

// Escalation is a recorded time-out of a gate.
type Escalation struct {
	ID      string    `json:"id"`
	Request string    `json:"request"`
	Gate    string    `json:"gate"`
	Level   int       `json:"level"` // 1 for the gate's first
	Roles   []string  `json:"roles"` // who was told
	At      time.Time `json:"at"`
}

// ScopeChange asks for a change of a live request's scope; see [Orchestrator.RequestScopeChange].
type ScopeChange struct {
	Request string `json:"request"`
	By      Actor  `json:"by"`
	Reason  string `json:"reason"`
	// Patch is a JSON merge patch (RFC 7396) to the requirements; nil when Reason describes the change in words only.
	Patch json.RawMessage `json:"patch,omitempty"`
}

// Proposal is a scope change that waits for a decision.
type Proposal struct {
	By     Actor     `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// State is the gate's state where it is decided.
	State string          `json:"state"`
	Patch json.RawMessage `json:"patch,omitempty"`
}

// RequirementsVersion is one version of a request's requirements.
type RequirementsVersion struct {
	Request      string       `json:"request"`
	Version      int          `json:"version"` // from 1
	Requirements Requirements `json:"requirements"`
	By           Actor        `json:"by"`
	Reason       string       `json:"reason,omitempty"`
	At           time.Time    `json:"at"`
}

// FeasibilityReport is what the feasibility step found. It is stored as a row of its own and never removed.
type FeasibilityReport struct {
	ID                  string                `json:"id"`
	Request             string                `json:"request"`
	RequirementsVersion int                   `json:"requirementsVersion"`
	Feasible            bool                  `json:"feasible"`
	Cohort              int                   `json:"cohort"`        // patients
	MinimumCohort       int                   `json:"minimumCohort"` // patients
	Elements            []ElementAvailability `json:"elements,omitempty"`
	Reasons             []string              `json:"reasons,omitempty"` // why it is not feasible
	At                  time.Time             `json:"at,omitzero"`
}

// ElementAvailability says how much data there is for one data element.
type ElementAvailability struct {
	Name         string  `json:"name"`
	Rows         int64   `json:"rows"`
	Patients     int     `json:"patients"`
	Availability float64 `json:"availability"` // share of the cohort with at least one row, 0 to 1
}

// Delivery is a package that was delivered. It is stored as a row of its own and never removed.
type Delivery struct {
	ID             string          `json:"id"`
	Request        string          `json:"request"`
	Location       string          `json:"location"` // path or URL of the package
	Format         Format          `json:"format"`
	Files          []DeliveredFile `json:"files"`
	ManifestSHA256 string          `json:"manifestSHA256"` // hex
	At             time.Time       `json:"at,omitzero"`
}

// DeliveredFile is one file of a delivery.
type DeliveredFile struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}
