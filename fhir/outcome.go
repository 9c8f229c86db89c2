package fhir

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Outcome is the server's OperationOutcome (http://hl7.org/fhir/operationoutcome.html), as far as it could be read.
type Outcome struct {
	Issues []Issue
}

// Issue is one issue of an [Outcome]. Its fields are codes. Free text may quote patient data: it is available through
// [Issue.Diagnostics] and [Issue.Text] only, and this package never prints, logs or encodes it.
type Issue struct {
	Severity string // fatal, error, warning, information, success; "unknown" for anything else
	Code     string // of the value set issue-type, such as "not-found"; "unknown" for anything else
	Class    string // the product's own number at the start of the diagnostics, such as "HAPI-2001"; or ""

	diagnostics string
	text        string
	expression  []string
}

// Diagnostics returns the server's diagnostics, which may quote patient data.
func (i Issue) Diagnostics() string { return i.diagnostics }

// Text returns details.text, which may quote patient data.
func (i Issue) Text() string { return i.text }

// Expression returns the FHIRPath expressions, or the locations, that the issue is about. They may quote patient data.
func (i Issue) Expression() []string { return i.expression }

// String lists severity, code and class of each issue, at most ten.
func (o *Outcome) String() string {
	var parts []string
	for i, issue := range o.Issues {
		if i == 10 {
			parts = append(parts, "…")
			break
		}
		s := issue.Severity + " " + issue.Code
		if issue.Class != "" {
			s += " " + issue.Class
		}
		if !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// failed reports whether an issue is an error.
func (o *Outcome) failed() bool {
	return slices.ContainsFunc(o.Issues, func(i Issue) bool { return i.Severity == "error" || i.Severity == "fatal" })
}

// has reports whether an issue has one of the codes.
func (o *Outcome) has(codes ...string) bool {
	return o != nil && slices.ContainsFunc(o.Issues, func(i Issue) bool { return slices.Contains(codes, i.Code) })
}

// transient reports whether the outcome says that the same request may succeed later.
func (o *Outcome) transient() bool { return o.has("transient", "throttled", "timeout", "lock-error") }

// kind returns the kind of failure that the issues imply, for statuses that imply none.
func (o *Outcome) kind() error {
	switch {
	case o.has("not-found"):
		return ErrNotFound
	case o.has("deleted"):
		return ErrGone
	case o.has("throttled"):
		return ErrThrottled
	case o.has("login", "expired"):
		return ErrUnauthorized
	case o.has("forbidden", "suppressed"):
		return ErrForbidden
	case o.has("transient", "timeout", "lock-error", "exception", "no-store", "incomplete"):
		return ErrUnavailable
	}
	return ErrRejected
}

var (
	severities = []string{"fatal", "error", "warning", "information", "success"}
	// issueTypes is http://hl7.org/fhir/ValueSet/issue-type of FHIR R4 to R5.
	issueTypes = []string{
		"invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden",
		"suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long",
		"code-invalid", "extension", "too-costly", "business-rule", "conflict", "limited-filter", "transient", "lock-error",
		"no-store", "exception", "timeout", "incomplete", "throttled", "informational", "success",
	}
	productNumber = regexp.MustCompile(`^(?:HAPI|LEAP|IBM|MSFT|FHIR)-\d{1,6}\b`)
)

const maxIssues = 100

// parseOutcome reads an OperationOutcome leniently: some servers omit resourceType, and some gateways send text. It
// returns nil if there is no issue.
func parseOutcome(body []byte) *Outcome {
	var raw struct {
		ResourceType string            `json:"resourceType"`
		Issue        []json.RawMessage `json:"issue"`
	}
	if err := json.Unmarshal(body, &raw); err != nil || (raw.ResourceType != "" && raw.ResourceType != "OperationOutcome") {
		return nil
	}
	if raw.ResourceType == "" && len(raw.Issue) == 0 {
		return nil
	}
	out := &Outcome{}
	for _, r := range raw.Issue[:min(len(raw.Issue), maxIssues)] {
		out.Issues = append(out.Issues, parseIssue(r))
	}
	return out
}

// parseIssue reads each member on its own, so that one of a wrong type does not affect the others.
func parseIssue(raw json.RawMessage) Issue {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members) // not an object: no members
	text := func(name string) (s string) {
		_ = json.Unmarshal(members[name], &s) // not a string: ""
		return s
	}
	known := func(code string, set []string) string {
		if slices.Contains(set, code) {
			return code
		}
		return "unknown"
	}
	issue := Issue{
		Severity:    known(text("severity"), severities),
		Code:        known(text("code"), issueTypes),
		diagnostics: text("diagnostics"),
	}
	issue.Class = productNumber.FindString(issue.diagnostics)
	var details struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(members["details"], &details) == nil {
		issue.text = details.Text
	}
	for _, name := range []string{"expression", "location"} {
		if len(issue.expression) == 0 && json.Unmarshal(members[name], &issue.expression) != nil {
			issue.expression = nil
		}
	}
	return issue
}
