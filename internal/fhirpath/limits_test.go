package fhirpath_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// nested returns a Questionnaire with items in items.
func nested(depth int) string {
	return `{"resourceType":"Questionnaire","item":[` +
		strings.Repeat(`{"linkId":"a","item":[`, depth) + `{"linkId":"b"}` + strings.Repeat("]}", depth) + "]}"
}

func TestLimits(t *testing.T) {
	resource := []byte(nested(100))
	var before, after runtime.MemStats
	if kind := limitOf(t, resource, "1"); kind != 0 { // what is loaded once does not count
		t.Fatal(kind)
	}
	for name, expr := range hurtful() {
		want := fhirpath.Limit
		if strings.HasPrefix(name, "bearable: ") {
			want = 0
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		kind := limitOf(t, resource, expr)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kind != want {
			t.Errorf("%s: error of kind %q, want %q", name, kind, want)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("%s: %d bytes stay in use", name, grown)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 512<<20 { // more with the race detector, which has pools forget
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
		t.Logf("%-28s %v", name, took.Round(time.Millisecond))
	}
}

// limitOf compiles and evaluates and returns the kind of the error.
func limitOf(t *testing.T, resource []byte, expr string) fhirpath.ErrorKind {
	t.Helper()
	p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4))
	var fault *fhirpath.Error
	if errors.As(err, &fault) {
		return fault.Kind
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load(resource); err != nil {
		t.Fatal(err)
	}
	_, err = e.Eval(context.Background(), p, e.Root(), nil)
	var failed *fhirpath.EvalError
	if errors.As(err, &failed) {
		return failed.Kind
	}
	return 0
}

// TestUnknownNamesAreCheap compiles an expression with thousands of unknown names, only some of which are reported.
func TestUnknownNamesAreCheap(t *testing.T) {
	for name, expr := range map[string]string{
		"types":     strings.Repeat("1 is Patientx or ", 3000) + "true",
		"functions": strings.Repeat("foox() or ", 4000) + "true",
		"variables": strings.Repeat("%foo or ", 4000) + "true",
	} {
		_, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4))
		var faults fhirpath.Errors
		if !errors.As(err, &faults) || len(faults) != 100 {
			t.Errorf("%s: %d faults, want 100", name, len(faults))
		}
	}
}

// TestEvaluatorForgets evaluates what takes many buffers and holds the evaluator to give them up.
func TestEvaluatorForgets(t *testing.T) {
	resource := []byte(nested(100))
	p, err := fhirpath.Compile("descendants()"+strings.Repeat(".select($this)", 500), fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 3 {
		if err := e.Load(resource); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Eval(t.Context(), p, e.Root(), nil); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes stay in use", grown)
	}
	runtime.KeepAlive(e)
}
