package check_test

import (
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

func TestRepeat(t *testing.T) {
	tests := []struct{ input, expr, want string }{
		{"QuestionnaireResponse", "repeat(item)", "FHIR.QuestionnaireResponse.item"},
		{"QuestionnaireResponse", "repeat(item | answer.item)", "FHIR.QuestionnaireResponse.item"},
		{"QuestionnaireResponse", "repeat(item | answer)", "FHIR.QuestionnaireResponse.item FHIR.QuestionnaireResponse.item.answer"},
		{"Questionnaire", "repeat(jurisdiction.extension)", "FHIR.Extension"},
		{"Questionnaire", "repeat(nonsense)", ""},
		{"ValueSet", "repeat(expansion | contains)", "FHIR.ValueSet.expansion FHIR.ValueSet.expansion.contains"},
		{"Patient", "repeat(children())", "anything"},
		{"Patient", "repeat(contained | contained.name)", "anything"},
		{"Patient", "repeat($this)", "FHIR.Patient"},
	}
	m := model.Load(model.R4)
	for _, tt := range tests {
		e, err := syntax.Parse(tt.expr)
		if err != nil {
			t.Fatalf("%s: %v", tt.expr, err)
		}
		typ := check.Check(e, check.Options{Model: m, Input: check.OfFHIR(m, tt.input)}).Type
		got := strings.Join(typ.Names(m), " ")
		if !typ.Known {
			got = "anything"
		}
		if got != tt.want || typ.Single {
			t.Errorf("%s from %s: got %q (single: %v), want %q", tt.expr, tt.input, got, typ.Single, tt.want)
		}
	}
}
