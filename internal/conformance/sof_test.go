package conformance

import (
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

func TestSQLOnFHIR(t *testing.T) {
	files, err := LoadSof(testdata.Shared(t, "conformance", "sql-on-fhir"))
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
