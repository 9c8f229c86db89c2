package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFHIRPathExclusions(t *testing.T) {
	t.Parallel()
	list, err := loadExclusions("fhirpath")
	if err != nil {
		t.Fatal(err)
	}
	for id, e := range list {
		if !strings.Contains(id, "/") || e.ID != id {
			t.Errorf("exclusion %q is no case id", id)
		}
	}
	if _, err := loadExclusions("nothing"); err == nil {
		t.Error("a suite without a list has no error")
	}
}

// TestFHIRPathJudge gives the judge cases with known verdicts.
func TestFHIRPathJudge(t *testing.T) {
	t.Parallel()
	const cases = `{"tests":[
	{"id":"a/1","expression":"1.50","outputs":[{"type":"decimal","value":"1.5"}]},
	{"id":"a/2","expression":"1 | 2","outputs":[{"value":"2"},{"value":"1"}],"ordered":"false"},
	{"id":"a/3","expression":"1 | 2","outputs":[{"value":"2"},{"value":"1"}]},
	{"id":"a/4","expression":"1 +","outputs":[],"invalid":"syntax"},
	{"id":"a/5","expression":"1","outputs":[],"invalid":true},
	{"id":"a/6","expression":"@2012-04-15T15:00:00+02:00","outputs":[{"type":"dateTime","value":"@2012-04-15T16:00:00+03:00"}]},
	{"id":"a/7","expression":"@2012-04-15","outputs":[{"type":null,"value":"@2012-04"}]},
	{"id":"a/8","expression":"a.b","input":{"a":{"b":[1,"x"]}},"model":null,"outputs":[{"value":1},{"value":"x"}]},
	{"id":"a/9","expression":"a","input":{"a":{"b":1.0,"c":2}},"model":null,"outputs":[{"value":{"c":2,"b":1}}]},
	{"id":"a/10","expression":"%n + %o.p","variables":{"n":3,"o":{"p":4}},"outputs":[{"value":"7"}]},
	{"id":"a/11","expression":"name","predicate":true,"input":{"resourceType":"Patient"},"outputs":[{"type":"boolean","value":"false"}]},
	{"id":"a/12","expression":"4 'g'","outputs":[{"type":"Quantity","value":"4000 'mg'"}]},
	{"id":"a/13","expression":"'4'","outputs":[{"type":"integer","value":"4"}]},
	{"id":"a/14","expression":"{}","outputs":[]},
	{"id":"a/15","expression":"(1 | 2) = 1 + (1 | 2)","outputs":[],"invalid":"execution"},
	{"id":"a/16","expression":"@T10:00","outputs":[{"type":"time","value":"@T10:00"}]}
	]}`
	results := runCases(t, cases)
	wrong := map[string]bool{"a/3": true, "a/5": true, "a/7": true, "a/13": true}
	for _, r := range results {
		if (r.Reason != "") != wrong[r.Case.ID] {
			t.Errorf("%s: %s: %q", r.Case.ID, r.Case.Expression, r.Reason)
		}
	}
}

func TestLoadFHIRPathErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"no-json": "{", "no-cases": `{"tests":[]}`} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFHIRPath(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := LoadFHIRPath(filepath.Join(dir, "absent")); err == nil {
		t.Error("absent: no error")
	}
}

// TestFHIRPathCaseErrors holds cases that cannot be run: each fails, and the others are run all the same.
func TestFHIRPathCaseErrors(t *testing.T) {
	t.Parallel()
	results := runCases(t, `{"tests":[
		{"id":"m","expression":"1","outputs":[{"value":"1"}],"model":"r9"},
		{"id":"i","expression":"1","outputs":[{"value":"1"}],"inputfile":"absent.json"},
		{"id":"j","expression":"1","outputs":[{"value":"1"}],"invalid":"true","input":{"a":1,"a":2}},
		{"id":"c","expression":"1","outputs":[{"value":"1"}],"input":{},"context":"1 +"},
		{"id":"d","expression":"1","outputs":[{"value":"1"}],"input":{},"context":"(1 | 2).single()"},
		{"id":"ok","expression":"1","outputs":[{"value":"1"}]}
	]}`)
	for _, r := range results {
		if (r.Reason == "") != (r.Case.ID == "ok") || r.Reason != "" && *r.Error != "case" {
			t.Errorf("%s: reason %q", r.Case.ID, r.Reason)
		}
	}
}

// runCases runs a suite that is written as JSON.
func runCases(t *testing.T, suite string) []FHIRPathResult {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(file, []byte(suite), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadFHIRPath(file)
	if err != nil {
		t.Fatal(err)
	}
	results, err := RunFHIRPath(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestEqualJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{`{"a":1.0,"b":[true,null]}`, `{"b":[true,null],"a":1}`, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,2]`, false},
		{`"1"`, `1`, false},
		{`1e2`, `100`, true},
		{`null`, `null`, true},
		{`x`, `x`, false},
		{`1 1`, `1 1`, false},
	}
	for _, tt := range tests {
		if got := equalJSON([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("EqualJSON(%s, %s) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
