package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

func TestGoldenCasesPass(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := run([]string{"-data", testdata.Shared(t, "data"), testdata.Shared(t, "conformance", "golden")}, &out, &errs)
	if code != 0 || out.String() != "48 of 48 passed\n" {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

func TestFailuresAreSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"data/d/Patient.ndjson": `{"resourceType":"Patient","id":"a"}`,
		"rows.json":             `{"name":"rows","dataset":"d","resource":"Patient","columns":["id"],"ordered":true,"expect":"rows.ndjson","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}}`,
		"rows.ndjson":           `{"id":"b"}`,
		"columns.json":          `{"name":"columns","dataset":"d","resource":"Patient","columns":["x"],"expect":"rows.ndjson","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}}`,
		"csv.json":              `{"name":"csv","dataset":"d","resource":"Patient","columns":["id"],"expect":"good.ndjson","csv":"bad.csv","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}}`,
		"good.ndjson":           `{"id":"a"}`,
		"bad.csv":               "id\nb\n",
		"error.json":            `{"name":"error","dataset":"d","resource":"Patient","expectError":true,"view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := run([]string{"-data", filepath.Join(dir, "data"), dir}, &out, &errs); code != 1 {
		t.Errorf("exit %d, want 1: %s", code, errs.String())
	}
	for _, name := range []string{"rows", "columns", "csv", "error"} {
		if !strings.Contains(out.String(), "FAILED "+name+": ") {
			t.Errorf("no failure of %q in\n%s", name, out.String())
		}
	}
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-data", t.TempDir()}, {"-data", "/does/not/exist", "x"}, {"-data", t.TempDir(), t.TempDir()}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %s", args, code, errs.String())
		}
	}
}
