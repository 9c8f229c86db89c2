package fhirpath_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

func TestStaticResult(t *testing.T) {
	tests := []struct {
		expr   string
		inputs []string
		want   fhirpath.StaticType
	}{
		{"name.given", []string{"Patient"}, fhirpath.StaticType{Types: []string{"FHIR.string"}}},
		{"birthDate", []string{"Patient"}, fhirpath.StaticType{Types: []string{"FHIR.date"}, Single: true}},
		{"Patient.gender", nil, fhirpath.StaticType{Types: []string{"FHIR.code"}, Single: true}},
		{"name.exists()", []string{"Patient"}, fhirpath.StaticType{Types: []string{"System.Boolean"}, Single: true}},
		{"name", nil, fhirpath.StaticType{}},
		{"contained.name", []string{"Patient"}, fhirpath.StaticType{}},
		{"deceased", []string{"Patient"}, fhirpath.StaticType{Types: []string{"FHIR.boolean", "FHIR.dateTime"}, Single: true}},
		{"name", []string{"Patient", "Patient.contact"}, fhirpath.StaticType{Types: []string{"FHIR.HumanName"}}},
		{"$this", []string{"System.String"}, fhirpath.StaticType{Types: []string{"System.String"}, Single: true}},
		{"$this", []string{"FHIR.code"}, fhirpath.StaticType{Types: []string{"FHIR.code"}, Single: true}},
		{"%n", []string{"Patient"}, fhirpath.StaticType{Types: []string{"System.Integer"}, Single: true}},
		{"%given", []string{"Patient"}, fhirpath.StaticType{Types: []string{"FHIR.string"}}},
		{"%open.anything", []string{"Patient"}, fhirpath.StaticType{}},
		{"%none", []string{"Patient"}, fhirpath.StaticType{Single: true}},
	}
	for _, tt := range tests {
		p, err := fhirpath.Compile(tt.expr, fhirpath.WithModel(model.R4), fhirpath.WithInput(tt.inputs...), fhirpath.Strict(true),
			fhirpath.WithConstant("n", fhirpath.NewInteger(1)), fhirpath.WithConstant("none", fhirpath.Value{}),
			fhirpath.WithVariable("given", "FHIR.string"), fhirpath.WithVariable("open", ""))
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		if diff := cmp.Diff(tt.want, p.Result()); diff != "" {
			t.Errorf("%s on %v (-want +got):\n%s", tt.expr, tt.inputs, diff)
		}
		if len(p.Warnings()) != 0 {
			t.Errorf("%s: got warnings %v", tt.expr, p.Warnings())
		}
	}
}

// TestStrict compiles expressions that go against the model: strictly they have all these errors, else all of
// them are warnings but for those that can never succeed.
func TestStrict(t *testing.T) {
	tests := []struct{ expr, strict, otherwise string }{
		{
			"nmae.given | name.givn",
			"fhirpath: 1:1: semantic error: no element \"nmae\" in Patient; did you mean name\n" +
				"nmae.given | name.givn\n^\n" +
				"fhirpath: 1:19: semantic error: no element \"givn\" in HumanName; did you mean given\n" +
				"nmae.given | name.givn\n                  ^",
			"",
		},
		{
			"deceasedBoolean",
			"fhirpath: 1:1: semantic error: no element \"deceasedBoolean\" in Patient; use deceased.ofType(boolean)\ndeceasedBoolean\n^",
			"",
		},
		{
			"name.where(%x = nam).ofType(Quantitty)",
			"fhirpath: 1:12: semantic error: undefined variable %x\nname.where(%x = nam).ofType(Quantitty)\n           ^\n" +
				"fhirpath: 1:17: semantic error: no element \"nam\" in HumanName\nname.where(%x = nam).ofType(Quantitty)\n                ^\n" +
				"fhirpath: 1:29: semantic error: unknown type Quantitty; did you mean Quantity\nname.where(%x = nam).ofType(Quantitty)\n                            ^",
			"fhirpath: 1:12: semantic error: undefined variable %x\nname.where(%x = nam).ofType(Quantitty)\n           ^\n" +
				"fhirpath: 1:29: semantic error: unknown type Quantitty; did you mean Quantity\nname.where(%x = nam).ofType(Quantitty)\n                            ^",
		},
		{
			"deceased.as(dateTime).yeer",
			"fhirpath: 1:23: semantic error: no element \"yeer\" in dateTime\ndeceased.as(dateTime).yeer\n                      ^",
			"fhirpath: 1:23: semantic error: no element \"yeer\" in dateTime\ndeceased.as(dateTime).yeer\n                      ^",
		},
		{
			"children().first()",
			"fhirpath: 1:12: semantic error: first() needs an ordered collection, but the order of this one is not defined\n" +
				"children().first()\n           ^",
			"fhirpath: 1:12: semantic error: first() needs an ordered collection, but the order of this one is not defined\n" +
				"children().first()\n           ^",
		},
		{"gender = 1", "", ""},
	}
	for _, tt := range tests {
		for _, strict := range []bool{true, false} {
			want := tt.strict
			if !strict {
				want = tt.otherwise
			}
			p, err := fhirpath.Compile(tt.expr, fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient"),
				fhirpath.Strict(strict), fhirpath.Ordered(true))
			got := ""
			if err != nil {
				got = err.Error()
				var list fhirpath.Errors
				if !errors.As(err, &list) || list[0].Kind != fhirpath.Semantic {
					t.Errorf("%s: error %T is no list of semantic errors", tt.expr, err)
				}
			} else if len(p.Warnings()) == 0 {
				t.Errorf("%s: strict %v: no warnings", tt.expr, strict)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: strict %v (-want +got):\n%s", tt.expr, strict, diff)
			}
		}
	}
}

// TestChoiceByJSONName follows a choice element by its JSON name where that is allowed; strict compilation refuses it.
func TestChoiceByJSONName(t *testing.T) {
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	resource := `{"resourceType": "Observation", "valueQuantity": {"unit": "mg"}, "_effectiveDateTime": {"id": "a"}}`
	if err := e.Load([]byte(resource)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ expr, want string }{
		{"valueQuantity", "FHIR.Quantity"},
		{"Observation.valueQuantity.unit", "FHIR.string"},
		{"effectiveDateTime.id", "FHIR.string"},
		{"valueString", ""},
		{"component.valueQuantity", ""},
	}
	for _, tt := range tests {
		options := []fhirpath.CompileOption{fhirpath.WithModel(model.R4), fhirpath.WithInput("Observation"), fhirpath.ChoiceNames(true)}
		p, err := fhirpath.Compile(tt.expr, options...)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		items, err := e.Eval(context.Background(), p, e.Root(), nil)
		got := ""
		for _, v := range items {
			got += v.TypeName()
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.expr, got, err, tt.want)
		}
		if _, err := fhirpath.Compile(tt.expr, append(options, fhirpath.Strict(true))...); err == nil {
			t.Errorf("%s: compiles strictly", tt.expr)
		}
	}
}

func TestWithInputRefusesUnknownTypes(t *testing.T) {
	_, err := fhirpath.Compile("id", fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient", "Nonsense"))
	var list fhirpath.Errors
	if !errors.As(err, &list) || len(list) != 1 || list[0].Msg != `input type "Nonsense" is not in FHIR R4` {
		t.Errorf("got %v, want an error about the input type", err)
	}
}
