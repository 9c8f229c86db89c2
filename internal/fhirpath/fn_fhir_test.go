package fhirpath_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

func TestFHIRFunctions(t *testing.T) {
	run(t, []row{
		// extension
		{"{}.extension('urn:x')", ""},
		{"birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').value", `"1974-12-25T14:35:45-05:00"`},
		{"birthDate.extension(%`ext-patient-birthTime`).exists()", "true"},
		{"birthDate.extension('urn:x')", ""},
		{"birthDate.extension({})", ""},
		{"deceased.extension('urn:unknown').value", "true"},
		{"1.extension('urn:x')", ""},
		// hasValue, getValue
		{"{}.hasValue()", "false"},
		{"birthDate.hasValue()", "true"},
		{"deceased.hasValue()", "false"},
		{"name.hasValue()", "false"},
		{"name.first().hasValue()", "false"},
		{"1.hasValue()", "true"},
		{"birthDate.getValue() is System.Date", "true"},
		{"deceased.getValue()", ""},
		{"name.getValue()", ""},
		// conformsTo
		{"conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", "true"},
		{"conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource|4.0.1')", "true"},
		{"conformsTo('http://hl7.org/fhir/StructureDefinition/Person')", "false"},
		{"conformsTo('http://trash')", "execution"},
		{"name.conformsTo('http://hl7.org/fhir/StructureDefinition/HumanName')", "execution"},
		{"{}.conformsTo('http://hl7.org/fhir/StructureDefinition/HumanName')", ""},
		// htmlChecks
		{"{}.htmlChecks()", ""},
		{"'<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a&nbsp;<b>b</b></p></div>'.htmlChecks()", "true"},
		{"'<div><img src=\"#a\"/></div>'.htmlChecks()", "true"},
		{"'<div><script>x</script></div>'.htmlChecks()", "false"},
		{"'<div onclick=\"x\">a</div>'.htmlChecks()", "false"},
		{"'<div> </div>'.htmlChecks()", "false"},
		{"'<p>a</p>'.htmlChecks()", "false"},
		{"'<div>a'.htmlChecks()", "false"},
		{"1.htmlChecks()", "execution"},
		// those that are refused
		{"memberOf('urn:x')", "compile unsupported"},
		{"elementDefinition()", "compile unsupported"},
		{"slice('urn:x', 'a')", "compile unsupported"},
		{"nonsense()", "compile semantic"},
	})
}

func TestKeys(t *testing.T) {
	run(t, []row{
		{"{}.getResourceKey()", ""},
		{"getResourceKey()", `"p1"`},
		{"contained.getResourceKey()", `"o1"`},
		{"name.getResourceKey()", ""},
		{"{}.getReferenceKey()", ""},
		{"link.other.getReferenceKey()", `"p2"`},
		{"link.other.getReferenceKey(Patient)", `"p2"`},
		{"link.other.getReferenceKey(Practitioner)", ""},
		{"generalPractitioner.getReferenceKey()", `"d1" "o2"`},
		{"generalPractitioner.getReferenceKey(Organization)", `"o2"`},
		{"managingOrganization.getReferenceKey()", ""},
		{"link.other.getReferenceKey('Patient')", "compile semantic"},
		{"name.getReferenceKey()", ""},
	})
	bundle := `{"resourceType":"Bundle","entry":[
		{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"a"}},
		{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"}}}]}`
	for _, tt := range []row{
		{"entry.resource.subject.getReferenceKey(Patient) = entry.resource.ofType(Patient).getResourceKey()", "true"},
		{"entry.resource.ofType(Observation).getResourceKey()", ""},
	} {
		if got := evaluate(t, bundle, tt.expr); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.expr, got, tt.want)
		}
	}
}

const bundle = `{"resourceType":"Bundle","type":"collection","entry":[
	{"fullUrl":"http://example.org/Patient/a","resource":{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/o"}}},
	{"fullUrl":"urn:uuid:2","resource":{"resourceType":"Organization","id":"o","name":"Acme","partOf":{"reference":"urn:uuid:3"}}},
	{"fullUrl":"urn:uuid:3","resource":{"resourceType":"Organization","name":"Corp","contained":[{"resourceType":"Endpoint","id":"e"}],"endpoint":[{"reference":"#e"},{"reference":"#"},{"reference":"#none"}]}},
	{"fullUrl":"urn:uuid:4"}]}`

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []row{
		{"{}.resolve()", ""},
		{"1.resolve()", ""},
		{"entry.resource.managingOrganization.resolve().name", `"Acme"`},
		{"entry.resource.partOf.resolve().name", `"Corp"`},
		{"entry.resource.endpoint.resolve().type().name", `"Endpoint" "Organization"`},
		{"'http://example.org/Patient/a'.resolve()", ""},
		{"entry.resource.ofType(Patient).managingOrganization.reference.resolve().name", `"Acme"`},
		{"entry[0].fullUrl.resolve().id", `"a"`},
		{"entry.resource.where(managingOrganization.resolve() is Organization).id", `"a"`},
	} {
		if got := evaluate(t, bundle, tt.expr); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.expr, got, tt.want)
		}
	}
}

// resolver brings resources from a map and counts how often it is asked.
type resolver struct {
	resources map[string]string
	asked     int
}

func (r *resolver) Resolve(_ context.Context, ref string) ([]byte, error) {
	r.asked++
	if ref == "Broken/1" {
		return nil, errors.New("no connection to Broken/1")
	}
	if s, ok := r.resources[ref]; ok {
		return []byte(s), nil
	}
	return nil, nil
}

func TestResolver(t *testing.T) {
	t.Parallel()
	r := &resolver{resources: map[string]string{
		"Patient/p2":                       `{"resourceType":"Patient","id":"p2","name":[{"family":"Doe"}],"link":[{"other":{"reference":"#c"}}],"contained":[{"resourceType":"Person","id":"c"}]}`,
		"Practitioner/d1/_history/3":       `{"resourceType":"Practitioner"`,
		"http://example.org/Questionnaire": `{"resourceType":"Questionnaire"}`,
	}}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{Resolver: r, Limits: fhirpath.Limits{MaxDocuments: 3}})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []row{
		{"link.other.resolve().name.family", `"Doe"`},
		{"link.other.resolve().link.other.resolve().id", `"c"`},
		{"link.other.resolve() = link.other.resolve()", "true"},
		{"link.other.resolve().select(%resource.id)", `"p1"`},
		{"'http://example.org/Questionnaire'.resolve() is Questionnaire", "true"},
		{"'Patient/none'.resolve()", ""},
		{"'Broken/1'.resolve()", "execution resolve(): the resolver failed"},
		{"generalPractitioner[0].resolve()", "execution resolve(): the resource cannot be read"},
		{"(1 | 2 | 3).select('Patient/' & $this.toString()).resolve()", ""},
	} {
		p, err := fhirpath.Compile(tt.expr, fhirpath.WithModel(model.R4))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		c, err := e.Eval(context.Background(), p, e.Root(), nil)
		var fault *fhirpath.EvalError
		if errors.As(err, &fault) {
			got = fault.Kind.String() + " " + fault.Msg
			if strings.Contains(err.Error(), "connection") {
				t.Errorf("%s: the error tells what the resolver said: %v", tt.expr, err)
			}
		} else {
			got = text(c)
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.expr, got, tt.want)
		}
	}
	if want := 8; r.asked != want {
		t.Errorf("resolver asked %d times, want %d", r.asked, want)
	}
}

// terminology knows one value set.
type terminology struct{}

func (terminology) MemberOf(_ context.Context, valueSet, system, code string) (bool, error) {
	if valueSet != "urn:vs" {
		return false, errors.New("unknown value set")
	}
	return code == "male" || system == "urn:s" && code == "x", nil
}

func TestMemberOf(t *testing.T) {
	t.Parallel()
	resource := `{"resourceType":"Observation","code":{"coding":[{"system":"urn:s","code":"y"},{"system":"urn:s","code":"x"}]},
		"category":[{"coding":[{"code":"z"}]},{"text":"t"}],"status":"male"}`
	for _, tt := range []row{
		{"status.memberOf('urn:vs')", "true"},
		{"code.memberOf('urn:vs')", "true"},
		{"code.coding[0].memberOf('urn:vs')", "false"},
		{"category[0].memberOf('urn:vs')", "false"},
		{"category[1].memberOf('urn:vs')", ""},
		{"status.memberOf('urn:other')", ""},
		{"status.memberOf({})", ""},
		{"{}.memberOf('urn:vs')", ""},
		{"code.coding.memberOf('urn:vs')", "execution"},
	} {
		if got := evaluate(t, resource, tt.expr, fhirpath.WithTerminology(terminology{})); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.expr, got, tt.want)
		}
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	var got []string
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{Trace: func(name string, values fhirpath.Collection) {
		got = append(got, name+": "+text(values))
	}})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	p, err := fhirpath.Compile("name.trace('uses', use).where(use = 'usual').given.trace('given')", fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Eval(context.Background(), p, e.Root(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`uses: "official" "usual" "maiden"`, `given: "Jim"`}, got); diff != "" {
		t.Errorf("traced (-want +got):\n%s", diff)
	}
}
