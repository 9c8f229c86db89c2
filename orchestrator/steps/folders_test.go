package steps

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
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
			l.again(workflow.StepExtraction, workflow.EventExtracted)
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
		{"the same", "data", "data", "steps: the work folder and the folder for packages are the same"},
		{"the same, written otherwise", "data", "x/../data/", "steps: the work folder and the folder for packages are the same"},
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

// TestDeliveryLeavesNoRests: data of attempts that were killed in the middle of a delivery does not stay.
func TestDeliveryLeavesNoRests(t *testing.T) {
	t.Parallel()
	const id = "REQ-20261123-1A2B3C4D"
	const killed = "." + id + ".part/visit-1-token-1"
	const later = "." + id + ".part/visit-99-token-99" // this attempt will be fenced, that one will not
	const other = ".REQ-20261123-1A2B3C4E.part/visit-1-token-1"
	tests := []struct {
		name string
		zip  bool
		end  string // a request that ends without a delivery
		want []string
	}{
		{"a folder", false, "", []string{id, later, other}},
		{"a zip file", true, "", []string{id + ".zip", later, other}},
		{"no delivery", false, workflow.StateFailed, []string{other}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), func(c *Config) { c.Zip = tt.zip })
			l := newLife(t, s, everybody("patient_simple"))
			l.toExtraction()
			l.run(workflow.StepQA, workflow.EventPassed)
			for _, name := range []string{killed, later, other} {
				if err := os.MkdirAll(filepath.Join(s.cfg.OutDir, name, "data"), 0o750); err != nil {
					t.Fatal(err)
				}
			}
			if tt.end != "" {
				s.ended(orchestrator.StateChange{Request: id, To: tt.end})
			} else {
				l.run(workflow.StepDelivery, workflow.EventDelivered)
			}
			var got []string
			for _, pattern := range []string{"REQ-*", ".REQ-*.part/*"} {
				found, err := filepath.Glob(filepath.Join(s.cfg.OutDir, pattern))
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range found {
					name, _ := filepath.Rel(s.cfg.OutDir, path)
					got = append(got, filepath.ToSlash(name))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the folder for packages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeliveryComesAgain: a request whose package is in place, and its extracted data gone, may come to delivery
// again: its delivery was not stored, and a person sent it back.
func TestDeliveryComesAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(l *life)
		want   string // in the error
	}{
		{"as it was", func(*life) {}, ""},
		{"other requirements", func(l *life) { l.version++ }, "patient_simple.csv: no such file or directory"},
		{"other data", func(l *life) {
			out := l.outputs[workflow.StepExtraction]
			l.outputs[workflow.StepExtraction] = bytes.Replace(out, []byte(`"sha256":"`), []byte(`"sha256":"0`), 1)
		}, "patient_simple.csv: no such file or directory"},
	}
	for _, zipped := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, zip %v", tt.name, zipped), func(t *testing.T) {
				t.Parallel()
				s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic}), func(c *Config) { c.Zip = zipped })
				l := newLife(t, s, everybody("patient_simple"))
				l.toExtraction()
				l.run(workflow.StepQA, workflow.EventPassed)
				want := l.run(workflow.StepDelivery, workflow.EventDelivered)
				l.visit += 4
				tt.change(l)
				got, err := s.deliver(t.Context(), l.step(workflow.StepDelivery))
				switch {
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("error %v, want one with %q", err, tt.want)
				case tt.want == "" && err != nil:
					t.Errorf("deliver: %v", err)
				case tt.want == "":
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("the second delivery (-first +second):\n%s", diff)
					}
				}
			})
		}
	}
}

// TestFailedExtractionLeavesNothing: an attempt that fails takes with it what it has extracted. Nobody else would,
// where the request ended while the attempt went on.
func TestFailedExtractionLeavesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		condition string
		want      []string
	}{
		{"a broken view", `{"resourceType":"Condition",` + "\n", nil},
		{"none", diagnoses, []string{"condition_diagnoses.csv", "patient_simple.csv"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSet(t, files(t, map[string]string{"Patient.ndjson": clinic, "Condition.ndjson": tt.condition}), nil)
			_, err := s.extract(t.Context(), newLife(t, s, everybody("patient_simple", "condition_diagnoses")).step(workflow.StepExtraction))
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("extract: %v", err)
			}
			var got []string
			err = filepath.WalkDir(s.cfg.WorkDir, func(path string, d os.DirEntry, err error) error {
				if err == nil && (!d.IsDir() || tt.want == nil && path != s.cfg.WorkDir) {
					got = append(got, filepath.Base(path))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the work folder (-want +got):\n%s", diff)
			}
		})
	}
}
