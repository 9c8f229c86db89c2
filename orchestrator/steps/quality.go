package steps

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
	"github.com/researchflow/researchflow/orchestrator/workflow"
	"github.com/researchflow/researchflow/runner"
)

// QualityReport is the output of the step validate_quality. It contains names of views and columns, and counts, but no
// values.
type QualityReport struct {
	Passed bool `json:"passed"`
	// Completeness is the share of cells that are not null, 0 to 1.
	Completeness float64         `json:"completeness"`
	Checks       []QualityCheck  `json:"checks"`
	Views        []ViewQuality   `json:"views"`
	Identifiers  []FoundIdentity `json:"identifiers,omitempty"`
}

// QualityCheck is the result of one check.
type QualityCheck struct {
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	// Findings say what is wrong or, if the check has passed, what a reviewer should look at.
	Findings []string `json:"findings,omitempty"`
}

// ViewQuality holds the figures of one view.
type ViewQuality struct {
	View string `json:"view"`
	File string `json:"file"`
	Rows int64  `json:"rows"`
	// Duplicates counts rows that are equal to an earlier one in every column.
	Duplicates int64           `json:"duplicates"`
	Columns    []ColumnQuality `json:"columns"`
}

// ColumnQuality holds the figures of one column.
type ColumnQuality struct {
	Name string `json:"name"`
	// Nulls is the number of rows without a value; NullRate is their share, 0 to 1.
	Nulls    int64   `json:"nulls"`
	NullRate float64 `json:"nullRate"`
}

// FoundIdentity says that a column holds identifiers.
type FoundIdentity struct {
	View   string         `json:"view"`
	Column string         `json:"column"`
	Kind   IdentifierKind `json:"kind"`
	Rows   int64          `json:"rows"`
	// Refused says that the request's PHI level forbids it; otherwise the reviewer decides.
	Refused bool `json:"refused"`
}

// validate reads the extracted files back and judges them.
func (s *Set) validate(ctx context.Context, step *orchestrator.StepContext) (orchestrator.StepResult, error) {
	extracted, err := orchestrator.OutputOf[Extraction](step, workflow.StepExtraction)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	found, err := orchestrator.OutputOf[Feasibility](step, workflow.StepFeasibility)
	if err != nil {
		return orchestrator.StepResult{}, err
	}
	r := step.Request.Requirements
	var report QualityReport
	for i, f := range extracted.Files {
		progress := orchestrator.Progress{Done: int64(i), Total: int64(len(extracted.Files)), Note: f.View}
		if err := step.Progress(ctx, progress); err != nil {
			return orchestrator.StepResult{}, err
		}
		v, err := s.cfg.Views(f.View)
		if err != nil {
			return orchestrator.StepResult{}, orchestrator.Permanent(err)
		}
		quality, identifiers, err := inspect(ctx, filepath.Join(s.cfg.WorkDir, extracted.Dir), f, v, r)
		if err != nil {
			return orchestrator.StepResult{}, fmt.Errorf("steps: %s: %w", f.Name, err)
		}
		report.Views = append(report.Views, quality)
		report.Identifiers = append(report.Identifiers, identifiers...)
	}
	s.judgeAll(&report, extracted, found, r)

	event, reason := workflow.EventPassed, fmt.Sprintf("all %d checks passed", len(report.Checks))
	if !report.Passed {
		var failed []string
		for _, c := range report.Checks {
			if !c.Passed {
				failed = append(failed, c.Name+": "+strings.Join(c.Findings, "; "))
			}
		}
		event, reason = workflow.EventFailed, strings.Join(failed, "; ")
	}
	return orchestrator.StepResult{Event: event, Output: report, Reason: reason}, nil
}

// inspect reads one file. The file must be the one that was extracted, and have its rows.
func inspect(
	ctx context.Context, dir string, f ExtractedFile, v *runner.View, r orchestrator.Requirements,
) (ViewQuality, []FoundIdentity, error) {
	q := ViewQuality{View: f.View, File: f.Name}
	format, err := formatOf(r.Format)
	if err != nil {
		return q, nil, orchestrator.Permanent(err)
	}
	if sum, err := sumIn(os.DirFS(dir), f.Name); err != nil {
		return q, nil, err
	} else if sum != f.SHA256 {
		return q, nil, orchestrator.Permanent(fmt.Errorf("the file has changed since it was extracted"))
	}
	file, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return q, nil, err
	}
	defer file.Close()

	var names []string
	for _, c := range v.Columns() {
		names = append(names, c.Name)
		q.Columns = append(q.Columns, ColumnQuality{Name: c.Name})
	}
	kinds := pathKinds(v)
	counts := make([]map[IdentifierKind]int64, len(names))
	seen := map[[16]byte]struct{}{} // half a SHA-256 identifies a row without keeping its values
	var key []byte
	err = format.read(file, names, func(values []string, null []bool) error {
		if q.Rows++; q.Rows%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		key = key[:0]
		for i, value := range values {
			if null[i] {
				key = append(key, 0)
				q.Columns[i].Nulls++
				continue
			}
			key = append(binary.AppendUvarint(key, uint64(len(value))+1), value...)
			for _, kind := range cellKinds(kinds[names[i]], value) {
				if counts[i] == nil {
					counts[i] = map[IdentifierKind]int64{}
				}
				counts[i][kind]++
			}
		}
		sum := sha256.Sum256(key)
		half := [16]byte(sum[:16])
		if _, ok := seen[half]; ok {
			q.Duplicates++
		}
		seen[half] = struct{}{}
		return nil
	})
	if err != nil {
		return q, nil, err
	}
	if q.Rows != f.Rows {
		return q, nil, orchestrator.Permanent(fmt.Errorf("%d rows were extracted, the file has %d", f.Rows, q.Rows))
	}
	var identifiers []FoundIdentity
	for i := range q.Columns {
		if q.Rows > 0 {
			q.Columns[i].NullRate = round(float64(q.Columns[i].Nulls) / float64(q.Rows))
		}
		for _, kind := range allKinds() {
			n := counts[i][kind]
			if verdict := judge(phiLevel(r), kind); n > 0 && verdict != allowed {
				identifiers = append(identifiers, FoundIdentity{f.View, names[i], kind, n, verdict == refused})
			}
		}
	}
	return q, identifiers, nil
}

func allKinds() []IdentifierKind {
	return []IdentifierKind{
		NameIdentifier, AddressIdentifier, PlaceIdentifier, BirthDateIdentifier, DeathDateIdentifier, DateIdentifier,
		ContactIdentifier, NumberIdentifier, PhotoIdentifier, NarrativeIdentifier,
	}
}

// round rounds a share to four digits.
func round(share float64) float64 { return math.Round(share*1e4) / 1e4 }

// judgeAll fills in the checks and the verdict.
func (s *Set) judgeAll(report *QualityReport, extracted Extraction, found Feasibility, r orchestrator.Requirements) {
	report.Passed = true
	add := func(c QualityCheck) {
		report.Checks = append(report.Checks, c)
		report.Passed = report.Passed && c.Passed
	}
	add(completeness(report, found, r))
	add(nullRates(report))
	add(s.duplicates(report))
	add(s.cohortSize(extracted, found, r))
	add(identifiersCheck(report, r))
}

// completeness checks that each requested element was extracted, and has rows if the feasibility step found any.
func completeness(report *QualityReport, found Feasibility, r orchestrator.Requirements) QualityCheck {
	c := QualityCheck{Name: "completeness", Passed: true}
	rows, expected := map[string]int64{}, map[string]int64{}
	var cells, nulls int64
	for _, v := range report.Views {
		rows[v.View] = v.Rows
		cells += v.Rows * int64(len(v.Columns))
		for _, col := range v.Columns {
			nulls += col.Nulls
		}
	}
	for _, e := range found.Elements {
		expected[e.Name] = e.Rows
	}
	for _, name := range r.DataElements {
		n, ok := rows[name]
		switch {
		case !ok:
			c.Passed, c.Findings = false, append(c.Findings, name+" was not extracted")
		case n == 0 && expected[name] > 0:
			c.Passed, c.Findings = false, append(c.Findings, fmt.Sprintf("%s has no rows, %d were expected", name, expected[name]))
		case n == 0:
			c.Findings = append(c.Findings, name+" has no rows")
		}
	}
	if cells > 0 {
		report.Completeness = round(1 - float64(nulls)/float64(cells))
	}
	return c
}

// nullRates points out columns without any value. They do not fail the check, since a source need not fill all
// columns.
func nullRates(report *QualityReport) QualityCheck {
	c := QualityCheck{Name: "null rates", Passed: true}
	for _, v := range report.Views {
		var empty []string
		for _, col := range v.Columns {
			if v.Rows > 0 && col.Nulls == v.Rows {
				empty = append(empty, col.Name)
			}
		}
		if len(empty) > 0 {
			c.Findings = append(c.Findings, fmt.Sprintf("%s: no values in %s", v.View, strings.Join(empty, ", ")))
		}
	}
	return c
}

func (s *Set) duplicates(report *QualityReport) QualityCheck {
	c := QualityCheck{Name: "duplicates", Passed: true}
	for _, v := range report.Views {
		if v.Duplicates == 0 {
			continue
		}
		c.Findings = append(c.Findings, fmt.Sprintf("%s: %d of %d rows repeat another", v.View, v.Duplicates, v.Rows))
		if float64(v.Duplicates) > s.cfg.MaxDuplicates*float64(v.Rows) {
			c.Passed = false
		}
	}
	return c
}

func (s *Set) cohortSize(extracted Extraction, found Feasibility, r orchestrator.Requirements) QualityCheck {
	c := QualityCheck{Name: "cohort size", Passed: true}
	if found.Cohort != extracted.Cohort {
		c.Findings = append(c.Findings, fmt.Sprintf("%d patients, %d when feasibility was validated", extracted.Cohort, found.Cohort))
	}
	drift := math.Abs(float64(extracted.Cohort - found.Cohort))
	if drift > s.cfg.CohortDrift*float64(found.Cohort) {
		c.Passed = false
	}
	if extracted.Cohort < r.MinimumCohort {
		c.Passed = false
		c.Findings = append(c.Findings, fmt.Sprintf("%d patients are fewer than the minimum of %d", extracted.Cohort, r.MinimumCohort))
	}
	return c
}

func identifiersCheck(report *QualityReport, r orchestrator.Requirements) QualityCheck {
	c := QualityCheck{Name: "identifiers", Passed: true}
	for _, f := range report.Identifiers {
		verb := "holds"
		if f.Refused {
			c.Passed, verb = false, "may not hold"
		}
		c.Findings = append(c.Findings, fmt.Sprintf("%s.%s %s %s at level %s (%d rows)", f.View, f.Column, verb, f.Kind, phiLevel(r), f.Rows))
	}
	return c
}
