package steps

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
	"github.com/researchflow/researchflow/runner/views"
)

// tree reads every file below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		got[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPackage(t *testing.T) {
	t.Parallel()
	for _, format := range []orchestrator.Format{orchestrator.CSV, orchestrator.NDJSON, orchestrator.JSON} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			data := synthetic(t, 30)
			s := newSet(t, data, nil)
			r := everybody("patient_simple", "observation_labs", "procedure_history")
			r.Format = format
			l := newLife(t, s, r)
			l.toExtraction()
			l.run(workflow.StepQA, workflow.EventPassed)
			res := l.run(workflow.StepDelivery, workflow.EventDelivered)

			ext := "." + string(format)
			got := tree(t, res.Delivery.Location)
			want := []string{
				"README.txt", "data/observation_labs" + ext, "data/patient_simple" + ext, "data/procedure_history" + ext,
				"data_dictionary.csv", "manifest.json", "qa_report.json",
			}
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
				t.Errorf("files %v, want %v", names, want)
			}
			m, sum, err := readPackage(res.Delivery.Location) // compares every hash
			if err != nil || sum != res.Delivery.ManifestSHA256 {
				t.Errorf("manifest: %s, %v; the delivery has %s", sum, err, res.Delivery.ManifestSHA256)
			}
			if m.Cohort != 30 || m.Protocol != "IRB-1" || m.Format != format || len(m.Files) != len(want)-1 {
				t.Errorf("manifest %+v", m)
			}
			for _, f := range m.Files {
				if f.Rows == nil {
					continue
				}
				view := strings.TrimSuffix(filepath.Base(f.Name), ext)
				if rows := countRows(t, data, view); rows != *f.Rows || rows == 0 {
					t.Errorf("%s: %d rows, the view alone has %d", f.Name, *f.Rows, rows)
				}
			}
			checkDictionary(t, got["data_dictionary.csv"], "patient_simple", "observation_labs", "procedure_history")
			if readme := got["README.txt"]; !strings.Contains(readme, "30 patients") || !strings.Contains(readme, "IRB-1") {
				t.Errorf("README.txt:\n%s", readme)
			}
			if left, _ := filepath.Glob(filepath.Join(s.cfg.WorkDir, "*")); len(left) > 0 {
				t.Errorf("left in the work folder: %v", left)
			}
		})
	}
}

func countRows(t *testing.T, data, view string) (n int64) {
	t.Helper()
	v, err := views.Compile(view)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range v.Rows(t.Context(), runner.Dir(data)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func checkDictionary(t *testing.T, text string, names ...string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := 1
	for _, name := range names {
		v, err := views.Compile(name)
		if err != nil {
			t.Fatal(err)
		}
		want += len(v.Columns())
	}
	if len(records) != want {
		t.Errorf("data dictionary: %d lines, want %d", len(records), want)
	}
}

// TestStepsMayRunAgain runs each step twice, as after a crash between its effect and the commit: outputs are
// the same, and one package is there.
func TestStepsMayRunAgain(t *testing.T) {
	t.Parallel()
	for _, zipped := range []bool{false, true} {
		s := newSet(t, synthetic(t, 20), func(c *Config) { c.Zip = zipped })
		l := newLife(t, s, everybody("patient_simple", "medication_requests"))
		for _, step := range []struct{ name, event string }{
			{workflow.StepRequirements, workflow.EventComplete},
			{workflow.StepFeasibility, workflow.EventFeasible},
			{workflow.StepKickoff, workflow.EventScheduled},
			{workflow.StepExtraction, workflow.EventExtracted},
			{workflow.StepQA, workflow.EventPassed},
			{workflow.StepDelivery, workflow.EventDelivered},
		} {
			l.run(step.name, step.event)
			first := string(l.outputs[step.name])
			l.again(step.name, step.event)
			second := string(l.outputs[step.name])
			if step.name == workflow.StepExtraction { // each attempt has its own folder
				first, second = strings.Replace(first, "token-4", "token-N", 1), strings.Replace(second, "token-5", "token-N", 1)
			}
			if step.name != workflow.StepExtraction && first != second {
				t.Errorf("%s: second run\n%s\nfirst run\n%s", step.name, second, first)
			}
		}
		entries, err := os.ReadDir(s.cfg.OutDir)
		if err != nil || len(entries) != 1 {
			t.Errorf("zip %v: the folder for packages holds %v, %v", zipped, entries, err)
		}
	}
}

func TestExtractionKeepsOneFolder(t *testing.T) {
	t.Parallel()
	s := newSet(t, synthetic(t, 5), nil)
	l := newLife(t, s, everybody("patient_simple"))
	l.toExtraction()
	first := tree(t, s.cfg.WorkDir)
	l.again(workflow.StepExtraction, workflow.EventExtracted)
	second := tree(t, s.cfg.WorkDir)
	if len(first) != 1 || len(second) != 1 || maps.Equal(first, second) {
		t.Errorf("work folder holds %v, then %v", slices.Collect(maps.Keys(first)), slices.Collect(maps.Keys(second)))
	}
	if diff := cmp.Diff(slices.Collect(maps.Values(first)), slices.Collect(maps.Values(second))); diff != "" {
		t.Errorf("the second extraction differs:\n%s", diff)
	}
}

func TestDeliveryReplacesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s := newSet(t, synthetic(t, 10), nil)
	l := newLife(t, s, everybody("patient_simple"))
	l.toExtraction()
	l.run(workflow.StepQA, workflow.EventPassed)
	// A folder without a manifest stands in the way, and the rest of an attempt that was killed.
	final := filepath.Join(s.cfg.OutDir, "REQ-20261123-1A2B3C4D")
	for _, dir := range []string{final, filepath.Join(s.cfg.OutDir, ".REQ-20261123-1A2B3C4D.part", "visit-1-token-1")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "half"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.run(workflow.StepDelivery, workflow.EventDelivered)
	if got := tree(t, final); got["half"] != "" || got["manifest.json"] == "" {
		t.Errorf("package holds %v", slices.Sorted(maps.Keys(got)))
	}
	// A later visit of the same request delivers its own.
	first, _, err := readPackage(final)
	if err != nil {
		t.Fatal(err)
	}
	l.run(workflow.StepExtraction, workflow.EventExtracted)
	l.run(workflow.StepQA, workflow.EventPassed)
	l.run(workflow.StepDelivery, workflow.EventDelivered)
	second, _, err := readPackage(final)
	if err != nil || second.Visit <= first.Visit {
		t.Errorf("second delivery: visit %d after %d, %v", second.Visit, first.Visit, err)
	}
}

func TestQualityRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		data   map[string]string
		r      orchestrator.Requirements
		config func(*Config)
		change func(l *life)
		event  string
		want   string // in the reason, or in a finding where the checks pass
	}{
		{
			"names in a limited data set",
			map[string]string{"Patient.ndjson": clinic},
			everybody("patient_demographics"), nil, nil,
			workflow.EventFailed, "patient_demographics.family_name may not hold name at level limited (1 rows)",
		},
		{
			"names where they are allowed",
			map[string]string{"Patient.ndjson": clinic},
			with(everybody("patient_demographics"), orchestrator.Identified), nil, nil,
			workflow.EventPassed, "",
		},
		{
			"birth dates in de-identified data",
			map[string]string{"Patient.ndjson": clinic},
			with(everybody("patient_simple"), orchestrator.DeIdentified), nil, nil,
			workflow.EventFailed, "patient_simple.birth_date may not hold birth date at level de-identified (2 rows)",
		},
		{
			"birth dates in a list",
			map[string]string{"Patient.ndjson": clinic},
			with(everybody("births"), orchestrator.DeIdentified),
			func(c *Config) {
				c.Views = func(string) (*runner.View, error) {
					return runner.CompileJSON([]byte(`{"name":"births","resource":"Patient","status":"active",
						"select":[{"column":[{"name":"born","path":"birthDate","collection":true},{"name":"id","path":"id"}]}]}`))
				}
			}, nil,
			workflow.EventFailed, "births.born may not hold birth date at level de-identified (2 rows)",
		},
		{
			"dates of care in de-identified data are for the reviewer",
			map[string]string{"Patient.ndjson": clinic, "Condition.ndjson": diagnoses},
			with(everybody("condition_diagnoses"), orchestrator.DeIdentified), nil, nil,
			workflow.EventPassed, "condition_diagnoses.onset_datetime holds date at level de-identified (1 rows)",
		},
		{
			"duplicates",
			map[string]string{"Patient.ndjson": clinic + clinic},
			everybody("patient_simple"), nil, nil,
			workflow.EventFailed, "duplicates: patient_simple: 4 of 8 rows repeat another",
		},
		{
			"duplicates that are allowed",
			map[string]string{"Patient.ndjson": clinic + clinic},
			everybody("patient_simple"),
			func(c *Config) { c.MaxDuplicates = 0.5 }, nil,
			workflow.EventPassed, "patient_simple: 4 of 8 rows repeat another",
		},
		{
			"a cohort that shrank",
			map[string]string{"Patient.ndjson": clinic},
			everybody("patient_simple"), nil,
			func(l *life) { l.setCohort(6) }, workflow.EventFailed, "cohort size: 4 patients, 6 when feasibility was validated",
		},
		{
			"a cohort that shrank by a fifth",
			map[string]string{"Patient.ndjson": clinic},
			everybody("patient_simple"), nil,
			func(l *life) { l.setCohort(5) }, workflow.EventPassed, "4 patients, 5 when feasibility was validated",
		},
		{
			"rows that went away",
			map[string]string{"Patient.ndjson": clinic},
			everybody("patient_simple", "procedure_history"), nil,
			func(l *life) {
				l.outputs[workflow.StepFeasibility] = json.RawMessage(`{"cohort":4,"elements":[{"name":"procedure_history","rows":7}]}`)
			},
			workflow.EventFailed, "completeness: procedure_history has no rows, 7 were expected",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, newSet(t, files(t, tt.data), tt.config), tt.r)
			l.toExtraction()
			if tt.change != nil {
				tt.change(l)
			}
			res := l.run(workflow.StepQA, tt.event)
			text := string(l.outputs[workflow.StepQA])
			if !strings.Contains(res.Reason+text, tt.want) {
				t.Errorf("reason %q, report %s; want %q in it", res.Reason, text, tt.want)
			}
			if report := res.Output.(QualityReport); report.Passed != (tt.event == workflow.EventPassed) || len(report.Checks) != 5 {
				t.Errorf("report %+v", report)
			}
		})
	}
}

// TestSetIsShared runs several requests through one Set at once.
func TestSetIsShared(t *testing.T) {
	t.Parallel()
	s := newSet(t, synthetic(t, 10), nil)
	packages := make([]string, 6)
	t.Run("requests", func(t *testing.T) {
		for i := range packages {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				l := newLife(t, s, everybody("patient_simple", "condition_diagnoses"))
				l.id = fmt.Sprintf("REQ-20261123-%08d", i)
				l.toExtraction()
				l.run(workflow.StepQA, workflow.EventPassed)
				packages[i] = l.run(workflow.StepDelivery, workflow.EventDelivered).Delivery.Location
			})
		}
	})
	first := tree(t, packages[0])
	for _, dir := range packages[1:] {
		for name, text := range tree(t, dir) {
			if strings.HasPrefix(name, "data/") && text != first[name] {
				t.Errorf("%s: %s differs from the first request's", dir, name)
			}
		}
	}
}

// TestEndRemovesExtractedData: data that is not delivered does not stay.
func TestEndRemovesExtractedData(t *testing.T) {
	t.Parallel()
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), nil)
	l := newLife(t, s, everybody("patient_demographics"))
	l.toExtraction()
	l.run(workflow.StepQA, workflow.EventFailed)
	id := request(l.r, 1).ID
	s.ended(orchestrator.StateChange{Request: id, To: workflow.StateHumanReview})
	if got := tree(t, s.cfg.WorkDir); len(got) != 1 {
		t.Errorf("work folder of a live request: %v", slices.Collect(maps.Keys(got)))
	}
	s.ended(orchestrator.StateChange{Request: id, To: workflow.StateQAFailed})
	if got := tree(t, s.cfg.WorkDir); len(got) != 0 {
		t.Errorf("work folder after the end: %v", slices.Collect(maps.Keys(got)))
	}
}

func with(r orchestrator.Requirements, level orchestrator.PHILevel) orchestrator.Requirements {
	r.PHILevel = level
	return r
}

// setCohort pretends that the feasibility step found another cohort.
func (l *life) setCohort(n int) {
	var f Feasibility
	if err := json.Unmarshal(l.outputs[workflow.StepFeasibility], &f); err != nil {
		l.t.Fatal(err)
	}
	f.Cohort = n
	out, err := json.Marshal(f)
	if err != nil {
		l.t.Fatal(err)
	}
	l.outputs[workflow.StepFeasibility] = out
}

func TestChangedFilesAreFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{workflow.StepQA, workflow.StepDelivery} {
		s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), nil)
		l := newLife(t, s, everybody("patient_simple"))
		l.toExtraction()
		if name == workflow.StepDelivery {
			l.run(workflow.StepQA, workflow.EventPassed)
		}
		found, err := filepath.Glob(filepath.Join(s.cfg.WorkDir, "*", "*", "patient_simple.csv"))
		if err != nil || len(found) != 1 {
			t.Fatalf("extracted files: %v, %v", found, err)
		}
		text, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(found[0], bytes.Replace(text, []byte("female"), []byte("xemale"), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = l.handler(name)(t.Context(), l.step(name))
		if err == nil || !strings.Contains(err.Error(), "has changed since it was extracted") {
			t.Errorf("%s: error %v", name, err)
		}
		if entries, _ := os.ReadDir(s.cfg.OutDir); len(entries) > 0 {
			t.Errorf("%s: half a package is left: %v", name, entries)
		}
	}
}

// TestOutputsHoldNoValues marks a patient and looks for the marks in everything that goes to the database.
func TestOutputsHoldNoValues(t *testing.T) {
	t.Parallel()
	marks := []string{"Canary", "canary-id", "1951-01-17", "canary@example.org", "999-11-2222"}
	patient := `{"resourceType":"Patient","id":"canary-id","birthDate":"1951-01-17","identifier":[{"value":"999-11-2222"}],` +
		`"telecom":[{"system":"email","value":"canary@example.org"}],"name":[{"use":"official","family":"Canary","given":["Canary"]}]}` + "\n"
	s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic + patient}), nil)
	l := newLife(t, s, with(everybody("patient_demographics"), orchestrator.Identified))
	var said strings.Builder
	note := func(res orchestrator.StepResult) {
		report, err := json.Marshal([]any{res.Reason, res.Output, res.Feasibility, res.Delivery})
		if err != nil {
			t.Fatal(err)
		}
		said.Write(report)
	}
	note(l.run(workflow.StepRequirements, workflow.EventComplete))
	note(l.run(workflow.StepFeasibility, workflow.EventFeasible))
	note(l.run(workflow.StepKickoff, workflow.EventScheduled))
	note(l.run(workflow.StepExtraction, workflow.EventExtracted))
	note(l.run(workflow.StepQA, workflow.EventPassed))
	l.r.PHILevel = orchestrator.DeIdentified
	note(l.again(workflow.StepQA, workflow.EventFailed))
	l.r.PHILevel = orchestrator.Identified
	note(l.again(workflow.StepQA, workflow.EventPassed))
	res := l.run(workflow.StepDelivery, workflow.EventDelivered)
	note(res)
	for name, text := range tree(t, res.Delivery.Location) {
		if !strings.HasPrefix(name, "data/") {
			said.WriteString(text)
		} else if !strings.Contains(text, "canary-id") || !strings.Contains(text, "canary@example.org") {
			t.Errorf("%s does not hold the patient", name)
		}
	}
	for _, mark := range marks {
		if strings.Contains(said.String(), mark) {
			t.Errorf("%q is in an output, a report or a file beside the data", mark)
		}
	}
}
