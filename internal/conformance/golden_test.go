package conformance

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
	"github.com/researchflow/researchflow/runner"
)

// The workers and the sizes of blocks, in bytes, that must make no difference.
var (
	workerCounts = []int{1, 2, 16}
	blockSizes   = []int{1 << 10, 256 << 10, 8 << 20}
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
			for _, workers := range workerCounts {
				for _, size := range blockSizes {
					opts := []runner.RunOption{runner.BlockSize(size), runner.Parallel(workers)}
					if reason := c.judge(t.Context(), c.source(data), opts); reason != "" {
						t.Errorf("%d workers, blocks of %d: %s", workers, size, reason)
					}
				}
			}
		})
	}
}

// TestGoldenOrder: the bytes written are the same for any number of workers and any size of blocks, also where the
// case itself leaves the order of the rows open.
func TestGoldenOrder(t *testing.T) {
	data := testdata.Shared(t, "data")
	cases, err := LoadGolden(testdata.Shared(t, "conformance", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		if c.ExpectError {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			view, err := runner.CompileJSON(c.View)
			if err != nil {
				t.Fatal(err)
			}
			written := func(workers, size int) string {
				var out bytes.Buffer
				opts := []runner.RunOption{runner.BlockSize(size), runner.Parallel(workers)}
				if _, err := view.Write(t.Context(), c.source(data), runner.NewNDJSONWriter(&out), opts...); err != nil {
					t.Fatalf("%d workers, blocks of %d: %v", workers, size, err)
				}
				return out.String()
			}
			want := written(1, blockSizes[1])
			for _, workers := range workerCounts {
				for _, size := range blockSizes {
					if diff := cmp.Diff(want, written(workers, size)); diff != "" {
						t.Errorf("%d workers, blocks of %d (-one worker +got):\n%s", workers, size, diff)
					}
				}
			}
		})
	}
}
