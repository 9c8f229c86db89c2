package conformance

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/runner"
)

// GoldenCase is a view with its expected rows for known data.
type GoldenCase struct {
	Name        string          `json:"name"`
	Dataset     string          `json:"dataset"`
	Resource    string          `json:"resource"`
	Columns     []string        `json:"columns"`
	Ordered     bool            `json:"ordered"`
	View        json.RawMessage `json:"view"`
	Expect      string          `json:"expect"` // file of the rows, as NDJSON
	CSV         string          `json:"csv"`    // file of the rows, as CSV; may be empty
	ExpectError bool            `json:"expectError"`

	dir string
}

// LoadGolden reads golden cases. A path is a file, or a directory of *.json files, except index.json.
func LoadGolden(paths ...string) ([]GoldenCase, error) {
	names, err := jsonFiles(paths)
	if err != nil {
		return nil, err
	}
	var cases []GoldenCase
	for _, name := range names {
		if filepath.Base(name) == "index.json" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c := GoldenCase{dir: filepath.Dir(name)}
		if err := decodeJSON(data, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		return nil, errors.New("no golden cases")
	}
	return cases, nil
}

// Judge returns why a case fails, "" if it passes. data is the directory of the datasets.
func (c *GoldenCase) Judge(ctx context.Context, data string, opts ...runner.RunOption) string {
	return c.judge(ctx, c.source(data), opts)
}

// source reads the file of the case's resources.
func (c *GoldenCase) source(data string) *runner.FileSource {
	return runner.Files(filepath.Join(data, c.Dataset, c.Resource+".ndjson"))
}

func (c *GoldenCase) judge(ctx context.Context, src runner.Source, opts []runner.RunOption) string {
	view, err := runner.CompileJSON(c.View)
	if err != nil {
		if c.ExpectError {
			return ""
		}
		return err.Error()
	}
	got, err := collect(ctx, view, src, opts)
	switch {
	case c.ExpectError && err == nil:
		return fmt.Sprintf("want an error, got %d rows", len(got))
	case c.ExpectError:
		return ""
	case err != nil:
		return err.Error()
	}
	var columns []string
	for _, col := range view.Columns() {
		columns = append(columns, col.Name)
	}
	if !slices.Equal(columns, c.Columns) {
		return fmt.Sprintf("want columns %s, got %s", strings.Join(c.Columns, ", "), strings.Join(columns, ", "))
	}
	want, err := c.rows()
	if err != nil {
		return err.Error()
	}
	if reason := compareRows(want, got, c.Ordered); reason != "" {
		return reason
	}
	if c.CSV == "" {
		return ""
	}
	return c.judgeCSV(ctx, view, src, opts)
}

// rows reads the expected rows.
func (c *GoldenCase) rows() ([]map[string]any, error) {
	f, err := os.Open(filepath.Join(c.dir, c.Expect))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.UseNumber()
	var rows []map[string]any
	for {
		var row map[string]any
		err := dec.Decode(&row)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Expect, err)
		}
		rows = append(rows, row)
	}
}

// judgeCSV compares the output of the CSV writer with the CSV file of the case, record by record.
func (c *GoldenCase) judgeCSV(ctx context.Context, view *runner.View, src runner.Source, opts []runner.RunOption) string {
	wanted, err := os.ReadFile(filepath.Join(c.dir, c.CSV))
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	if _, err := view.Write(ctx, src, runner.NewCSVWriter(&out, runner.CSVGuard(false)), opts...); err != nil {
		return "csv: " + err.Error()
	}
	want, err := records(wanted)
	if err != nil {
		return c.CSV + ": " + err.Error()
	}
	got, err := records(out.Bytes())
	if err != nil {
		return "csv: " + err.Error()
	}
	if !c.Ordered {
		slices.SortFunc(want, slices.Compare[[]string])
		slices.SortFunc(got, slices.Compare[[]string])
	}
	for i := range min(len(want), len(got)) {
		if !slices.Equal(want[i], got[i]) {
			return fmt.Sprintf("csv record %d: want %q, got %q", i, want[i], got[i])
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("csv: want %d records, got %d", len(want), len(got))
	}
	return ""
}

// records reads CSV and converts fields that are JSON (numbers, lists, objects) to their canonical form.
func records(data []byte) ([][]string, error) {
	list, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, record := range list {
		for i, field := range record {
			var v any
			if decodeJSON([]byte(field), &v) == nil {
				record[i] = string(canonical(nil, v))
			}
		}
	}
	return list, nil
}
