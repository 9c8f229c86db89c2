package conformance

import (
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

func TestGolden(t *testing.T) {
	data := testdata.Shared(t, "data")
	cases, err := LoadGolden(testdata.Shared(t, "conformance", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for _, workers := range []int{1, 2} {
				if reason := c.Judge(t.Context(), data, runner.Parallel(workers)); reason != "" {
					t.Errorf("%d workers: %s", workers, reason)
				}
			}
		})
	}
}
