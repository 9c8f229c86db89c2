package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
)

// Delivered is the output of the step deliver_data.
type Delivered struct {
	// Package is the path of the folder or zip file.
	Package        string `json:"package"`
	ManifestSHA256 string `json:"manifestSHA256"`
}

// deliver makes the package in a temporary folder and renames it when it is complete.
func (s *Set) deliver(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
	if err := os.MkdirAll(s.cfg.OutDir, 0o750); err != nil {
		return orchestrator.StepResult{}, fmt.Errorf("steps: %w", err)
	}
	final := filepath.Join(s.cfg.OutDir, step.Request.ID)
	if s.cfg.Zip {
		final += ".zip"
	}
	m, sum, err := s.packageAt(ctx, step, final)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	// With the package in place, no attempt needs the extracted data again.
	if err := os.RemoveAll(filepath.Join(s.cfg.WorkDir, step.Request.ID)); err != nil {
		return orchestrator.StepResult{}, fmt.Errorf("steps: %w", err)
	}
	result := &orchestrator.Delivery{Location: final, Format: m.Format, ManifestSHA256: sum}
	for _, f := range m.Files {
		d := orchestrator.DeliveredFile{Name: f.Name, Bytes: f.Bytes, SHA256: f.SHA256}
		if f.Rows != nil {
			d.Rows = *f.Rows
		}
		result.Files = append(result.Files, d)
	}
	return orchestrator.StepResult{
		Event: workflow.EventDelivered, Output: Delivered{Package: final, ManifestSHA256: sum}, Delivery: result,
		Reason: fmt.Sprintf("%d files, manifest sha256 %s", len(m.Files)+1, sum),
	}, nil
}

// packageAt makes the package at final. It keeps the package of an earlier attempt at the same visit. If the extracted
// data is gone, it also keeps the package of an earlier visit that contains that data.
func (s *Set) packageAt(ctx context.Context, step *orchestrator.StepContext, final string) (Manifest, string, error) {
	old, oldSum, oldErr := readPackage(final)
	if oldErr == nil && old.of(step) {
		return old, oldSum, nil
	}
	m, sum, err := s.pack(ctx, step, final)
	if errors.Is(err, os.ErrNotExist) && oldErr == nil && old.holds(step) {
		return old, oldSum, nil
	}
	return m, sum, err
}

// partsOf is the folder in which attempts make the package of a request.
func (s *Set) partsOf(request string) string { return filepath.Join(s.cfg.OutDir, "."+request+".part") }

// pack makes the package and puts it at final.
func (s *Set) pack(ctx context.Context, step *orchestrator.StepContext, final string) (m Manifest, sum string, err error) {
	parts := s.partsOf(step.Request.ID)
	tmp, err := freshDir(parts, step)
	if err != nil {
		return m, "", err
	}
	defer func() {
		os.RemoveAll(tmp)
		os.Remove(parts) // fails while another attempt uses it
	}()
	dir := filepath.Join(tmp, "package")
	if err := os.Mkdir(dir, 0o750); err != nil {
		return m, "", fmt.Errorf("steps: %w", err)
	}
	if m, sum, err = s.fill(ctx, step, dir); err != nil {
		return m, "", err
	}
	if s.cfg.Zip {
		err = placeZip(tmp, m, final)
	} else {
		err = placeFolder(tmp, final)
	}
	if err == nil {
		err = syncDir(s.cfg.OutDir)
	}
	return m, sum, err
}

// placeZip makes a zip file of the folder package in tmp and renames it to its final name.
func placeZip(tmp string, m Manifest, final string) error {
	file := filepath.Join(tmp, "package.zip")
	_, _, err := writeFile(file, 0o640, func(w io.Writer) error { return zipPackage(w, filepath.Join(tmp, "package"), m) })
	if err != nil {
		return err
	}
	if err := os.Rename(file, final); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return nil
}

// placeFolder renames the folder package in tmp to its final name. It first moves away what another visit or a killed
// attempt left there.
func placeFolder(tmp, final string) error {
	dir := filepath.Join(tmp, "package")
	if err := os.Chmod(dir, 0o750); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	if err := os.Rename(final, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("steps: %w", err)
	}
	if err := os.Rename(dir, final); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return nil
}

// fill writes every file of the package; the manifest comes last.
func (s *Set) fill(ctx context.Context, step *orchestrator.StepContext, dir string) (Manifest, string, error) {
	extracted, err := orchestrator.OutputOf[Extraction](step, workflow.StepExtraction)
	if err != nil {
		return Manifest{}, "", err
	}
	quality, err := orchestrator.OutputOf[QualityReport](step, workflow.StepQA)
	if err != nil {
		return Manifest{}, "", err
	}
	m := newManifest(step, extracted.Cohort)
	format, err := formatOf(m.Format)
	if err != nil {
		return m, "", orchestrator.Permanent(err)
	}
	if err := os.Mkdir(filepath.Join(dir, dataFolder), 0o750); err != nil {
		return m, "", fmt.Errorf("steps: %w", err)
	}
	for i, f := range extracted.Files {
		if err := step.Progress(ctx, orchestrator.Progress{Done: int64(i), Total: int64(len(extracted.Files)), Note: f.Name}); err != nil {
			return m, "", err
		}
		if err := ctx.Err(); err != nil {
			return m, "", err
		}
		name := dataFolder + "/" + f.Name
		err := m.add(dir, name, format.mediaType, &f.Rows, func(w io.Writer) error {
			return copyFile(w, filepath.Join(s.cfg.WorkDir, extracted.Dir, f.Name))
		})
		if err != nil {
			return m, "", err
		}
		if sum := m.Files[len(m.Files)-1].SHA256; sum != f.SHA256 {
			return m, "", orchestrator.Permanent(fmt.Errorf("steps: %s has changed since it was extracted", f.Name))
		}
	}
	err = m.add(dir, dictionaryName, "text/csv; charset=utf-8", nil, func(w io.Writer) error {
		return s.writeDictionary(w, extracted, quality)
	})
	if err != nil {
		return m, "", err
	}
	err = m.add(dir, qualityName, "application/json", nil, func(w io.Writer) error { return writeJSON(w, quality) })
	if err != nil {
		return m, "", err
	}
	err = m.add(dir, readmeName, "text/plain; charset=utf-8", nil, func(w io.Writer) error {
		return writeReadme(w, step, m, quality)
	})
	if err != nil {
		return m, "", err
	}
	_, sum, err := writeFile(filepath.Join(dir, manifestName), 0o640, func(w io.Writer) error { return writeJSON(w, m) })
	if err != nil {
		return m, "", err
	}
	return m, sum, errors.Join(syncDir(filepath.Join(dir, dataFolder)), syncDir(dir))
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
