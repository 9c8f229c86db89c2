package steps

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/audit"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
)

// Extraction is the output of the step extract_data.
type Extraction struct {
	// Dir is the folder with the files, below the work folder.
	Dir string `json:"dir"`
	// Cohort is the number of patients, found again for this extraction.
	Cohort int             `json:"cohort"`
	Format string          `json:"format"`
	Files  []ExtractedFile `json:"files"`
}

// ExtractedFile is the file of one view.
type ExtractedFile struct {
	View      string `json:"view"`
	Name      string `json:"name"`
	Rows      int64  `json:"rows"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`
	Resources int64  `json:"resources"`
	Skipped   int64  `json:"skipped,omitempty"`
}

// extract runs each requested view over the cohort into a file. Every attempt has a folder of its own, named by its
// fencing token. It first removes the folders of earlier attempts, and its own if it fails, since the request may have
// ended meanwhile.
func (s *Set) extract(ctx context.Context, step *orchestrator.StepContext) (result orchestrator.StepResult, err error) {
	r := step.Request.Requirements
	format, err := formatOf(r.Format)
	if err != nil {
		return orchestrator.StepResult{}, orchestrator.Permanent(fmt.Errorf("steps: requirements.format: %w", err))
	}
	cohort, _, err := s.cohort(ctx, r)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	out := Extraction{
		Dir: filepath.Join(step.Request.ID, attemptName(step)), Cohort: len(cohort), Format: strings.TrimPrefix(format.extension, "."),
	}
	if err := os.MkdirAll(filepath.Dir(s.cfg.WorkDir), 0o755); err != nil { // the parent folders belong to the host
		return orchestrator.StepResult{}, fmt.Errorf("steps: %w", err)
	}
	parent := filepath.Join(s.cfg.WorkDir, step.Request.ID)
	dir, err := freshDir(parent, step)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
			os.Remove(parent) // fails while another attempt uses it
		}
	}()
	var rows int64
	for i, name := range r.DataElements {
		progress := orchestrator.Progress{Done: int64(i), Total: int64(len(r.DataElements)), Note: name}
		if err := step.Progress(ctx, progress); err != nil {
			return orchestrator.StepResult{}, err
		}
		f, err := s.extractView(ctx, name, r.Period, cohort, dir, format)
		if err != nil {
			return orchestrator.StepResult{}, err
		}
		out.Files = append(out.Files, f)
		rows += f.Rows
	}
	if err := syncDir(dir); err != nil {
		return orchestrator.StepResult{}, err
	}
	produced := audit.Entry{
		Type: audit.DatasetProduced, Action: audit.Create, Patient: &audit.Patient{Count: int64(len(cohort))},
	}
	for _, f := range out.Files {
		produced.Entity = append(produced.Entity, audit.Entity{Kind: "file", Ref: f.Name, After: f.SHA256, Count: f.Rows})
	}
	if err := step.Audit(ctx, produced); err != nil {
		return orchestrator.StepResult{}, err
	}
	return orchestrator.StepResult{
		Event: workflow.EventExtracted, Output: out,
		Reason: fmt.Sprintf("%d rows of %d patients in %d files", rows, out.Cohort, len(out.Files)),
	}, nil
}

func (s *Set) extractView(
	ctx context.Context, name string, p *orchestrator.Period, cohort []string, dir string, format fileFormat,
) (ExtractedFile, error) {
	f := ExtractedFile{View: name, Name: name + format.extension}
	v, err := s.cfg.Views(name)
	if err != nil {
		return f, orchestrator.Permanent(err)
	}
	if v, err = dataView(v, p); err != nil {
		return f, orchestrator.Permanent(err)
	}
	f.Bytes, f.SHA256, err = writeFile(filepath.Join(dir, f.Name), 0o600, func(w io.Writer) error {
		stats, err := s.cfg.Runner.Write(ctx, v, format.writer(w), runner.Patients(cohort...), runner.OnError(s.cfg.OnError))
		f.Rows, f.Resources, f.Skipped = stats.Rows, stats.Resources, stats.Skipped
		return lasting(err)
	})
	return f, err
}
