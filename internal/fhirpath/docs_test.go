package fhirpath

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/testdata"
)

// TestDocumentation holds the list of functions in docs/fhirpath.md to the table.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(testdata.Root(t), "docs", "fhirpath.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, doc, ok := strings.Cut(string(raw), "## Functions")
	if !ok {
		t.Fatal("no section Functions")
	}
	list, rest, _ := strings.Cut(doc, "Refused when compiling:")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-zA-Z]+)`").FindAllStringSubmatch(list, -1) {
		if documented[m[1]] {
			t.Errorf("%s is listed twice", m[1])
		}
		documented[m[1]] = true
		if functions[m[1]] == nil {
			t.Errorf("%s is documented and not in the table", m[1])
		}
	}
	for name, f := range functions {
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
		if f.eval == nil || f.max != many && f.max < f.min {
			t.Errorf("%s: entry is not complete", name)
		}
	}
	refusals, _, _ := strings.Cut(rest, "What is limited:")
	for name := range refused {
		if !strings.Contains(refusals, "`"+name+"`") {
			t.Errorf("%s is refused and not documented", name)
		}
	}
	for _, limit := range []string{"100,000 bytes", "500,000", "50,000", "8 MiB", "1,000 bytes", "| 250 |", "| 5,000 |", "| 100 |"} {
		if !strings.Contains(string(raw), limit) {
			t.Errorf("limit %s is not documented", limit)
		}
	}
}
