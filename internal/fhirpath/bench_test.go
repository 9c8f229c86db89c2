package fhirpath_test

import (
	"context"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// common are expressions as views have them.
var common = map[string]string{
	"path":      "name.given",
	"root":      "Patient.name.family",
	"where":     "name.where(use = 'official').family",
	"exists":    "name.exists()",
	"criteria":  "identifier.exists(system = 'urn:a')",
	"first":     "name.given.first()",
	"ofType":    "multipleBirth.ofType(integer)",
	"join":      "name.given.join(' ')",
	"key":       "getResourceKey()",
	"reference": "link.other.getReferenceKey(Patient)",
	"extension": "birthDate.extension('http://hl7.org/fhir/StructureDefinition/patient-birthTime').value",
	"logic":     "active and gender = 'male' or deceased.exists()",
	"index":     "name[0].given[1]",
}

// TestAllocations holds common expressions to no allocations once the buffers are warm.
func TestAllocations(t *testing.T) {
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for name, expr := range common {
		p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient"))
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(100, func() {
			e.Reset()
			if _, err := e.Eval(ctx, p, e.Root(), nil); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %s: %v allocations, want 0", name, expr, n)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		b.Fatal(err)
	}
	for name, expr := range common {
		b.Run(name, func(b *testing.B) {
			p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				e.Reset()
				if _, err := e.Eval(context.Background(), p, e.Root(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, expr := range common {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4), fhirpath.WithInput("Patient")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
