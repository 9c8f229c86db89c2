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

// hurtful are expressions that would not end, or not soon, without limits.
var hurtful = map[string]string{
	"parentheses":      strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000),
	"literal":          "'" + strings.Repeat("x", 1<<20) + "'",
	"repeat this":      "item.repeatAll($this)",
	"repeat new":       "'a'.repeat($this & 'a')",
	"repeat numbers":   "1.repeat($this + 1)",
	"repeatAll number": "1.repeatAll($this + 1)",
	"descendants":      "descendants()" + strings.Repeat(".descendants()", 20),
	"select":           "(1|2|3)" + strings.Repeat(".select(1.combine(2).combine(3))", 30),
	"combine":          strings.Repeat("combine(", 100) + "$this" + strings.Repeat(")", 100) + strings.Repeat(".select(combine($this).combine($this))", 40),
	"nested select":    strings.Repeat("descendants().select(", 20) + "1" + strings.Repeat(")", 20),
	"nested where":     strings.Repeat("descendants().where(", 20) + "true" + strings.Repeat(".exists())", 20),
	"doubling":         "'ab'" + strings.Repeat(".replace('b', 'bbbbbbbbbb')", 100),
	"aggregate text":   "descendants().aggregate($total & $total & 'x', 'x')",
	"aggregate items":  "descendants().aggregate($total.combine($total).combine($this))",
	"replaceMatches":   "'aaaaaaaaaa'" + strings.Repeat(".replaceMatches('a', 'aaaaaaaaaa')", 50),
	"toChars":          "'" + strings.Repeat("x", 1000) + "'" + strings.Repeat(".toChars().join('"+strings.Repeat("x", 1000)+"')", 10),
	"pattern":          "'a'.matches('" + strings.Repeat("a", 2000) + "')",
	"pattern built":    "'a'.matches(" + strings.Repeat("'", 0) + "('" + strings.Repeat("a", 600) + "' & '" + strings.Repeat("b", 600) + "'))",
	"sort":             "descendants().select(1 | 2 | 3 | 4 | 5)" + strings.Repeat(".select($this | $this + 1)", 20) + ".sort()",
	"power":            "descendants().select(1.1.power(33.3))",
	"exp":              "descendants().select(2.2.exp())",
	"distinct":         "1.repeatAll(iif($this < 99999, $this + 1, {})).distinct()",
}

func TestLimits(t *testing.T) {
	resource := []byte(nested(100))
	var before, after runtime.MemStats
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
