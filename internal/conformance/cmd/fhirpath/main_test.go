package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
)

func TestSuitePasses(t *testing.T) {
	t.Parallel()
	suite := testdata.Shared(t, "conformance", "fhirpath", "tests-fhir-r4.visible.json")
	var out, errs bytes.Buffer
	if code := run([]string{suite}, &out, &errs); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if !strings.HasSuffix(out.String(), "\n644 of 645 passed, 0 failed, 1 excluded\n") {
		t.Errorf("output ends %q", out.String()[max(0, out.Len()-80):])
	}
}

// TestDump runs cases of which some fail, with their inputs in two folders.
func TestDump(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("a/p.json", `{"resourceType":"Patient","name":[{"given":["A"]}]}`)
	write("b/q.json", `{"resourceType":"Patient","birthDate":"2000"}`)
	first := write("first.json", `{"tests":[
		{"id":"g/1","group":"g","expression":"name","inputfile":"p.json","outputs":[{"given":["A"]}]},
		{"id":"g/2","group":"g","expression":"birthDate","inputfile":"q.json","outputs":[{"type":"date","value":"@2000"}]},
		{"id":"g/3","group":"g","expression":"1 +","outputs":[]}]}`)
	second := write("second.json", `{"tests":[{"id":"h/1","group":"h","expression":"{}","inputfile":"absent.json"}]}`)
	dump := filepath.Join(dir, "dump")
	var out, errs bytes.Buffer
	args := []string{"-inputs", filepath.Join(dir, "a"), "-inputs", filepath.Join(dir, "b"), "-dump", dump, first, second}
	if code := run(args, &out, &errs); code != 1 {
		t.Errorf("exit %d, want 1\n%s", code, errs.String())
	}
	for _, line := range []string{"2 of 3 passed, 1 failed", "0 of 1 passed, 1 failed", "FAIL g/3: 1 +", "FAIL h/1: {}"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
	got, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"g/1","error":null,"outputs":[{"type":"HumanName","value":"{\"given\":[\"A\"]}"}]}
{"id":"g/2","error":null,"outputs":[{"type":"date","value":"@2000"}]}
{"id":"g/3","error":"syntax","outputs":[]}
{"id":"h/1","error":"case","outputs":[]}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("dump (-want +got):\n%s", diff)
	}
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-nope"}, {"/does/not/exist"}, {"-dump", "/does/not/exist/dump", t.TempDir()}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %s", args, code, errs.String())
		}
	}
}
