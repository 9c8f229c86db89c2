package conformance

import (
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

// TestSQLOnFHIR runs the official suite.
func TestSQLOnFHIR(t *testing.T) {
	runSof(t, testdata.Shared(t, "conformance", "sql-on-fhir"))
}

// TestSQLOnFHIROwn runs the cases of testdata/sof, written from the rules of the specification.
func TestSQLOnFHIROwn(t *testing.T) {
	runSof(t, filepath.Join("testdata", "sof"))
}

func runSof(t *testing.T, dir string) {
	t.Helper()
	files, err := LoadSof(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		f := &files[i]
		t.Run(f.Title, func(t *testing.T) {
			t.Parallel()
			for _, workers := range []int{1, 2, 16} {
				for _, test := range f.Judge(t.Context(), runner.Parallel(workers)).Tests {
					if !test.Result.Passed {
						t.Errorf("%s, %d workers: %s", test.Name, workers, test.Result.Reason)
					}
				}
			}
		})
	}
}
