package steps

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestFoldersAreApart: a package that lies where extracted data lies would be removed with it.
func TestFoldersAreApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		name, work, out, want string
	}{
		{"apart", "work", "out", ""},
		{"work below packages", "out/.work", "out", ""},
		{"packages below work", "work", "work/out", ""},
		{"the same", "data", "data", "steps: the work folder is the folder for packages"},
		{"the same, written otherwise", "data", "x/../data/", "steps: the work folder is the folder for packages"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := newSet(t, dir, nil).cfg
			cfg.WorkDir, cfg.OutDir = dir+"/"+tt.work, dir+"/"+tt.out
			got := ""
			if _, err := New(cfg); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("New (-want +got):\n%s", diff)
			}
		})
	}
}
