package fhirpath_test

import (
	"context"
	"testing"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// TestPathnameLeadsBack evaluates the path of every element of real resources: it gives that element and no other.
func TestPathnameLeadsBack(t *testing.T) {
	t.Parallel()
	all := resources(t)
	for _, resource := range append(all[:len(all):len(all)], []byte(patient), []byte(fhirPatient)) {
		for _, opts := range [][]fhirpath.CompileOption{{fhirpath.WithModel(model.R4)}, nil} {
			for _, argument := range []string{"", "true"} {
				leadsBack(t, resource, argument, opts)
			}
		}
	}
}

func leadsBack(t *testing.T, resource []byte, argument string, opts []fhirpath.CompileOption) {
	t.Helper()
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load(resource); err != nil {
		t.Fatal(err)
	}
	eval := func(expr string) fhirpath.Collection {
		t.Helper()
		p, err := fhirpath.Compile(expr, opts...)
		if err != nil {
			t.Fatal(err)
		}
		result, err := e.Eval(context.Background(), p, e.Root(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	elements := eval("descendants()")
	paths := eval("descendants().pathname(" + argument + ")")
	if len(paths) != len(elements) {
		t.Fatalf("%d paths of %d elements", len(paths), len(elements))
	}
	for i := 0; i < len(elements); i += 1 + len(elements)/300 {
		path, _ := paths[i].Text()
		got := eval(path)
		if len(got) != 1 || !sameElement(got[0], elements[i]) {
			t.Errorf("%s gives %d items, want its element", path, len(got))
		}
	}
}

// sameElement reports whether two values are the same element of a resource, or both without a value.
func sameElement(a, b fhirpath.Value) bool {
	return unsafe.SliceData(a.Span()) == unsafe.SliceData(b.Span()) && len(a.Span()) == len(b.Span())
}
