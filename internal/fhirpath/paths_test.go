package fhirpath_test

import (
	"context"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

func TestPaths(t *testing.T) {
	run(t, []row{
		{"Patient.name.family", `"Chalmers" "Windsor"`},
		{"`Patient`.name.`family`", `"Chalmers" "Windsor"`},
		{"Resource.id", `"p1"`},
		{"DomainResource.id", `"p1"`},
		{"Observation.id", ""},
		{"name.where(Patient.exists()).count()", "0"},
		{"nothing", ""},
		{"name.nothing", ""},
		{"'a'.nothing", ""},
		{"multipleBirth", "2"},
		{"multipleBirthInteger", ""},
		{"deceased", "null"},
		{"deceased.exists()", "true"},
		{"deceased is dateTime", "true"},
		{"birthDate.id", ""},
		{"name.given[4].id", `"g2"`},
		{"name.given.id", `"g2"`},
		{"contained.name", `"Acme"`},
		{"resourceType", ""},
		{"$this.id", `"p1"`},
		{"name[0].$this.id", `"p1"`},
		{"%context.id & %resource.id & %rootResource.id", `"p1p1p1"`},
		{"%ucum | %sct | %loinc", `"http://unitsofmeasure.org" "http://snomed.info/sct" "http://loinc.org"`},
		{"%`vs-administrative-gender`", `"http://hl7.org/fhir/ValueSet/administrative-gender"`},
		{"%'ext-patient-birthTime'", `"http://hl7.org/fhir/StructureDefinition/patient-birthTime"`},
		{"%nothing", "compile semantic"},
		{"$index", "0"},
		{"@2012-13", "compile syntax"},
		{"@T25", "compile syntax"},
		{"2147483648", "compile syntax"},
		{"2147483648L", "2147483648"},
	})
}

// TestPrimitivesInArrays reads arrays whose values and siblings are not equally long.
func TestPrimitivesInArrays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ resource, expr, want string }{
		{`{"resourceType":"Patient","name":[{"given":[null,"b"],"_given":[{"id":"x"}]}]}`, "name.given.select(id | hasValue())", `"x" false true`},
		{`{"resourceType":"Patient","name":[{"given":["a"],"_given":[null,{"id":"y"}]}]}`, "name.given.count()", "2"},
		{`{"resourceType":"Patient","name":[{"given":[null],"_given":[null]}]}`, "name.given.count()", "0"},
		{`{"resourceType":"Patient","name":[{"_given":[{"id":"z"}]}]}`, "name.given.id", `"z"`},
		{`{"resourceType":"Patient","name":[{"_given":[{"id":"z"}]}]}`, "name.children().id", `"z"`},
		{`{"resourceType":"Patient","name":[{"given":["a"],"_given":"no object"}]}`, "name.given", `"a"`},
		{`{"resourceType":"Patient","name":{"given":"a"}}`, "name.given", `"a"`},
		{`{"resourceType":"Patient","name":["no object"]}`, "name.given", ""},
		{`{"resourceType":"Patient","birthDate":null}`, "birthDate", ""},
		{`{"resourceType":"Patient","birthDate":17}`, "birthDate < today()", ""},
		{`{"resourceType":"Patient","birthDate":"17th of May"}`, "birthDate < today()", ""},
		{`{"resourceType":"Patient","active":"true"}`, "active.toBoolean()", ""},
		{`{"resourceType":"Patient","\u0061ctive":true}`, "active", "true"},
		{`{"resourceType":"Patient","name":[{"family":"\u00e9\n"}]}`, "name.family = 'é\\n'", "true"},
		{`{"resourceType":"Patient","extension":[{"url":"a","valueString":"s"},{"url":"b","_valueString":{"id":"i"}}]}`, "extension.value.count()", "2"},
		{`{"resourceType":"Patient","extension":[{"url":"a","valueString":"s","_valueString":{"id":"i"}}]}`, "extension.value.id", `"i"`},
		{`{"resourceType":"Nonsense","a":{"b":[1,2]}}`, "a.b", "1 2"},
		{`{"a":{"b":[1,2]}}`, "a.b", "1 2"},
		{`{"resourceType":"Nonsense","a":{"b":[1,2]}}`, "Nonsense.a.b", "1 2"},
		{`{"resourceType":"Nonsense","B":{"b":[1,2]}}`, "B.b", "1 2"},
	} {
		if got := evaluate(t, tt.resource, tt.expr); got != tt.want {
			t.Errorf("%s on %s\n got %s\nwant %s", tt.expr, tt.resource, got, tt.want)
		}
	}
}

// TestWithoutModel navigates by JSON names.
func TestWithoutModel(t *testing.T) {
	t.Parallel()
	for _, tt := range []row{
		{"Patient.name.family", `"Chalmers" "Windsor"`},
		{"Observation.name", ""},
		{"multipleBirthInteger + 1", "3"},
		{"multipleBirth", ""},
		{"birthDate < @2000-01-01", "true"},
		{"birthDate = @1974-12-25", "true"},
		{"@1974-12-25 = birthDate", "true"},
		{"birthDate = '1974-12-25'", "true"},
		{"birthDate.extension.valueDateTime < @2000", "true"},
		{"active = true", "true"},
		{"active is Boolean", "true"},
		{"gender is string", "true"},
		{"$this is Patient", "true"},
		{"$this is Observation", "false"},
		{"name.ofType(string)", ""},
		{"contained.ofType(Organization).name", `"Acme"`},
		{"gender.type()", `"System.String"`},
		{"name.given.id", `"g2"`},
		{"children().count()", "17"},
		{"birthDate.children().count()", "1"},
		{"getResourceKey()", `"p1"`},
		{"identifier.period.start.toDate()", `"2001-05-06"`},
	} {
		p, err := fhirpath.Compile(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
		if err := e.Load([]byte(patient)); err != nil {
			t.Fatal(err)
		}
		c, err := e.Eval(context.Background(), p, e.Root(), nil)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
		}
		if got := text(c); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.expr, got, tt.want)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	day, err := system.ParseDate("1974-12-25")
	if err != nil {
		t.Fatal(err)
	}
	opts := []fhirpath.CompileOption{
		fhirpath.WithModel(model.R4),
		fhirpath.WithVariable("rowIndex", "System.Integer"),
		fhirpath.WithVariable("names", "FHIR.HumanName"),
		fhirpath.WithVariable("unset", ""),
		fhirpath.WithConstant("code", fhirpath.NewString("male")),
		fhirpath.WithConstant("day", fhirpath.NewDate(day)),
		fhirpath.WithConstant("long", fhirpath.NewLong(9007199254740993)),
		fhirpath.WithConstant("none", fhirpath.Value{}),
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	var env fhirpath.Env
	for _, tt := range []row{
		{"%rowIndex + 1", "3"},
		{"%names.family", `"Chalmers" "Windsor"`},
		{"gender = %code", "true"},
		{"birthDate = %day", "true"},
		{"%long", "9007199254740993"},
		{"%none", ""},
		{"%none.empty()", "true"},
		{"name.select(%rowIndex)", "2 2 2"},
		{"%unset", "fhirpath: 1:1: execution error: variable %unset has no value\n%unset\n^"},
	} {
		p, err := fhirpath.Compile(tt.expr, opts...)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		names, err := fhirpath.Compile("name", fhirpath.WithModel(model.R4))
		if err != nil {
			t.Fatal(err)
		}
		values, err := e.Eval(context.Background(), names, e.Root(), nil)
		if err != nil {
			t.Fatal(err)
		}
		env.Set("rowIndex", fhirpath.NewInteger(2))
		env.Set("names", values...)
		c, err := e.Eval(context.Background(), p, e.Root(), &env)
		got := text(c)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.expr, got, tt.want)
		}
	}
	for name, opt := range map[string]fhirpath.CompileOption{
		"twice":    fhirpath.WithVariable("code", ""),
		"builtin":  fhirpath.WithVariable("resource", ""),
		"nameless": fhirpath.WithConstant("", fhirpath.NewInteger(1)),
		"element":  fhirpath.WithConstant("e", e.Root()),
		"model":    fhirpath.WithModel(99),
		"input":    fhirpath.WithInput("Nonsense"),
	} {
		if _, err := fhirpath.Compile("1", append(opts[:len(opts):len(opts)], opt)...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestResourceVariables evaluates on elements inside contained and bundled resources.
func TestResourceVariables(t *testing.T) {
	t.Parallel()
	resource := `{"resourceType":"Bundle","id":"b","entry":[{"resource":{"resourceType":"Patient","id":"p",
		"contained":[{"resourceType":"Organization","id":"o","telecom":[{"value":"1"}]}]}}]}`
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(resource)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []row{
		{"entry", "b b"},
		{"entry.resource", "p b"},
		{"entry.resource.contained", "o b"},
		{"entry.resource.contained.telecom.value", "o b"},
	} {
		compile := func(expr string) *fhirpath.Program {
			p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		eval := func(p *fhirpath.Program, focus fhirpath.Value) fhirpath.Collection {
			c, err := e.Eval(context.Background(), p, focus, nil)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		focus := eval(compile(tt.expr), e.Root())[0]
		c := eval(compile("%resource.id & ' ' & %rootResource.id"), focus)
		if got := string(c[0].AppendText(nil)); got != tt.want {
			t.Errorf("on %s: got %s, want %s", tt.expr, got, tt.want)
		}
	}
}
