package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

type listed struct {
	ImportPath, Name          string
	Imports                   []string
	TestImports, XTestImports []string
}

func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = testdata.Root(t)
	out, err := cmd.Output()
	if err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func packages(t *testing.T) []listed {
	t.Helper()
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(goList(t, "-json", "./..."))))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsPointDownwards(t *testing.T) {
	t.Parallel()
	rules := Rules()
	checked := 0
	for _, p := range packages(t) {
		pkg, ok := strings.CutPrefix(p.ImportPath, Module+"/")
		if !ok || p.Name == "main" || below(pkg, "examples") {
			continue
		}
		if forTests(pkg) {
			continue
		}
		rule, ok := ruleFor(rules, pkg)
		if !ok {
			t.Errorf("%s has no rule in internal/lint/imports.go", pkg)
			continue
		}
		checked++
		for _, path := range p.Imports {
			if !rule.Allows(path) {
				t.Errorf("%s imports %s, which the rule for %s does not allow", pkg, path, rule.Folder)
			}
			if own, ok := strings.CutPrefix(path, Module+"/"); ok && forTests(own) {
				t.Errorf("%s imports %s, which is for tests", pkg, own)
			}
		}
	}
	if checked == 0 {
		t.Error("go list named no package that a rule covers")
	}
}

func TestNoPackageImportsTheRoot(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		pkg, ok := strings.CutPrefix(p.ImportPath, Module+"/")
		if !ok || below(pkg, "examples") {
			continue
		}
		for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for _, path := range list {
				if path == Module {
					t.Errorf("%s imports the root package", pkg)
				}
			}
		}
	}
}

func TestRunnerLinksTheEngineAlone(t *testing.T) {
	t.Parallel()
	if !strings.Contains(string(goList(t, "./...")), Module+"/runner\n") {
		t.Skip("SKIPPED: there is no package runner")
	}
	for _, dep := range strings.Fields(string(goList(t, "-deps", "./runner", "./runner/views"))) {
		for _, bad := range NotInRunner() {
			// Decimals (apd) implement the interfaces of database/sql/driver, which is no more than those.
			if below(dep, bad) && dep != "database/sql/driver" {
				t.Errorf("runner links %s", dep)
			}
		}
	}
}

func TestRuleAllows(t *testing.T) {
	t.Parallel()
	rules := Rules()
	tests := []struct {
		pkg, path string
		want      bool
	}{
		{"fhir", "net/http", true},
		{"fhir", Module + "/internal/fhirjson", true},
		{"fhir", Module + "/runner", false},
		{"fhir", "github.com/hashicorp/go-retryablehttp", true},
		{"orchestrator", Module + "/store", false},
		{"orchestrator", Module + "/orchestrator/steps", true}, // its own folder; Go itself refuses the circle
		{"orchestrator/audit", Module + "/orchestrator", false},
		{"orchestrator/steps", Module + "/runner", true},
		{"orchestrator/steps", Module + "/runner/views", false},
		{"runner", "github.com/uptrace/bun", false},
		{"runner", Module + "/cache", true},
		{"runner", Module + "/cache/rediscache", false},
		{"store", "github.com/uptrace/bun/dialect/pgdialect", true},
		{"store/storetest", "github.com/uptrace/bun", false},
		{"internal/fhirpath/system", "github.com/cockroachdb/apd/v3", true},
		{"internal/fhirpath", Module + "/runner", false},
		{"internal/fhirpath", Module, false},
	}
	for _, tt := range tests {
		rule, ok := ruleFor(rules, tt.pkg)
		if !ok {
			t.Errorf("no rule for %s", tt.pkg)
			continue
		}
		if got := rule.Allows(tt.path); got != tt.want {
			t.Errorf("rule %s: Allows(%s) = %v, want %v", rule.Folder, tt.path, got, tt.want)
		}
	}
}
