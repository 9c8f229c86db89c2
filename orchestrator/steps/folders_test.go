package steps

import (
	"path/filepath"
	"testing"

	"github.com/researchflow/researchflow/orchestrator"
)

// TestWorkFolderIsNoPattern: characters that mean something in a file pattern mean nothing in a folder's name.
func TestWorkFolderIsNoPattern(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"work[1]", "work[", "work*"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), func(c *Config) { c.WorkDir = dir })
			l := newLife(t, s, everybody("patient_simple"))
			l.toExtraction()
			l.again(orchestrator.StepExtraction, orchestrator.EventExtracted)
			if got := tree(t, dir); len(got) != 1 {
				t.Errorf("the work folder holds %d files after two attempts, want 1", len(got))
			}
		})
	}
}
