package views

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

func TestNames(t *testing.T) {
	want := []string{
		"condition_diagnoses", "medication_requests", "observation_labs", "patient_demographics", "patient_simple",
		"procedure_history",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
}

func TestEveryViewCompiles(t *testing.T) {
	for _, name := range Names() {
		v, err := Compile(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v.Name() != name {
			t.Errorf("%s: the view calls itself %s", name, v.Name())
		}
		if len(v.Columns()) == 0 {
			t.Errorf("%s: no columns", name)
		}
	}
}

func TestUnknownView(t *testing.T) {
	if _, err := Compile("nope"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Compile: %v, want ErrUnknown", err)
	}
}

// TestGoldenViews: three of the views are the same as in the golden cases.
func TestGoldenViews(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"patient_demographics", "medication_requests", "procedure_history"} {
		text, err := os.ReadFile(testdata.Shared(t, "conformance", "golden", "small__researchflow_"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var golden struct{ View json.RawMessage }
		if err := json.Unmarshal(text, &golden); err != nil {
			t.Fatal(err)
		}
		want, err := runner.CompileJSON(golden.View)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Compile(name)
		if err != nil || got.Digest() != want.Digest() {
			t.Errorf("%s is another view than the golden case's: %v", name, err)
		}
	}
}

type coding struct{ System, Code, Display string }

type concept struct {
	Coding []coding
	Text   string
}

func (c concept) first(system string) any {
	for _, x := range c.Coding {
		if x.System == system && x.Code != "" {
			return x.Code
		}
	}
	return nil
}

// resources decodes all resources of a type, of all small and irregular data.
func resources[T any](t *testing.T, name string) (list []T, paths []string) {
	t.Helper()
	for _, dataset := range []string{"small", "edge"} {
		path := filepath.Join(testdata.Shared(t, "data", dataset), name+".ndjson")
		paths = append(paths, path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var r T
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			list = append(list, r)
		}
	}
	return list, paths
}

// columns returns some columns of a view's rows.
func columns(t *testing.T, view string, paths []string, names ...string) [][]any {
	t.Helper()
	v, err := Compile(view)
	if err != nil {
		t.Fatal(err)
	}
	if w := v.Warnings(); len(w) > 0 {
		t.Errorf("%s: warnings %q", view, w)
	}
	var list [][]any
	for row, err := range v.Rows(t.Context(), runner.Files(paths...)) {
		if err != nil {
			t.Fatal(err)
		}
		var record []any
		for _, name := range names {
			value, ok := row.Get(name)
			if !ok {
				t.Fatalf("%s: no column %s", view, name)
			}
			record = append(record, value.Any())
		}
		list = append(list, record)
	}
	return list
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func TestPatientSimple(t *testing.T) {
	t.Parallel()
	type patient struct {
		ID, Gender, BirthDate string
		DeceasedBoolean       bool
		DeceasedDateTime      string
		MaritalStatus         concept
	}
	list, paths := resources[patient](t, "Patient")
	var want [][]any
	for _, p := range list {
		var dead any
		if p.DeceasedBoolean || p.DeceasedDateTime != "" {
			dead = true
		}
		want = append(want, []any{p.ID, p.ID, text(p.Gender), text(p.BirthDate), dead, text(p.DeceasedDateTime)})
	}
	got := columns(t, "patient_simple", paths, "id", "patient_id", "gender", "birth_date", "deceased", "deceased_date")
	for _, row := range got {
		if row[4] == false {
			row[4] = nil // the test does not tell false from absent
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestConditionDiagnoses(t *testing.T) {
	t.Parallel()
	type condition struct {
		ID                 string
		Code               concept
		VerificationStatus concept
		BodySite           []concept
		OnsetDateTime      string
	}
	list, paths := resources[condition](t, "Condition")
	var want [][]any
	for _, c := range list {
		wrong := false
		for _, x := range c.VerificationStatus.Coding {
			wrong = wrong || x.Code == "entered-in-error"
		}
		if wrong {
			continue
		}
		sites := c.BodySite
		if len(sites) == 0 {
			sites = []concept{{}}
		}
		for _, site := range sites {
			want = append(want, []any{c.ID, c.Code.first("http://snomed.info/sct"), text(c.Code.Text), text(c.OnsetDateTime), site.first("http://snomed.info/sct")})
		}
	}
	got := columns(t, "condition_diagnoses", paths, "id", "snomed_code", "code_text", "onset_datetime", "body_site_code")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestObservationLabs(t *testing.T) {
	t.Parallel()
	type observation struct {
		ID, Status    string
		Code          concept
		Category      []concept
		ValueQuantity struct {
			Value json.Number
			Unit  string
		}
	}
	list, paths := resources[observation](t, "Observation")
	var want [][]any
	for _, o := range list {
		lab := false
		for _, c := range o.Category {
			for _, x := range c.Coding {
				lab = lab || x.Code == "laboratory" && x.System == "http://terminology.hl7.org/CodeSystem/observation-category"
			}
		}
		if lab && o.Status != "entered-in-error" && o.Status != "cancelled" {
			want = append(want, []any{o.ID, o.Status, o.Code.first("http://loinc.org"), o.ValueQuantity.Value.String(), text(o.ValueQuantity.Unit)})
		}
	}
	got := columns(t, "observation_labs", paths, "id", "status", "loinc_code", "value_quantity", "value_unit")
	for _, row := range got { // as text, as in the source
		switch n := row[3].(type) {
		case nil:
			row[3] = ""
		case json.Number:
			row[3] = n.String()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 500 {
		t.Errorf("%d rows (-want +got):\n%s", len(got), diff)
	}
}
