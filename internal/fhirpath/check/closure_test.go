package check_test

import (
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

func TestClosure(t *testing.T) {
	tests := []struct {
		input string
		paths []string
		want  string
	}{
		{"QuestionnaireResponse", []string{"item"}, "FHIR.QuestionnaireResponse.item"},
		{"QuestionnaireResponse", []string{"item", "answer.item"}, "FHIR.QuestionnaireResponse.item"},
		{"QuestionnaireResponse", []string{"item", "answer"}, "FHIR.QuestionnaireResponse.item FHIR.QuestionnaireResponse.item.answer"},
		{"Questionnaire", []string{"jurisdiction.extension"}, "FHIR.Extension"},
		{"Questionnaire", []string{"nonsense"}, ""},
		{"Questionnaire", nil, ""},
		{"ValueSet", []string{"expansion", "contains"}, "FHIR.ValueSet.expansion FHIR.ValueSet.expansion.contains"},
		{"Patient", []string{"children()"}, "anything"},
		{"Patient", []string{"contained", "contained.name"}, "anything"},
		{"Patient", []string{"$this"}, "FHIR.Patient"},
	}
	m := model.Load(model.R4)
	for _, tt := range tests {
		var paths []syntax.Expr
		for _, text := range tt.paths {
			e, err := syntax.Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			paths = append(paths, e)
		}
		c := check.Closure(paths, check.Options{Model: m, Input: check.OfFHIR(m, tt.input)})
		got := strings.Join(c.Names(m), " ")
		if !c.Known {
			got = "anything"
		}
		if got != tt.want || c.Single {
			t.Errorf("%v from %s: got %q (single: %v), want %q", tt.paths, tt.input, got, c.Single, tt.want)
		}
	}
}
