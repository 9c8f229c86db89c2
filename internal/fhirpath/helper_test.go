package fhirpath_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// patient is the resource that most tables are evaluated on.
const patient = `{
	"resourceType": "Patient", "id": "p1", "active": true,
	"meta": {"versionId": "2"},
	"contained": [{"resourceType": "Organization", "id": "o1", "name": "Acme"}],
	"identifier": [{"system": "urn:a", "value": "1", "period": {"start": "2001-05-06", "end": "2002"}}],
	"name": [
		{"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
		{"use": "usual", "given": ["Jim"]},
		{"use": "maiden", "family": "Windsor", "given": ["Peter", "James"], "_given": [null, {"id": "g2"}]}
	],
	"gender": "male",
	"birthDate": "1974-12-25",
	"_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
	"_deceasedDateTime": {"extension": [{"url": "urn:unknown", "valueBoolean": true}]},
	"multipleBirthInteger": 2,
	"managingOrganization": {"reference": "#o1"},
	"generalPractitioner": [{"reference": "Practitioner/d1/_history/3"}, {"reference": "https://example.org/fhir/Organization/o2"}, {"reference": "urn:uuid:6"}],
	"link": [{"other": {"reference": "Patient/p2"}, "type": "seealso"}]
}`

// clock is a fixed time.
func clock() time.Time {
	return time.Date(2024, 2, 29, 13, 14, 15, 167_000_000, time.FixedZone("", 90*60))
}

// evaluate gives the result of an expression as JSON items joined by spaces, or the kind of the error.
func evaluate(t *testing.T, resource, expr string, opts ...fhirpath.CompileOption) string {
	t.Helper()
	p, err := fhirpath.Compile(expr, append([]fhirpath.CompileOption{fhirpath.WithModel(model.R4)}, opts...)...)
	if err != nil {
		var fault *fhirpath.Error
		if !errors.As(err, &fault) {
			t.Fatalf("%s: %v", expr, err)
		}
		return "compile " + fault.Kind.String()
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{Clock: clock})
	if resource != "" {
		if err := e.Load([]byte(resource)); err != nil {
			t.Fatal(err)
		}
	}
	result, err := e.Eval(context.Background(), p, e.Root(), nil)
	if err != nil {
		var fault *fhirpath.EvalError
		if !errors.As(err, &fault) {
			t.Fatalf("%s: error %T, want *EvalError", expr, err)
		}
		return fault.Kind.String()
	}
	return text(result)
}

// text writes a collection as JSON items joined by spaces.
func text(c fhirpath.Collection) string {
	items := make([]string, len(c))
	for i, v := range c {
		items[i] = string(v.AppendJSON(nil))
	}
	return strings.Join(items, " ")
}

// row is a case of a table: an expression and what [evaluate] gives for it.
type row struct{ expr, want string }

// run evaluates the rows of a table on the patient.
func run(t *testing.T, rows []row) {
	t.Helper()
	t.Parallel()
	for _, tt := range rows {
		if got := evaluate(t, patient, tt.expr); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.expr, got, tt.want)
		}
	}
}
