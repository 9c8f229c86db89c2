package check_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/testdata"
)

// worst returns the level of the worst fault.
func worst(r *check.Result) check.Level {
	var level check.Level
	for _, f := range r.Faults {
		level = max(level, f.Level)
	}
	return level
}

// TestSuiteOfHL7 checks every expression of HL7's suite strictly, against the type of its input: those that the
// suite calls semantic errors must have a fault, those that have a result must not.
func TestSuiteOfHL7(t *testing.T) {
	dir := testdata.Shared(t, "conformance", "fhirpath")
	var suite struct {
		Tests []struct {
			Name, Expression, InputFile, Mode, Invalid string
			CheckOrderedFunctions                      json.RawMessage
		}
	}
	readJSON(t, filepath.Join(dir, "tests-fhir-r4.visible.json"), &suite)
	m := model.Load(model.R4)
	inputs := map[string]check.Type{"": check.Any()}
	semantic, valid, others := 0, 0, 0
	for _, tt := range suite.Tests {
		if _, ok := inputs[tt.InputFile]; !ok {
			var resource struct{ ResourceType string }
			readJSON(t, filepath.Join(dir, "inputs-r4", tt.InputFile), &resource)
			inputs[tt.InputFile] = check.OfFHIR(m, resource.ResourceType)
		}
		e, err := syntax.Parse(tt.Expression)
		if err != nil {
			if tt.Invalid == "" {
				t.Errorf("%s: %v", tt.Name, err)
			}
			continue
		}
		r := check.Check(e, check.Options{
			Model: m, Input: inputs[tt.InputFile],
			Ordered: string(tt.CheckOrderedFunctions) == "true" || string(tt.CheckOrderedFunctions) == `"true"`,
		})
		switch tt.Invalid {
		case "semantic":
			semantic++
			if worst(r) < check.Strict {
				t.Errorf("%s: no fault in %s", tt.Name, tt.Expression)
			}
		case "":
			valid++
			if worst(r) >= check.Strict {
				t.Errorf("%s: faults in %s: %+v", tt.Name, tt.Expression, r.Faults)
			}
		default:
			if worst(r) >= check.Strict {
				others++
			}
		}
		for _, f := range r.Faults {
			t.Logf("%s [%s]: %s: %s at %d: %s", tt.Name, tt.Invalid, tt.Expression, f.Level, f.Offset, f.Msg)
		}
	}
	t.Logf("%d semantic errors found, %d valid expressions accepted, %d of the execution errors found", semantic, valid, others)
	if semantic == 0 || valid == 0 {
		t.Error("the suite has no cases")
	}
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
