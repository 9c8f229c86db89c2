package conformance

import (
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// TestFHIRPath runs HL7's suite.
func TestFHIRPath(t *testing.T) {
	t.Parallel()
	dir := testdata.Shared(t, "conformance", "fhirpath")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, file := range files {
		suite, err := LoadFHIRPath(file)
		if err != nil {
			t.Fatal(err)
		}
		results, err := RunFHIRPath(t.Context(), suite)
		if err != nil {
			t.Fatal(err)
		}
		for i := range results {
			r := &results[i]
			switch {
			case r.Failed() && r.Exclusion != nil:
				t.Errorf("%s passes, but is excluded: %s", r.Case.ID, r.Exclusion.Reason)
			case r.Failed():
				t.Errorf("%s: %s: %s", r.Case.ID, r.Case.Expression, r.Reason)
			}
		}
	}
}
