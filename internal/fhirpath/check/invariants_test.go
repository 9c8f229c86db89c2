package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// TestInvariantsOfFHIR checks the invariants that HL7 states for its own types, each for the elements it is stated
// for. They are valid, but for those listed here, which are mistakes of the definitions.
func TestInvariantsOfFHIR(t *testing.T) {
	want := map[string]string{
		// Stated for resources of the pattern that have a name; this one has none.
		"R4 ChargeItemDefinition 0":   `no element "name" in ChargeItemDefinition; did you mean date`,
		"R4B ChargeItemDefinition 0":  `no element "name" in ChargeItemDefinition; did you mean date`,
		"R4B ChargeItemDefinition 22": `no element "name" in ChargeItemDefinition; did you mean date`,
		// In where(), $this is the item, not the id before the dot.
		"R4B StructureDefinition.snapshot 116": "length() works on String, not on ElementDefinition",
		"R4B StructureDefinition.snapshot 123": "length() works on String, not on ElementDefinition",
		// A string in double quotes.
		"R5 ElementDefinition": "syntax error",
	}
	got := map[string]string{}
	for _, v := range model.Versions() {
		m := model.Load(v)
		name := filepath.Join("testdata", "invariants_"+strings.ToLower(v.String())+".tsv")
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) != 3 {
				t.Fatalf("%s: line %q has %d fields", name, line, len(fields))
			}
			text, err := strconv.Unquote(fields[2])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e, err := syntax.Parse(text)
			if err != nil {
				got[fmt.Sprintf("%s %s", v, fields[1])] = "syntax error"
				continue
			}
			n++
			o := check.Options{Model: m, Input: check.OfFHIR(m, fields[1]), Resource: check.OfFHIR(m, fields[0])}
			if !o.Input.Known || !o.Resource.Known {
				t.Fatalf("%s: unknown type in %q", name, line)
			}
			for _, fault := range check.Check(e, o).Faults {
				if fault.Level >= check.Strict {
					got[fmt.Sprintf("%s %s %d", v, fields[1], fault.Offset)] = fault.Msg
				}
			}
		}
		if n < 200 {
			t.Errorf("%s: %d invariants, want 200 or more", v, n)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
