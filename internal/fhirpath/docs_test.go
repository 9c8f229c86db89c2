package fhirpath

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
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
	_, limits, _ := strings.Cut(string(raw), "## Limits")
	limits, _, _ = strings.Cut(limits, "A view has limits")
	for limit, n := range map[string]int{
		"length of an expression | ": syntax.MaxLength, "signs | ": syntax.MaxDepth, "in a row | ": syntax.MaxHeight,
		"one place | ": maxVariables, "reported | ": maxErrors, "compile all of them | ": maxPatternSteps,
		"one evaluation | ": defaultMaxSteps, "and ": evalStepsPerNode, "on one resource | ": defaultMaxResourceSteps,
		"0, and ": stepsPerNode, "collection | ": defaultMaxItems, "regular expression | ": defaultMaxPattern,
		"resolver brings | ": defaultMaxDocuments, "bytes | ": fhirjson.DefaultMaxDepth,
	} {
		if !regexp.MustCompile(regexp.QuoteMeta(limit+grouped(n)) + `\b`).MatchString(limits) {
			t.Errorf("limit %q is not documented as %s", limit, grouped(n))
		}
	}
	for text, n := range map[string]int{"8 MiB": defaultMaxText, "256 MiB": fhirjson.DefaultMaxBytes, "4 Mi,": fhirjson.DefaultMaxNodes} {
		if want, _ := strconv.Atoi(strings.Fields(text)[0]); n != want<<20 || !strings.Contains(limits, text) {
			t.Errorf("limit of %d is not documented", n)
		}
	}
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
