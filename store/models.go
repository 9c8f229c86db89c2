package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
)

type requestRow struct {
	bun.BaseModel `bun:"table:requests,alias:r"`

	ID                   string `bun:",pk"`
	Title                string
	TitleWords           string
	Description          string
	ResearcherID         string
	ResearcherName       string
	ResearcherEmail      string
	ResearcherDepartment string
	Protocol             string
	Purpose              string
	Priority             int
	DueAt                stamp
	SubmittedBy          string
	Assignee             string
	State                string
	Visit                int64
	Version              int64
	Definition           string
	Returns              string `bun:",nullzero"`
	RequirementsVersion  int
	Proposed             string `bun:",nullzero"`
	GateID               string `bun:",nullzero"`
	StepID               string `bun:",nullzero"`
	Suspended            string `bun:",nullzero"`
	Parked               string
	Outcome              string
	SubmittedAt          stamp
	EnteredAt            stamp
	UpdatedAt            stamp
	ClosedAt             stamp
	AuditSeq             int64
	AuditHash            string
	IdempotencyKey       string `bun:",nullzero"`
	Digest               string
}

func newRequestRow(c *orchestrator.Commit) (*requestRow, error) {
	r := c.Request
	var j jsonWriter
	row := &requestRow{
		ID: r.ID, Priority: int(r.Priority), DueAt: at(r.Due), Assignee: r.Assignee, State: r.State, Visit: r.Visit,
		Version: r.Version, Definition: r.Definition, RequirementsVersion: r.RequirementsVersion,
		Parked: r.Parked, Outcome: r.Outcome,
		SubmittedAt: at(r.SubmittedAt), EnteredAt: at(r.EnteredAt), UpdatedAt: at(r.UpdatedAt),
		ClosedAt: at(r.ClosedAt), AuditSeq: c.Head.Seq, AuditHash: c.Head.Hash,
	}
	if c.Expect == 0 { // columns that never change
		row.Title, row.TitleWords, row.Description = r.Title, strings.Join(words(r.Title), " "), r.Description
		row.ResearcherID, row.ResearcherName = r.Researcher.Actor().ID, r.Researcher.Name
		row.ResearcherEmail, row.ResearcherDepartment = r.Researcher.Email, r.Researcher.Department
		row.Protocol, row.Purpose, row.SubmittedBy = r.Protocol, r.Purpose, j.write(r.SubmittedBy)
		row.IdempotencyKey, row.Digest = c.IdempotencyKey, c.Digest
	}
	if len(r.Returns) > 0 {
		row.Returns = j.write(r.Returns)
	}
	if r.Proposed != nil {
		row.Proposed = j.write(r.Proposed)
	}
	if r.Suspended != nil {
		row.Suspended = j.write(r.Suspended)
	}
	if r.Gate != nil {
		row.GateID = r.Gate.ID
	}
	if r.Step != nil {
		row.StepID = r.Step.ID
	}
	return row, j.err
}

// mutable lists the columns of a request that a commit may change.
var mutable = []string{
	"priority", "due_at", "assignee", "state", "visit", "version", "definition", "returns",
	"requirements_version", "proposed", "gate_id", "step_id", "suspended", "parked", "outcome",
	"entered_at", "updated_at", "closed_at", "audit_seq", "audit_hash",
}

func (row *requestRow) request() (orchestrator.Request, error) {
	r := orchestrator.Request{
		ID: row.ID, Title: row.Title, Description: row.Description,
		Researcher: orchestrator.Researcher{
			Name: row.ResearcherName, Email: row.ResearcherEmail, Department: row.ResearcherDepartment,
		},
		Protocol: row.Protocol, Purpose: row.Purpose, Priority: orchestrator.Priority(row.Priority),
		Due: row.DueAt.Time, Assignee: row.Assignee, State: row.State, Visit: row.Visit, Version: row.Version,
		Definition: row.Definition, RequirementsVersion: row.RequirementsVersion, Parked: row.Parked,
		Outcome: row.Outcome, SubmittedAt: row.SubmittedAt.Time, EnteredAt: row.EnteredAt.Time,
		UpdatedAt: row.UpdatedAt.Time, ClosedAt: row.ClosedAt.Time,
	}
	if r.Researcher.Actor().ID != row.ResearcherID {
		r.Researcher.ID = row.ResearcherID
	}
	var j jsonReader
	j.read("submitted_by", row.SubmittedBy, &r.SubmittedBy)
	j.read("returns", row.Returns, &r.Returns)
	j.read("suspended", row.Suspended, &r.Suspended)
	j.read("proposed", row.Proposed, &r.Proposed)
	return r, j.err
}

type historyRow struct {
	bun.BaseModel `bun:"table:state_history,alias:h"`

	RequestID string `bun:",pk"`
	Seq       int64  `bun:",pk"`
	FromState string
	ToState   string
	Event     string
	ByActor   string `bun:",nullzero"`
	Reason    string
	At        stamp
	CommitID  string
}

type requirementsRow struct {
	bun.BaseModel `bun:"table:requirements,alias:q"`

	RequestID string `bun:",pk"`
	Version   int    `bun:",pk"`
	Body      string
	ByActor   string `bun:",nullzero"`
	Reason    string
	At        stamp
}

type feasibilityRow struct {
	bun.BaseModel `bun:"table:feasibility_reports,alias:f"`

	ID                  string `bun:",pk"`
	RequestID           string
	RequirementsVersion int
	Feasible            bool
	Cohort              int
	MinimumCohort       int
	Elements            string `bun:",nullzero"`
	Reasons             string `bun:",nullzero"`
	At                  stamp
}

type executionRow struct {
	bun.BaseModel `bun:"table:step_executions,alias:e"`

	ID            string `bun:",pk"`
	RequestID     string
	State         string
	Step          string
	Visit         int64
	Attempt       int
	Failed        int
	Lost          int
	Status        string
	Priority      int
	RunAt         stamp
	Owner         string
	Token         int64
	LeaseUntil    stamp
	StartedAt     stamp
	FinishedAt    stamp
	Event         string
	ErrorClass    string
	ErrorText     string
	ProgressDone  int64
	ProgressTotal int64
	ProgressNote  string
	Output        string `bun:",nullzero"`
}

func newExecutionRow(e *orchestrator.Execution) executionRow {
	return executionRow{
		ID: e.ID, RequestID: e.Request, State: e.State, Step: e.Step, Visit: e.Visit, Attempt: e.Attempt,
		Failed: e.Failed, Lost: e.Lost, Status: string(e.Status), Priority: int(e.Priority), RunAt: at(e.RunAt), Owner: e.Owner,
		Token: e.Token, LeaseUntil: at(e.LeaseUntil), StartedAt: at(e.StartedAt), FinishedAt: at(e.FinishedAt),
		Event: e.Event, ErrorClass: e.ErrorClass, ErrorText: e.ErrorText, ProgressDone: e.Progress.Done,
		ProgressTotal: e.Progress.Total, ProgressNote: e.Progress.Note, Output: string(e.Output),
	}
}

func (row *executionRow) execution() orchestrator.Execution {
	return orchestrator.Execution{
		ID: row.ID, Request: row.RequestID, State: row.State, Step: row.Step, Visit: row.Visit,
		Attempt: row.Attempt, Failed: row.Failed, Lost: row.Lost, Status: orchestrator.ExecutionStatus(row.Status),
		Priority: orchestrator.Priority(row.Priority), RunAt: row.RunAt.Time, Owner: row.Owner,
		Token: row.Token, LeaseUntil: row.LeaseUntil.Time, StartedAt: row.StartedAt.Time,
		FinishedAt: row.FinishedAt.Time, Event: row.Event, ErrorClass: row.ErrorClass, ErrorText: row.ErrorText,
		Progress: orchestrator.Progress{Done: row.ProgressDone, Total: row.ProgressTotal, Note: row.ProgressNote},
		Output:   raw(row.Output),
	}
}

type gateRow struct {
	bun.BaseModel `bun:"table:gates,alias:g"`

	ID                  string `bun:",pk"`
	RequestID           string
	State               string
	Visit               int64
	Roles               string
	EscalateTo          string `bun:",nullzero"`
	WaitingFor          string
	Quorum              string
	Status              string
	OpenedAt            stamp
	DueAt               stamp
	Escalations         int
	ClosedAt            stamp
	RequirementsVersion int
}

func newGateRow(g *orchestrator.Gate) (gateRow, error) {
	var j jsonWriter
	row := gateRow{
		ID: g.ID, RequestID: g.Request, State: g.State, Visit: g.Visit, Roles: j.write(g.Roles),
		Quorum: j.write(g.Quorum), Status: string(g.Status), OpenedAt: at(g.OpenedAt), DueAt: at(g.DueAt),
		Escalations: g.Escalations, ClosedAt: at(g.ClosedAt), RequirementsVersion: g.RequirementsVersion,
		WaitingFor: waitingFor(g),
	}
	if len(g.EscalateTo) > 0 {
		row.EscalateTo = j.write(g.EscalateTo)
	}
	return row, j.err
}

func waitingFor(g *orchestrator.Gate) string {
	roles := g.Roles
	if g.Escalations > 0 {
		roles = append(roles[:len(roles):len(roles)], g.EscalateTo...)
	}
	return "|" + strings.Join(roles, "|") + "|"
}

func (row *gateRow) gate() (orchestrator.Gate, error) {
	g := orchestrator.Gate{
		ID: row.ID, Request: row.RequestID, State: row.State, Visit: row.Visit,
		Status: orchestrator.GateStatus(row.Status), OpenedAt: row.OpenedAt.Time, DueAt: row.DueAt.Time,
		Escalations: row.Escalations, ClosedAt: row.ClosedAt.Time, RequirementsVersion: row.RequirementsVersion,
	}
	var j jsonReader
	j.read("roles", row.Roles, &g.Roles)
	j.read("escalate_to", row.EscalateTo, &g.EscalateTo)
	j.read("quorum", row.Quorum, &g.Quorum)
	return g, j.err
}

type approvalRow struct {
	bun.BaseModel `bun:"table:approvals,alias:a"`

	ID          string `bun:",pk"`
	RequestID   string
	GateID      string
	ReviewerID  string
	ByActor     string
	OnBehalfOf  string `bun:",nullzero"`
	Role        string
	Verdict     string
	Reason      string
	At          stamp
	FromVersion int
	ToVersion   int
	Patch       string `bun:",nullzero"`
	Meaning     string
	Shown       string
	Digest      string
}

func newApprovalRow(a *orchestrator.Approval) (approvalRow, error) {
	var j jsonWriter
	row := approvalRow{
		ID: a.ID, RequestID: a.Request, GateID: a.Gate, ReviewerID: person(a.By), ByActor: j.write(a.By),
		Role: a.Role, Verdict: string(a.Verdict), Reason: a.Reason, At: at(a.At), FromVersion: a.FromVersion,
		ToVersion: a.ToVersion, Patch: string(a.Patch), Meaning: a.Meaning, Shown: a.Shown, Digest: a.Digest,
	}
	if a.OnBehalfOf != nil {
		row.OnBehalfOf = j.write(a.OnBehalfOf)
	}
	return row, j.err
}

func (row *approvalRow) approval() (orchestrator.Approval, error) {
	a := orchestrator.Approval{
		ID: row.ID, Request: row.RequestID, Gate: row.GateID, Role: row.Role,
		Verdict: orchestrator.Verdict(row.Verdict), Reason: row.Reason, At: row.At.Time,
		FromVersion: row.FromVersion, ToVersion: row.ToVersion, Patch: raw(row.Patch), Meaning: row.Meaning,
		Shown: row.Shown, Digest: row.Digest,
	}
	var j jsonReader
	j.read("by_actor", row.ByActor, &a.By)
	j.read("on_behalf_of", row.OnBehalfOf, &a.OnBehalfOf)
	return a, j.err
}

type delegationRow struct {
	bun.BaseModel `bun:"table:delegations,alias:d"`

	GateID    string `bun:",pk"`
	RequestID string
	FromID    string `bun:",pk"`
	ToID      string `bun:",pk"`
	FromActor string
	ToActor   string
	Reason    string
	At        stamp
}

type escalationRow struct {
	bun.BaseModel `bun:"table:escalations,alias:x"`

	ID        string `bun:",pk"`
	RequestID string
	GateID    string
	Level     int
	Roles     string `bun:",nullzero"`
	At        stamp
}

type interventionRow struct {
	bun.BaseModel `bun:"table:interventions,alias:i"`

	ID        string `bun:",pk"`
	RequestID string
	Kind      string
	PersonID  string
	ByActor   string
	Reason    string
	Value     string
	At        stamp
}

type deliveryRow struct {
	bun.BaseModel `bun:"table:deliveries,alias:y"`

	ID             string `bun:",pk"`
	RequestID      string
	Location       string
	Format         string
	Files          string `bun:",nullzero"`
	ManifestSHA256 string `bun:"manifest_sha256"`
	At             stamp
}

type timerRow struct {
	bun.BaseModel `bun:"table:timers,alias:t"`

	ID        string `bun:",pk"`
	RequestID string
	Kind      string
	GateID    string
	FireAt    stamp
}

type messageRow struct {
	bun.BaseModel `bun:"table:outbox,alias:o"`

	ID         string `bun:",pk"`
	Kind       string
	RequestID  string
	Seq        int64
	Payload    string
	CreatedAt  stamp
	Attempts   int
	ErrorClass string
	Owner      string
	LeaseUntil stamp
	RunAt      stamp
}

type auditRow struct {
	bun.BaseModel `bun:"table:audit,alias:u"`

	Chain    string `bun:",pk"`
	Seq      int64  `bun:",pk"`
	ID       string
	Type     string
	Recorded stamp
	Prev     string
	Hash     string
	Body     string
}

func newAuditRow(s *audit.Sealed) auditRow {
	return auditRow{
		Chain: s.Chain, Seq: s.Seq, ID: s.ID, Type: string(s.Type), Recorded: at(s.Recorded), Prev: s.Prev,
		Hash: s.Hash, Body: string(s.Body),
	}
}

func (row *auditRow) sealed() audit.Sealed {
	return audit.Sealed{
		Chain: row.Chain, Seq: row.Seq, ID: row.ID, Type: audit.Type(row.Type), Recorded: row.Recorded.Time,
		Prev: row.Prev, Hash: row.Hash, Body: []byte(row.Body),
	}
}

// person identifies a person: equal for the same person, different for others. A system contains no |.
func person(a orchestrator.Actor) string {
	if a.System == "" && !strings.Contains(a.ID, "|") {
		return a.ID
	}
	return a.System + "|" + a.ID
}

// words splits a text into lower-case words, both stored titles and queries.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

type jsonWriter struct{ err error }

func (j *jsonWriter) write(v any) string {
	b, err := json.Marshal(v)
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("store: %w", err)
	}
	return string(b)
}

type jsonReader struct{ err error }

func (j *jsonReader) read(column, text string, into any) {
	if text == "" || j.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		j.err = fmt.Errorf("store: column %s holds invalid JSON", column)
	}
}

func (j *jsonReader) actor(column, text string, into *orchestrator.Actor) { j.read(column, text, into) }
