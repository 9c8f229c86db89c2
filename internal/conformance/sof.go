package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/runner"
)

// SofFile is a file of the SQL on FHIR suite (tests.schema.json of the suite).
type SofFile struct {
	Name        string            `json:"-"` // name of the file
	Title       string            `json:"title"`
	Description string            `json:"description"`
	FHIRVersion []string          `json:"fhirVersion"`
	Resources   []json.RawMessage `json:"resources"`
	Tests       []SofTest         `json:"tests"`
}

// SofTest is one case of a [SofFile].
type SofTest struct {
	Title         string            `json:"title"`
	Tags          []string          `json:"tags"`
	View          json.RawMessage   `json:"view"`
	Expect        *[]map[string]any `json:"expect"`
	ExpectCount   *int              `json:"expectCount"`
	ExpectError   bool              `json:"expectError"`
	ExpectColumns []string          `json:"expectColumns"`
}

// SofReport is test_report.json: by file name, the result of every case.
type SofReport map[string]SofFileReport

// SofFileReport is the part of a [SofReport] about one file.
type SofFileReport struct {
	Tests []SofTestReport `json:"tests"`
}

// SofTestReport is the result of one case.
type SofTestReport struct {
	Name   string    `json:"name"`
	Result SofResult `json:"result"`
}

// SofResult reports whether a case passed, and if not, why.
type SofResult struct {
	Passed bool   `json:"passed"`
	Reason string `json:"reason,omitempty"`
}

// Count returns how many cases passed and how many did not.
func (f SofFileReport) Count() (passed, failed int) {
	for _, t := range f.Tests {
		if t.Result.Passed {
			passed++
		} else {
			failed++
		}
	}
	return passed, failed
}

// Count returns how many cases of all files passed and how many did not.
func (r SofReport) Count() (passed, failed int) {
	for _, f := range r {
		p, n := f.Count()
		passed, failed = passed+p, failed+n
	}
	return passed, failed
}

// LoadSof reads the suite's files: paths are files, or directories of which all *.json files are read.
func LoadSof(paths ...string) ([]SofFile, error) {
	names, err := jsonFiles(paths)
	if err != nil {
		return nil, err
	}
	var files []SofFile
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f := SofFile{Name: filepath.Base(name)}
		if err := decodeJSON(data, &f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(f.Tests) == 0 {
			return nil, fmt.Errorf("%s: the file has no tests", name)
		}
		files = append(files, f)
	}
	return files, nil
}

// jsonFiles returns the *.json files of directories, and files as they are.
func jsonFiles(paths []string) ([]string, error) {
	var names []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			names = append(names, path)
			continue
		}
		found, err := filepath.Glob(filepath.Join(path, "*.json"))
		if err != nil {
			return nil, err
		}
		slices.Sort(found)
		names = append(names, found...)
	}
	if len(names) == 0 {
		return nil, errors.New("there are no *.json files")
	}
	return names, nil
}

// Judge runs all cases of a file. Options are for runs, such as the number of workers.
func (f *SofFile) Judge(ctx context.Context, opts ...runner.RunOption) SofFileReport {
	var report SofFileReport
	for i := range f.Tests {
		t := &f.Tests[i]
		reason := f.judge(ctx, t, opts)
		report.Tests = append(report.Tests, SofTestReport{
			Name: t.Title, Result: SofResult{Passed: reason == "", Reason: reason},
		})
	}
	return report
}

// judge returns why a case fails, "" when it passes.
func (f *SofFile) judge(ctx context.Context, t *SofTest, opts []runner.RunOption) string {
	view, rows, err := f.run(ctx, t, opts)
	switch {
	case t.ExpectError && err == nil:
		return fmt.Sprintf("want an error, got %d rows", len(rows))
	case t.ExpectError:
		return ""
	case err != nil:
		return err.Error()
	}
	if t.ExpectColumns != nil {
		var got []string
		for _, c := range view.Columns() {
			got = append(got, c.Name)
		}
		if !slices.Equal(got, t.ExpectColumns) {
			return fmt.Sprintf("want columns %s, got %s", strings.Join(t.ExpectColumns, ", "), strings.Join(got, ", "))
		}
	}
	if t.ExpectCount != nil && *t.ExpectCount != len(rows) {
		return fmt.Sprintf("want %d rows, got %d", *t.ExpectCount, len(rows))
	}
	if t.Expect == nil {
		if t.ExpectCount == nil && t.ExpectColumns == nil {
			return "the case expects nothing"
		}
		return ""
	}
	return compareRows(withNulls(*t.Expect, view), rows, false)
}

// withNulls adds the columns that an expected row leaves out: they are null.
func withNulls(rows []map[string]any, view *runner.View) []map[string]any {
	full := make([]map[string]any, len(rows))
	for i, row := range rows {
		full[i] = make(map[string]any)
		for _, c := range view.Columns() {
			full[i][c.Name] = nil
		}
		for k, v := range row {
			full[i][k] = v
		}
	}
	return full
}

// run compiles a case's view and runs it over the file's resources.
func (f *SofFile) run(ctx context.Context, t *SofTest, opts []runner.RunOption) (*runner.View, []map[string]any, error) {
	var compile []runner.CompileOption
	if version, ok := f.version(); ok {
		compile = append(compile, runner.WithFHIRVersion(version))
	}
	view, err := runner.CompileJSON(t.View, compile...)
	if err != nil {
		return nil, nil, err
	}
	rows, err := collect(ctx, view, runner.Resources(f.Resources), opts)
	return view, rows, err
}

// version returns the FHIR version that a file is run with: 4.0.1 where it is one of the file's, else the first that
// there is a model of; ok is false if there is none.
func (f *SofFile) version() (version string, ok bool) {
	if slices.Contains(f.FHIRVersion, "4.0.1") {
		return "4.0.1", true
	}
	for _, version := range f.FHIRVersion {
		if _, ok := model.ParseVersion(version); ok {
			return version, true
		}
	}
	return "", false
}

// collect returns all rows of a view, decoded from their JSON.
func collect(ctx context.Context, view *runner.View, src runner.Source, opts []runner.RunOption) ([]map[string]any, error) {
	var rows []map[string]any
	for row, err := range view.Rows(ctx, src, opts...) {
		if err != nil {
			return nil, err
		}
		var m map[string]any
		if err := decodeJSON(row.AppendJSON(nil), &m); err != nil {
			return nil, fmt.Errorf("the row is not JSON: %w", err)
		}
		rows = append(rows, m)
	}
	return rows, nil
}
