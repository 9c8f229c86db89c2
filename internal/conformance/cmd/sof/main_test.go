package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

func TestSuitePasses(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "test_report.json")
	var out, errs bytes.Buffer
	if code := run([]string{"-report", report, testdata.Shared(t, "conformance", "sql-on-fhir")}, &out, &errs); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if !strings.HasSuffix(out.String(), "\n100 of 100 passed\n") {
		t.Errorf("output ends %q", out.String()[max(0, out.Len()-60):])
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]struct {
		Tests []struct {
			Name   string
			Result map[string]any
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 22 || len(got["basic.json"].Tests) == 0 || got["basic.json"].Tests[0].Result["passed"] != true {
		t.Errorf("report of %d files", len(got))
	}
}

// TestFailuresAreSeen has a case for each way to fail.
func TestFailuresAreSeen(t *testing.T) {
	t.Parallel()
	const suite = `{"title":"t","resources":[{"resourceType":"Patient","id":"a"}],"tests":[
		{"title":"rows","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]},"expect":[{"id":"b"}]},
		{"title":"no error","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]},"expectError":true},
		{"title":"error","view":{},"expect":[]},
		{"title":"columns","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]},"expectColumns":["x"],"expect":[{"id":"a"}]},
		{"title":"count","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]},"expectCount":2},
		{"title":"nothing","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}},
		{"title":"good","view":{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"},{"name":"g","path":"gender"}]}]},"expect":[{"id":"a"}]}]}`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "suite.json"), []byte(suite), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"-report", "", dir}, &out, &errs); code != 1 {
		t.Errorf("exit %d, want 1\n%s", code, errs.String())
	}
	for _, name := range []string{"rows", "no error", "error", "columns", "count", "nothing"} {
		if !strings.Contains(out.String(), "FAILED "+name+": ") {
			t.Errorf("no failure of %q in\n%s", name, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "1 of 7 passed\n") {
		t.Errorf("output\n%s", out.String())
	}
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-nope"}, {"/does/not/exist"}, {t.TempDir()}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %s", args, code, errs.String())
		}
	}
}
