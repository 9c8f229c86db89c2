package orchestrator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/researchflow/researchflow/orchestrator/internal/input"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// NewRequest is what a researcher submits: who asks, under which protocol, the request in words, and the structured
// [Requirements]. Its JSON form is the request file that the examples read.
type NewRequest struct {
	// Title names the request in lists; one line.
	Title string `json:"title"`
	// Description is the request in the researcher's words.
	Description string `json:"description"`
	// Researcher is the person who asks.
	Researcher Researcher `json:"researcher"`
	// Protocol is the protocol or IRB number that allows the research.
	Protocol string `json:"protocol"`
	// Purpose is the purpose of use, a code of the HL7 value set PurposeOfUse; "" means HRESCH.
	Purpose string `json:"purpose,omitempty"`
	// Priority decides whose steps run first; the zero value is [Routine].
	Priority Priority `json:"priority,omitempty"`
	// Due is the deadline for the data; zero means none.
	Due time.Time `json:"due,omitzero"`
	// Requirements say which patients and which data.
	Requirements Requirements `json:"requirements"`
	// IdempotencyKey makes a repeated Submit harmless: with the same key and content it returns the id of the first
	// request, with the same key and different content it fails with [ErrIdempotencyKey]. "" means no key.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	// SubmittedBy is the person who submits the request; the zero value means the researcher. The submitter can never
	// decide at its gates (four eyes).
	SubmittedBy Actor `json:"submittedBy,omitzero"`
}

// Researcher is the person a request is for.
type Researcher struct {
	// ID is the host's opaque id of the person; "" means that the e-mail address is the id.
	ID         string `json:"id,omitempty"`
	Name       string `json:"name"`
	Email      string `json:"email"`
	Department string `json:"department"`
}

// Actor returns the researcher as an actor with the role [workflow.RoleResearcher].
func (r Researcher) Actor() Actor {
	id := r.ID
	if id == "" {
		id = strings.ToLower(r.Email)
	}
	return Actor{ID: id, Name: r.Name, Roles: []string{workflow.RoleResearcher}}
}

// Requirements are the structured part of a request. The cohort is every patient who satisfies all inclusion criteria
// and no exclusion criterion; the data elements are views that run over that cohort.
type Requirements struct {
	Inclusion []Criterion `json:"inclusion"`
	Exclusion []Criterion `json:"exclusion,omitempty"`
	// DataElements are names of views, for example "patient_demographics".
	DataElements []string `json:"dataElements"`
	// Period restricts the data; nil means all time.
	Period *Period `json:"period,omitempty"`
	// Format of the delivered files; "" means [CSV].
	Format Format `json:"format,omitempty"`
	// PHILevel says which identifiers the delivery may contain; "" means [DeIdentified].
	PHILevel PHILevel `json:"phiLevel,omitempty"`
	// MinimumCohort is the minimum number of patients; a smaller cohort is not feasible.
	MinimumCohort int `json:"minimumCohort"`
}

// Criterion is satisfied by patients who have at least MinimumMatches matching resources. A resource of the type
// matches when it falls into the period and either the condition is true or it has one of the codes; with neither
// condition nor codes every resource of the type in the period matches.
type Criterion struct {
	// Description is the criterion in words, for people.
	Description string `json:"description,omitempty"`
	// Resource is a FHIR resource type, for example "Condition".
	Resource string `json:"resource"`
	// Condition is a FHIRPath expression on that resource; it matches where it yields true.
	Condition string `json:"condition,omitempty"`
	// Codes match where the resource's code is one of them.
	Codes []Coding `json:"codes,omitempty"`
	// Period restricts which resources count; nil means any time.
	Period *Period `json:"period,omitempty"`
	// MinimumMatches is the minimum number of matching resources per patient; 0 means 1.
	MinimumMatches int `json:"minimumMatches,omitempty"`
}

// Coding is a code of a code system (FHIR Coding).
type Coding struct {
	// System is the code system's URL; "" matches the code in any system.
	System  string `json:"system,omitempty"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

// Period is a FHIR Period of dates: "2020", "2020-03" or "2020-03-01". Both ends are included; an empty
// end is open.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// Format is the format of delivered files.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	JSON    Format = "json"
	Parquet Format = "parquet"
)

// PHILevel says which protected health information a delivery may contain (45 CFR 164.514).
type PHILevel string

// The levels.
const (
	// DeIdentified allows no direct identifiers.
	DeIdentified PHILevel = "de-identified"
	// LimitedDataSet allows dates and places, but no direct identifiers.
	LimitedDataSet PHILevel = "limited"
	// Identified allows direct identifiers.
	Identified PHILevel = "identified"
)

// Priority orders requests; the values are those of FHIR's RequestPriority.
type Priority int8

// The priorities, lowest first.
const (
	Routine Priority = iota
	Urgent
	ASAP
	Stat
)

var priorityNames = [...]string{"routine", "urgent", "asap", "stat"}

// String returns the FHIR code.
func (p Priority) String() string {
	if p < 0 || int(p) >= len(priorityNames) {
		return fmt.Sprintf("Priority(%d)", int8(p))
	}
	return priorityNames[p]
}

// MarshalText writes the FHIR code.
func (p Priority) MarshalText() ([]byte, error) {
	if p < 0 || int(p) >= len(priorityNames) {
		return nil, fmt.Errorf("orchestrator: priority %d is unknown", int8(p))
	}
	return []byte(priorityNames[p]), nil
}

// UnmarshalText reads the FHIR code.
func (p *Priority) UnmarshalText(text []byte) error {
	for i, name := range priorityNames {
		if name == string(text) {
			*p = Priority(i)
			return nil
		}
	}
	return errors.New("orchestrator: priority is not routine, urgent, asap or stat")
}

// ParseNewRequest reads a request file: one JSON object in the form of [NewRequest]. Unknown members, wrong types and
// trailing text are errors that name the line. [Orchestrator.Submit] and [NewRequest.Validate] check whether the
// request is complete.
func ParseNewRequest(data []byte) (NewRequest, error) {
	var n NewRequest
	if err := input.Decode(data, &n); err != nil {
		return NewRequest{}, fmt.Errorf("orchestrator: request: %w", err)
	}
	return n, nil
}

var (
	resourceType = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	viewName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)
	fhirDate     = regexp.MustCompile(`^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$`)
)

// Validate returns a [*ValidationError] that names every missing or wrong field, or nil. It knows neither the host's
// views nor FHIRPath; see [WithRequirementsCheck].
func (n NewRequest) Validate() error {
	var v ValidationError
	v.require("title", n.Title)
	v.require("description", n.Description)
	v.require("protocol", n.Protocol)
	v.require("researcher.name", n.Researcher.Name)
	v.require("researcher.department", n.Researcher.Department)
	if v.require("researcher.email", n.Researcher.Email) {
		if a, err := mail.ParseAddress(n.Researcher.Email); err != nil || a.Address != n.Researcher.Email {
			v.add("researcher.email", "is not an e-mail address")
		}
	}
	if strings.ContainsAny(n.Title, "\r\n") { // plain allows line ends, which a description may have
		v.add("title", "has more than one line")
	}
	for _, f := range []struct {
		path, text string
		limit      int
	}{
		{"title", n.Title, 300},
		{"description", n.Description, 20000},
		{"protocol", n.Protocol, 100},
		{"idempotencyKey", n.IdempotencyKey, 200},
		{"purpose", n.Purpose, 100},
		{"researcher.id", n.Researcher.ID, maxName},
		{"researcher.name", n.Researcher.Name, maxName},
		{"researcher.email", n.Researcher.Email, maxName},
		{"researcher.department", n.Researcher.Department, maxName},
	} {
		v.text(f.path, f.text, f.limit)
	}
	v.actor("submittedBy", n.SubmittedBy)
	v.due(n.Due)
	if n.Priority < Routine || n.Priority > Stat {
		v.add("priority", "is not routine, urgent, asap or stat")
	}
	n.Requirements.validate(&v, "requirements.")
	return v.orNil()
}

func (r Requirements) validate(v *ValidationError, prefix string) {
	if len(r.Inclusion) == 0 {
		v.add(prefix+"inclusion", "is missing")
	}
	for i, c := range r.Inclusion {
		c.validate(v, fmt.Sprintf("%sinclusion[%d].", prefix, i))
	}
	for i, c := range r.Exclusion {
		c.validate(v, fmt.Sprintf("%sexclusion[%d].", prefix, i))
	}
	if len(r.DataElements) == 0 {
		v.add(prefix+"dataElements", "is missing")
	}
	seen := map[string]bool{}
	for i, name := range r.DataElements {
		path := fmt.Sprintf("%sdataElements[%d]", prefix, i)
		switch {
		case !viewName.MatchString(name):
			v.add(path, "is not the name of a view")
		case seen[name]:
			v.add(path, "is named twice")
		}
		seen[name] = true
	}
	r.Period.validate(v, prefix+"period")
	switch r.Format {
	case "", CSV, NDJSON, JSON, Parquet:
	default:
		v.add(prefix+"format", "is not csv, ndjson, json or parquet")
	}
	switch r.PHILevel {
	case "", DeIdentified, LimitedDataSet, Identified:
	default:
		v.add(prefix+"phiLevel", "is not de-identified, limited or identified")
	}
	if r.MinimumCohort < 0 {
		v.add(prefix+"minimumCohort", "is negative")
	}
	if raw, err := json.Marshal(r); err == nil && len(raw) > maxDocument {
		v.add(cmp.Or(strings.TrimSuffix(prefix, "."), "requirements"), fmt.Sprintf("are longer than %d bytes of JSON", maxDocument))
	}
}

func (c Criterion) validate(v *ValidationError, prefix string) {
	v.plain(prefix+"description", c.Description)
	v.plain(prefix+"condition", c.Condition)
	if v.require(prefix+"resource", c.Resource) && !resourceType.MatchString(c.Resource) {
		v.add(prefix+"resource", "is not a FHIR resource type")
	}
	if c.Condition != "" && len(c.Codes) > 0 {
		v.add(prefix+"condition", "cannot be combined with codes")
	}
	for i, code := range c.Codes {
		v.require(fmt.Sprintf("%scodes[%d].code", prefix, i), code.Code)
		v.plain(fmt.Sprintf("%scodes[%d]", prefix, i), code.System+code.Code+code.Display)
	}
	c.Period.validate(v, prefix+"period")
	if c.MinimumMatches < 0 {
		v.add(prefix+"minimumMatches", "is negative")
	}
}

func (p *Period) validate(v *ValidationError, path string) {
	if p == nil {
		return
	}
	for _, end := range []struct{ name, text string }{{"start", p.Start}, {"end", p.End}} {
		if end.text == "" {
			continue
		}
		if !fhirDate.MatchString(end.text) {
			v.add(path+"."+end.name, "is not a date (YYYY, YYYY-MM or YYYY-MM-DD)")
		} else if _, err := time.Parse(time.DateOnly, end.text); len(end.text) == 10 && err != nil {
			v.add(path+"."+end.name, "is not a date of the calendar")
		}
	}
	// Dates of different precision compare as text up to the shorter one: 2020-05 does not end before 2020.
	if n := min(len(p.Start), len(p.End)); n > 0 && p.End[:n] < p.Start[:n] {
		v.add(path+".end", "is before the start")
	}
}

// withDefaults fills in the documented defaults, so that what is stored, shown and signed says what will be done.
func (r Requirements) withDefaults() Requirements {
	if r.Format == "" {
		r.Format = CSV
	}
	if r.PHILevel == "" {
		r.PHILevel = DeIdentified
	}
	return r
}
