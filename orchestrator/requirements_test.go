package orchestrator

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator/workflow"
)

func complete() NewRequest {
	return NewRequest{
		Title: "HbA1c in adults", Description: "adults with diabetes", Protocol: "IRB-2026-017",
		Researcher: Researcher{Name: "Ada Example", Email: "ada@example.org", Department: "Endocrinology"},
		Requirements: Requirements{
			Inclusion:    []Criterion{{Resource: "Condition", Codes: []Coding{{Code: "44054006"}}}},
			DataElements: []string{"patient_demographics"},
		},
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	if err := complete().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(n *NewRequest)
		want   []string
	}{
		{"everything missing", func(n *NewRequest) { *n = NewRequest{} }, []string{
			"title is missing", "description is missing", "protocol is missing", "researcher.name is missing",
			"researcher.department is missing", "researcher.email is missing", "requirements.inclusion is missing",
			"requirements.dataElements is missing",
		}},
		{"e-mail", func(n *NewRequest) { n.Researcher.Email = "ada" }, []string{"researcher.email is not an e-mail address"}},
		{"title of two lines", func(n *NewRequest) { n.Title = "a\nb" }, []string{"title has more than one line"}},
		{"long title", func(n *NewRequest) { n.Title = strings.Repeat("a", 301) }, []string{"title is longer than 300 bytes"}},
		{"control character", func(n *NewRequest) { n.Description = "a\x00b" }, []string{"description contains a control character"}},
		{"not UTF-8", func(n *NewRequest) { n.Protocol = "\xff" }, []string{"protocol is not UTF-8"}},
		{"priority", func(n *NewRequest) { n.Priority = 9 }, []string{"priority is not routine, urgent, asap or stat"}},
		{"criterion", func(n *NewRequest) {
			n.Requirements.Exclusion = []Criterion{{Resource: "patient", Condition: "true", Codes: []Coding{{}}, MinimumMatches: -1}}
		}, []string{
			"requirements.exclusion[0].resource is not a FHIR resource type", "requirements.exclusion[0].condition cannot be combined with codes",
			"requirements.exclusion[0].codes[0].code is missing", "requirements.exclusion[0].minimumMatches is negative",
		}},
		{"views", func(n *NewRequest) { n.Requirements.DataElements = []string{"a", "../b", "a"} }, []string{
			"requirements.dataElements[1] is not the name of a view", "requirements.dataElements[2] is named twice",
		}},
		{"period", func(n *NewRequest) { n.Requirements.Period = &Period{Start: "2026-02-30", End: "2025"} }, []string{
			"requirements.period.start is not a date of the calendar", "requirements.period.end is before the start",
		}},
		{"format and level", func(n *NewRequest) { n.Requirements.Format, n.Requirements.PHILevel = "xls", "all" }, []string{
			"requirements.format is not csv, ndjson, json or parquet", "requirements.phiLevel is not de-identified, limited or identified",
		}},
		{"cohort", func(n *NewRequest) { n.Requirements.MinimumCohort = -1 }, []string{"requirements.minimumCohort is negative"}},
	} {
		n := complete()
		tt.change(&n)
		var v *ValidationError
		if err := n.Validate(); !errors.As(err, &v) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want a ValidationError", tt.name, err)
			continue
		}
		var got []string
		for _, f := range v.Faults {
			got = append(got, f.String())
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if strings.Contains(v.Error(), "\n") {
			t.Errorf("%s: the error has more than one line", tt.name)
		}
	}
}

func TestParseNewRequest(t *testing.T) {
	t.Parallel()
	n := complete()
	n.Priority, n.Due = Stat, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	raw, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseNewRequest(raw)
	if diff := cmp.Diff(n, back); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, tt := range []struct{ in, want string }{
		{"{\n\"title\": \"x\",\n\"colour\": 1}", `orchestrator: request: line 3: unknown field "colour"`},
		{"{\n\"title\": 7}", "orchestrator: request: line 2: title: got a JSON number, want string"},
		{"{\"title\": \"x\"", "orchestrator: request: line 1: the text ends too early"},
		{"{\n\n x}", "orchestrator: request: line 3: not JSON: invalid character 'x' looking for beginning of object key string"},
		{"{}\n{}", "orchestrator: request: text after the object (line 2)"},
		{"", "orchestrator: request: line 1: the text ends too early"},
		{"\n[]", "orchestrator: request: line 2: got a JSON array, want an object"},
		{`{"title": "a", "title": "b"}`, "orchestrator: request: a member occurs twice, a number exceeds float64, or text is not Unicode"},
		{`{"requirements": {"minimumCohort": 97.25}}`, "orchestrator: request: line 1: requirements.minimumCohort: got a JSON number, want int"},
		{"{\n\"due\": \"Jane Doe\"}", "orchestrator: request: line 2: not a time such as 2006-01-02T15:04:05Z"},
		{`{"priority": "now"}`, "orchestrator: request: line 1: priority is not routine, urgent, asap or stat"},
	} {
		if _, err := ParseNewRequest([]byte(tt.in)); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\ngot  %v\nwant %s", tt.in, err, tt.want)
		}
	}
}

func FuzzParseNewRequest(f *testing.F) {
	raw, err := json.Marshal(complete())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"requirements":{"inclusion":[{}],"period":{"start":"2020"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ParseNewRequest(raw)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of more than one line: %q", err)
			}
			return
		}
		if n.Validate() != nil {
			return
		}
		if _, err := canonicalDigest(n); err != nil {
			t.Errorf("a valid request has no canonical form: %v", err)
		}
	})
}

// TestMergePatch has the examples of RFC 7396, appendix A.
func TestMergePatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		var target, patch any
		if err := errors.Join(json.Unmarshal([]byte(tt.target), &target), json.Unmarshal([]byte(tt.patch), &patch)); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(mergePatch(target, patch))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s patched with %s: got %s, %v; want %s", tt.target, tt.patch, got, err, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	p := workflow.RetryPolicy{Backoff: workflow.Duration(time.Second), MaxBackoff: workflow.Duration(10 * time.Second)}
	for n, most := range []time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 60: 10} {
		if most == 0 {
			continue
		}
		for range 50 {
			if got := backoff(p, n); got > most*time.Second || got < most*time.Second/2 {
				t.Errorf("wait after %d failures: %v, want between %v and %v", n, got, most*time.Second/2, most*time.Second)
			}
		}
	}
	if got := backoff(workflow.RetryPolicy{}, 3); got != 0 {
		t.Errorf("no backoff: got %v", got)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	id := newRequestID(time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC))
	if len(id) != len("REQ-20261123-1A2B3C4D") || !strings.HasPrefix(id, "REQ-20261123-") || strings.ToUpper(id) != id {
		t.Errorf("id: %s", id)
	}
}

// TestPatchNamesMembersExactly: encoding/json takes members in any case, and a patch in another case would be lost
// behind the member that was there.
func TestPatchNamesMembersExactly(t *testing.T) {
	t.Parallel()
	r := complete().Requirements
	r.MinimumCohort, r.Period = 10, &Period{Start: "2020"}
	for _, tt := range []struct{ patch, want string }{
		{`{"MinimumCohort": 20}`, "patch.MinimumCohort is not a member of requirements"},
		{`{"period": {"Start": "2021"}}`, "patch.period.Start is not a member of requirements"},
		{`{"inclusion": [{"resource": "Condition", "codes": [{"Code": "1"}]}]}`, "patch.inclusion[0].codes[0].Code is not a member of requirements"},
		{`{"colour": null, "format": "xls"}`, "patch.colour is not a member of requirements"},
		{`{"minimumCohort": 20, "period": null, "inclusion": [{"resource": "Condition", "codes": [{"code": "1"}], "period": {"end": "2020"}}]}`, ""},
	} {
		_, err := new(Orchestrator).patched(t.Context(), r, json.RawMessage(tt.patch))
		got := ""
		var v *ValidationError
		if errors.As(err, &v) {
			got = v.list()
		} else if err != nil {
			t.Errorf("%s: %v", tt.patch, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.patch, diff)
		}
	}
}
