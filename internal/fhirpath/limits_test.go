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

// long is a literal near the longest that an expression can hold, thousands a collection of numbers.
var (
	long      = "'" + strings.Repeat("a", 60_000) + "'"
	thousands = "1.repeatAll(iif($this < 4000, $this + 1, {}))"
)

// hurtful are expressions that would not end, or not soon, without limits.
var hurtful = map[string]string{
	"parentheses":       strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000),
	"literal":           "'" + strings.Repeat("x", 1<<20) + "'",
	"repeat this":       "item.repeatAll($this)",
	"repeat new":        "'a'.repeat($this & 'a')",
	"repeat numbers":    "1.repeat($this + 1)",
	"repeatAll number":  "1.repeatAll($this + 1)",
	"descendants":       "descendants()" + strings.Repeat(".descendants()", 20),
	"select":            "(1|2|3)" + strings.Repeat(".select(1.combine(2).combine(3))", 30),
	"combine":           strings.Repeat("combine(", 100) + "$this" + strings.Repeat(")", 100) + strings.Repeat(".select(combine($this).combine($this))", 40),
	"nested select":     strings.Repeat("descendants().select(", 20) + "1" + strings.Repeat(")", 20),
	"nested where":      strings.Repeat("descendants().where(", 20) + "true" + strings.Repeat(".exists())", 20),
	"doubling":          "'ab'" + strings.Repeat(".replace('b', 'bbbbbbbbbb')", 100),
	"aggregate text":    "descendants().aggregate($total & $total & 'x', 'x')",
	"aggregate items":   "descendants().aggregate($total.combine($total).combine($this))",
	"replaceMatches":    "'aaaaaaaaaa'" + strings.Repeat(".replaceMatches('a', 'aaaaaaaaaa')", 50),
	"toChars":           "'" + strings.Repeat("x", 1000) + "'" + strings.Repeat(".toChars().join('"+strings.Repeat("x", 1000)+"')", 10),
	"pattern":           "'a'.matches('" + strings.Repeat("a", 2000) + "')",
	"pattern built":     "'a'.matches(" + strings.Repeat("'", 0) + "('" + strings.Repeat("a", 600) + "' & '" + strings.Repeat("b", 600) + "'))",
	"sort":              "descendants().select(1 | 2 | 3 | 4 | 5)" + strings.Repeat(".select($this | $this + 1)", 20) + ".sort()",
	"descendants chain": "descendants()" + strings.Repeat(".descendants()", 4000),
	"select chain":      "descendants()" + strings.Repeat(".select($this)", 3000),
	"replace":           long + strings.Repeat(".replace('', 'xxxxxxxx')", 20),
	"escape":            "'" + strings.Repeat("<", 60_000) + "'" + strings.Repeat(".escape('html')", 30),
	"combine this":      "descendants()" + strings.Repeat(".combine($this)", 3000),
	"nested plus":       long + ".replace('a', '" + strings.Repeat("a", 90) + "').matches('(a+)+$')",
	"counted":           long + ".matches('(a?){1000}$')",
	"counted full":      long + ".matchesFull('(a?){1000}b')",
	"counted replace":   long + ".replaceMatches('(a?){1000}b', 'x')",
	"patterns":          strings.Repeat("'a'.matches('(a?){1000}') or ", 1000) + "true",
	"patterns built":    thousands + ".select('x'.matches('(a?){1000}' & $this.toString()))",
	"classes built":     thousands + ".select('x'.matches('" + strings.Repeat(`\\p{L}`, 100) + "' & $this.toString()))",
	"exp":               thousands + ".select((10.5 + $this / 1000).exp())",
	"ln":                thousands + ".select((10.5 + $this / 1000).ln())",
	"log":               thousands + ".select((10.5 + $this / 1000).log(2.5))",
	"sqrt":              thousands + ".select((10.5 + $this / 1000).sqrt())",
	"power":             thousands + ".select((1.5 + $this / 1000).power(1.777))",
	"distinct":          "1.repeatAll(iif($this < 99999, $this + 1, {})).distinct()",
}

func TestLimits(t *testing.T) {
	resource := []byte(nested(100))
	var before, after runtime.MemStats
	if kind := limitOf(t, resource, "1"); kind != 0 { // what is loaded once does not count
		t.Fatal(kind)
	}
	for name, expr := range hurtful {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		kind := limitOf(t, resource, expr)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kind != fhirpath.Limit {
			t.Errorf("%s: error of kind %q, want limit", name, kind)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("%s: %d bytes stay in use", name, grown)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 256<<20 {
			t.Errorf("%s: %d bytes were allocated", name, allocated)
		}
		t.Logf("%-18s %v", name, took.Round(time.Millisecond))
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
