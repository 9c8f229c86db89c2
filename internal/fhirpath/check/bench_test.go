package check_test

import (
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// hurtful are expressions that cost the most to check for their length.
func hurtful() map[string]string {
	return map[string]string{
		"plain":           "name.where(use = 'official').given.first()",
		"nested repeat":   strings.Repeat("repeat(contained | ", 80) + "nonsense" + strings.Repeat(")", 80),
		"nested unknown":  strings.Repeat("repeat(contained.nonsense | ", 80) + "nonsense" + strings.Repeat(")", 80),
		"nested total":    strings.Repeat("aggregate($total | ", 80) + "extension.value" + strings.Repeat(")", 80),
		"long union":      strings.Repeat("extension.value | ", 1500) + "id",
		"unknown types":   strings.Repeat("ofType(Nonsense).", 1500) + "id",
		"unknown members": strings.Repeat("contained.nonsense | ", 1500) + "id",
		"variables":       strings.Repeat("defineVariable('a', name).", 1500) + "select(%b)",
	}
}

func TestHurtfulExpressions(t *testing.T) {
	m := model.Load(model.R4)
	for name, text := range hurtful() {
		e, err := syntax.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := check.Check(e, check.Options{Model: m, Input: check.OfFHIR(m, "Patient")})
		if len(r.Faults) > check.MaxFaults {
			t.Errorf("%s: %d faults, want no more than %d", name, len(r.Faults), check.MaxFaults)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	m := model.Load(model.R4)
	for name, text := range hurtful() {
		e, err := syntax.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check.Check(e, check.Options{Model: m, Input: check.OfFHIR(m, "Patient")})
			}
		})
	}
}
