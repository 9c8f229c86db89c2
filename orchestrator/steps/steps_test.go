package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/synth"
	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
)

// files writes NDJSON files and returns their folder.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newSet returns the steps over a folder of data, with work and package folders of their own.
func newSet(t *testing.T, data string, change func(*Config)) *Set {
	t.Helper()
	r, err := runner.New(runner.Dir(data))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Runner: r, Views: func(name string) (*runner.View, error) { return views.Compile(name) },
		WorkDir: filepath.Join(t.TempDir(), "work"), OutDir: filepath.Join(t.TempDir(), "out"),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request returns a request that came to a step at a visit.
func request(r orchestrator.Requirements, visit int64) orchestrator.Request {
	return orchestrator.Request{
		ID: "REQ-20261123-1A2B3C4D", Title: "A study", Description: "All of it.", Protocol: "IRB-1", Visit: visit,
		Researcher:   orchestrator.Researcher{Name: "Mara Lindholm", Email: "mara@example.org", Department: "Endocrinology"},
		Requirements: r, RequirementsVersion: 1, EnteredAt: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC),
	}
}

// life runs steps one after the other, as the orchestrator would, and keeps their outputs.
type life struct {
	t       *testing.T
	set     *Set
	r       orchestrator.Requirements
	id      string
	version int
	visit   int64
	token   int64
	outputs map[string]json.RawMessage
}

func newLife(t *testing.T, s *Set, r orchestrator.Requirements) *life {
	return &life{t: t, set: s, r: r, version: 1, id: "REQ-20261123-1A2B3C4D", outputs: map[string]json.RawMessage{}}
}

func (l *life) step(name string) *orchestrator.StepContext {
	l.token++
	r := request(l.r, l.visit)
	r.ID, r.RequirementsVersion = l.id, l.version
	step := orchestrator.NewStepContext(r, name, l.outputs)
	step.Token = l.token
	return step
}

func (l *life) handler(name string) orchestrator.StepFunc {
	return map[string]orchestrator.StepFunc{
		workflow.StepRequirements: l.set.requirements, workflow.StepFeasibility: l.set.feasibility,
		workflow.StepKickoff: l.set.kickoff, workflow.StepExtraction: l.set.extract,
		workflow.StepQA: l.set.validate, workflow.StepDelivery: l.set.deliver,
	}[name]
}

// run runs a step at a new visit and wants an event of it.
func (l *life) run(name, event string) orchestrator.StepResult {
	l.t.Helper()
	l.visit += 2
	return l.again(name, event)
}

// again runs a step at the same visit, as after a crash.
func (l *life) again(name, event string) orchestrator.StepResult {
	l.t.Helper()
	res, err := l.handler(name)(l.t.Context(), l.step(name))
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	if res.Event != event {
		l.t.Fatalf("%s: event %s (%s), want %s", name, res.Event, res.Reason, event)
	}
	out, err := json.Marshal(res.Output)
	if err != nil {
		l.t.Fatal(err)
	}
	l.outputs[name] = out
	return res
}

func (l *life) toExtraction() {
	l.t.Helper()
	l.run(workflow.StepRequirements, workflow.EventComplete)
	l.run(workflow.StepFeasibility, workflow.EventFeasible)
	l.run(workflow.StepKickoff, workflow.EventScheduled)
	l.run(workflow.StepExtraction, workflow.EventExtracted)
}

func everybody(elements ...string) orchestrator.Requirements {
	return orchestrator.Requirements{
		Inclusion:    []orchestrator.Criterion{{Description: "Everybody", Resource: "Patient"}},
		DataElements: elements, Format: orchestrator.CSV, PHILevel: orchestrator.LimitedDataSet, MinimumCohort: 1,
	}
}

const clinic = `{"resourceType":"Patient","id":"p1","birthDate":"1950-05-05","gender":"female","name":[{"use":"official","family":"Canary","given":["Zoe"]}]}
{"resourceType":"Patient","id":"p2","birthDate":"1960","gender":"male"}
{"resourceType":"Patient","id":"p3","birthDate":"2015-01-01","gender":"female"}
{"resourceType":"Patient","id":"p4","gender":"male"}
`

const diagnoses = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]},"onsetDateTime":"2019-06-30"}
{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p2"},"code":{"coding":[{"system":"http://example.org","code":"44054006"},{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11"}]},"onsetPeriod":{"start":"2020-03-01","end":"2020-09-01"}}
{"resourceType":"Condition","id":"c3","subject":{"reference":"Patient/p3"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"46635009"}]},"recordedDate":"2021"}
{"resourceType":"Condition","id":"c4","subject":{"display":"somebody"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006"}]}}
{"resourceType":"Condition","id":"c5","subject":{"reference":"Patient/p4"},"code":{"text":"no coding"}}
{"resourceType":"Condition","id":"c6","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"38341003"}]},"onsetAge":{"value":60,"code":"a","system":"http://unitsofmeasure.org"}}
`

const visits = `{"resourceType":"Encounter","id":"e1","subject":{"reference":"https://example.org/fhir/Patient/p1/_history/2"}}
{"resourceType":"Encounter","id":"e2","subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p"}]}
{"resourceType":"Encounter","id":"e3","subject":{"reference":"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}}
{"resourceType":"Encounter","id":"e4","subject":{"reference":"Patient?identifier=12345"}}
{"resourceType":"Encounter","id":"e5","subject":{"identifier":{"value":"12345"}}}
{"resourceType":"Encounter","id":"e6","subject":{"reference":"Group/p2"}}
`

func TestCohort(t *testing.T) {
	t.Parallel()
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic, "Condition.ndjson": diagnoses, "Encounter.ndjson": visits}), nil)
	condition := func(c orchestrator.Criterion) orchestrator.Criterion { c.Resource = "Condition"; return c }
	diabetes := condition(orchestrator.Criterion{Codes: []orchestrator.Coding{{System: "http://snomed.info/sct", Code: "44054006"}}})
	during := func(start, end string) []orchestrator.Criterion {
		return []orchestrator.Criterion{condition(orchestrator.Criterion{Period: &orchestrator.Period{Start: start, End: end}})}
	}
	tests := []struct {
		name                 string
		inclusion, exclusion []orchestrator.Criterion
		want                 []string
	}{
		{"everybody", []orchestrator.Criterion{{Resource: "Patient"}}, nil, []string{"p1", "p2", "p3", "p4"}},
		{"a condition", []orchestrator.Criterion{{Resource: "Patient", Condition: "gender = 'female'"}}, nil, []string{"p1", "p3"}},
		{"a condition that is empty for some", []orchestrator.Criterion{{Resource: "Patient", Condition: "birthDate < @1955-01-01"}}, nil, []string{"p1"}},
		{"a code of a system", []orchestrator.Criterion{diabetes}, nil, []string{"p1"}},
		{"a code of any system", []orchestrator.Criterion{condition(orchestrator.Criterion{Codes: []orchestrator.Coding{{Code: "44054006"}}})}, nil, []string{"p1", "p2"}},
		{"one of several codes", []orchestrator.Criterion{condition(orchestrator.Criterion{Codes: []orchestrator.Coding{
			{System: "http://snomed.info/sct", Code: "46635009"}, {System: "http://hl7.org/fhir/sid/icd-10", Code: "E11"},
		}})}, nil, []string{"p2", "p3"}},
		{"system and code of two codings do not make one", []orchestrator.Criterion{condition(orchestrator.Criterion{Codes: []orchestrator.Coding{
			{System: "http://example.org", Code: "E11"},
		}})}, nil, nil},
		{"a code with a quote is no FHIRPath", []orchestrator.Criterion{condition(orchestrator.Criterion{Codes: []orchestrator.Coding{
			{Code: "') or true or ('"},
		}})}, nil, nil},
		{"all inclusions", []orchestrator.Criterion{{Resource: "Patient", Condition: "gender = 'male'"}, condition(orchestrator.Criterion{Codes: []orchestrator.Coding{{Code: "44054006"}}})}, nil, []string{"p2"}},
		{"no exclusion", []orchestrator.Criterion{{Resource: "Patient"}}, []orchestrator.Criterion{diabetes, {Resource: "Patient", Condition: "birthDate.empty()"}}, []string{"p2", "p3"}},
		{"two matches", []orchestrator.Criterion{condition(orchestrator.Criterion{MinimumMatches: 2})}, nil, []string{"p1"}},
		{"three matches", []orchestrator.Criterion{condition(orchestrator.Criterion{MinimumMatches: 3})}, nil, nil},
		{"a day in the period", during("2019-06-30", "2019-06-30"), nil, []string{"p1"}},
		{"the day before it", during("", "2019-06-29"), nil, nil},
		{"a year", during("2019", "2019"), nil, []string{"p1"}},
		{"a period that overlaps", during("2020-08-15", "2020-12"), nil, []string{"p2"}},
		{"a period that ended", during("2020-09-02", "2020-12"), nil, nil},
		{"a year that may lie in it", during("2021-07-01", "2021-07-31"), nil, []string{"p3"}},
		{"open end", during("2020-09-01", ""), nil, []string{"p2", "p3"}},
		{"nothing without a date", during("1900", "2100"), nil, []string{"p1", "p2", "p3"}},
		{"references that name no patient", []orchestrator.Criterion{{Resource: "Encounter"}}, nil, []string{"p1"}},
		{"a type without files", []orchestrator.Criterion{{Resource: "Procedure"}}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, counts, err := s.cohort(t.Context(), orchestrator.Requirements{Inclusion: tt.inclusion, Exclusion: tt.exclusion})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("cohort %v, want %v", got, tt.want)
			}
			if n := len(tt.inclusion) + len(tt.exclusion); len(counts) != n || counts[n-1].Left != len(got) {
				t.Errorf("counts %+v, want %d of them, the last with %d patients left", counts, n, len(got))
			}
		})
	}
}

func TestCheckRequirements(t *testing.T) {
	t.Parallel()
	s := newSet(t, t.TempDir(), nil)
	r := orchestrator.Requirements{
		Inclusion: []orchestrator.Criterion{
			{Resource: "Patient"},
			{Resource: "Patient", Condition: "gender = "},
			{Resource: "Spaceship"},
			{Resource: "Patient", Codes: []orchestrator.Coding{{Code: "1"}}},
			{Resource: "Organization"},
		},
		Exclusion:    []orchestrator.Criterion{{Resource: "Patient", Period: &orchestrator.Period{Start: "2020"}}, {Resource: "Condition", Condition: "nonsense()"}},
		DataElements: []string{"patient_simple", "patient_complicated"},
		Format:       orchestrator.Parquet,
	}
	var paths []string
	for _, f := range s.CheckRequirements(t.Context(), r) {
		paths = append(paths, f.Path)
		if strings.Contains(f.String(), "\n") || f.Message == "" {
			t.Errorf("%q is not a line", f.String())
		}
		if f.Path == "inclusion[1].condition" && !strings.Contains(f.Message, "line 1, column 10") {
			t.Errorf("%s: no place", f)
		}
	}
	want := []string{
		"inclusion[1].condition", "inclusion[2].resource", "inclusion[3].codes", "inclusion[4].resource",
		"exclusion[0].period", "exclusion[1].condition", "dataElements[1]", "format",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if faults := s.CheckRequirements(t.Context(), everybody(views.Names()...)); faults != nil {
		t.Errorf("the shipped views have faults: %v", faults)
	}
}

func TestEveryShapeCompiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Patient", "AllergyIntolerance", "CarePlan", "CareTeam", "Claim", "ClinicalImpression", "Condition", "Coverage", "DiagnosticReport",
		"DocumentReference", "Encounter", "EpisodeOfCare", "ExplanationOfBenefit", "FamilyMemberHistory", "Goal", "ImagingStudy", "Immunization",
		"MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement", "Observation", "Procedure",
		"QuestionnaireResponse", "RiskAssessment", "ServiceRequest", "Specimen",
	} {
		shape, ok := shapeOf(name)
		if !ok {
			t.Errorf("%s has no shape", name)
			continue
		}
		c := orchestrator.Criterion{Resource: name}
		if shape.code != "" {
			c.Codes = []orchestrator.Coding{{System: "http://snomed.info/sct", Code: "1"}}
		}
		if len(shape.when) > 0 {
			c.Period = &orchestrator.Period{Start: "2020", End: "2021-06"}
		}
		v, err := compileCriterion(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if w := v.Warnings(); len(w) > 0 {
			t.Errorf("%s: %v", name, w) // an element that the type does not have
		}
	}
}

func TestRequirementsScore(t *testing.T) {
	t.Parallel()
	s := newSet(t, t.TempDir(), nil)
	full := everybody("patient_simple")
	full.Period = &orchestrator.Period{Start: "2020"}
	full.Exclusion = []orchestrator.Criterion{{Resource: "Patient", Condition: "birthDate.empty()"}}
	tests := []struct {
		name     string
		change   func(*orchestrator.Request)
		event    string
		score    int
		missing  []string
		advice   int
		inReason string
	}{
		{"complete", func(*orchestrator.Request) {}, workflow.EventComplete, 100, nil, 0, "completeness 100 of 100"},
		{
			"only what is required", func(r *orchestrator.Request) {
				r.Requirements = orchestrator.Requirements{Inclusion: []orchestrator.Criterion{{Resource: "Patient"}}, DataElements: []string{"patient_simple"}}
			},
			workflow.EventComplete, 80, nil, 6, "completeness 80 of 100",
		},
		{
			"no protocol", func(r *orchestrator.Request) { r.Protocol = "" },
			workflow.EventIncomplete, 85,
			[]string{"protocol"},
			0, "protocol is missing",
		},
		{
			"an unknown view", func(r *orchestrator.Request) { r.Requirements.DataElements = []string{"patient_complicated"} },
			workflow.EventIncomplete, 100,
			[]string{"requirements.dataElements[0]"},
			0, "is not a view of this host",
		},
	}
	weights := 0
	for _, it := range s.items(request(full, 1)) {
		weights += it.weight
	}
	if weights != 100 {
		t.Errorf("the weights are %d together, want 100", weights)
	}
	for _, tt := range tests {
		r := request(full, 3)
		tt.change(&r)
		res, err := s.requirements(t.Context(), orchestrator.NewStepContext(r, workflow.StepRequirements, nil))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		out := res.Output.(Requirements)
		var missing []string
		for _, f := range out.Missing {
			missing = append(missing, f.Path)
		}
		if res.Event != tt.event || out.Score != tt.score || !slices.Equal(missing, tt.missing) || len(out.Advised) != tt.advice ||
			!strings.Contains(res.Reason, tt.inReason) || out.Complete != (tt.event == workflow.EventComplete) {
			t.Errorf("%s: %s %+v (%s)", tt.name, res.Event, out, res.Reason)
		}
	}
}

func TestFeasibility(t *testing.T) {
	t.Parallel()
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic, "Condition.ndjson": diagnoses}), nil)
	r := everybody("patient_simple", "condition_diagnoses", "procedure_history")
	res := newLife(t, s, r).run(workflow.StepFeasibility, workflow.EventFeasible)
	want := []orchestrator.ElementAvailability{
		{Name: "patient_simple", Rows: 4, Patients: 4, Availability: 1},
		{Name: "condition_diagnoses", Rows: 5, Patients: 4, Availability: 1},
		{Name: "procedure_history"},
	}
	if diff := cmp.Diff(want, res.Output.(Feasibility).Elements); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	if f := res.Feasibility; f == nil || !f.Feasible || f.Cohort != 4 || f.MinimumCohort != 1 {
		t.Errorf("report %+v", f)
	}

	r.Period = &orchestrator.Period{Start: "2020", End: "2020"}
	res = newLife(t, s, r).run(workflow.StepFeasibility, workflow.EventFeasible)
	if e := res.Output.(Feasibility).Elements[1]; e.Rows != 1 || e.Patients != 1 || e.Availability != 0.25 {
		t.Errorf("condition_diagnoses in 2020: %+v, want 1 row of 1 of 4 patients", e)
	}

	r.MinimumCohort = 5
	res = newLife(t, s, r).run(workflow.StepFeasibility, workflow.EventNotFeasible)
	if res.Reason != "4 patients satisfy the criteria, at least 5 are needed" || res.Feasibility.Feasible {
		t.Errorf("too few: %q %+v", res.Reason, res.Feasibility)
	}
	r.Inclusion = []orchestrator.Criterion{{Resource: "Patient", Condition: "gender = 'other'"}}
	r.MinimumCohort = 0
	res = newLife(t, s, r).run(workflow.StepFeasibility, workflow.EventNotFeasible)
	if res.Reason != "no patient satisfies the criteria" {
		t.Errorf("nobody: %q", res.Reason)
	}
}

// TestBrokenDataFailsForGood: another attempt at a broken line would not help, and the error names the place.
func TestBrokenDataFailsForGood(t *testing.T) {
	t.Parallel()
	data := files(t, map[string]string{"Patient.ndjson": clinic + `{"resourceType":"Patient","id":"p5","name":[{"family":"Canary` + "\n"})
	s := newSet(t, data, nil)
	_, err := s.feasibility(t.Context(), newLife(t, s, everybody("patient_simple")).step(workflow.StepFeasibility))
	if err == nil || !strings.Contains(err.Error(), "Patient.ndjson:5") || strings.Contains(err.Error(), "Canary") {
		t.Errorf("error %v, want one with the place and without the value", err)
	}
	permanent := fmt.Sprintf("%T", orchestrator.Permanent(errors.New("broken")))
	for ; err != nil && fmt.Sprintf("%T", err) != permanent; err = errors.Unwrap(err) {
	}
	if err == nil {
		t.Error("the error is not permanent")
	}
	s = newSet(t, data, func(c *Config) { c.OnError = runner.Skip })
	res := newLife(t, s, everybody("patient_simple")).run(workflow.StepFeasibility, workflow.EventFeasible)
	if res.Feasibility.Cohort != 4 {
		t.Errorf("cohort of %d with OnError(Skip), want 4", res.Feasibility.Cohort)
	}
}

// TestErrorsNameNoPatient: an error of a step is stored; it names the place in the data, but not the patient.
func TestErrorsNameNoPatient(t *testing.T) {
	t.Parallel()
	several := []orchestrator.Criterion{{Resource: "Patient", Condition: "name.given.single() = 'x'"}}
	broken := `{"resourceType":"Patient","id":"canary-id","name":[{"given":["Zoe","Ann"]}]}` + "\n"
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": broken}), nil)
	r := everybody("patient_simple")
	r.Inclusion = several
	_, err := s.feasibility(t.Context(), newLife(t, s, r).step(workflow.StepFeasibility))
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "Patient.ndjson:1: Patient: where[0].path: ") {
		t.Errorf("error %v, want one with file, line, type and path", err)
	}
}

func TestKickoffIsAnnounced(t *testing.T) {
	t.Parallel()
	var keys []string
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), func(c *Config) {
		c.Announce = func(_ context.Context, key string, k Kickoff) error {
			keys = append(keys, key+" "+k.At.Format(time.DateOnly))
			return nil
		}
	})
	l := newLife(t, s, everybody("patient_simple"))
	l.run(workflow.StepFeasibility, workflow.EventFeasible)
	l.run(workflow.StepKickoff, workflow.EventScheduled)
	l.again(workflow.StepKickoff, workflow.EventScheduled)
	want := "REQ-20261123-1A2B3C4D/4/schedule_kickoff 2026-11-25"
	if len(keys) != 2 || keys[0] != want || keys[1] != want {
		t.Errorf("announced %q, want %q twice", keys, want)
	}
}

func synthetic(t *testing.T, patients int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := synth.WriteDir(dir, synth.Config{Seed: 11, Patients: patients}); err != nil {
		t.Fatal(err)
	}
	return dir
}
