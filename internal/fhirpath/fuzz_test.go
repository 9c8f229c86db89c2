package fhirpath_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/testdata"
)

// resources returns one resource of each shared file, as far as there are any.
func resources(tb testing.TB) [][]byte {
	tb.Helper()
	all := [][]byte{[]byte(patient), []byte(bundle), []byte(nested(20))}
	dir := testdata.Shared(tb, "data", "small")
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		line, _, _ := bytes.Cut(raw, []byte("\n"))
		all = append(all, line)
	}
	inputs, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "conformance", "fhirpath", "inputs-r4"), "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range inputs {
		raw, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

// check evaluates an expression on a resource, with and without the model, and holds it to what must hold
// for any: no panic, typed errors, and an end in time.
func checkEval(t *testing.T, expr string, resource []byte, opts ...fhirpath.CompileOption) {
	t.Helper()
	p, err := fhirpath.Compile(expr, append(opts, fhirpath.WithConstant("k", fhirpath.NewString("male")))...)
	if err != nil {
		var all fhirpath.Errors
		if !errors.As(err, &all) || len(all) == 0 || all[0].Kind == 0 || all[0].Kind == fhirpath.Internal {
			t.Fatalf("%q: error %v is not typed", expr, err)
		}
		return
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{Clock: clock})
	if err := e.Load(resource); err != nil {
		return
	}
	start := time.Now()
	c, err := e.Eval(context.Background(), p, e.Root(), nil)
	if took := time.Since(start); took > 5*time.Second {
		t.Fatalf("%q: took %v", expr, took)
	}
	if err != nil {
		var fault *fhirpath.EvalError
		if !errors.As(err, &fault) || fault.Kind == 0 || fault.Kind == fhirpath.Internal {
			t.Fatalf("%q: error %v is not typed", expr, err)
		}
		return
	}
	if p.Result().Single && len(c) > 1 && len(p.Warnings()) == 0 {
		t.Fatalf("%q: %d items, although the result is said to be single", expr, len(c))
	}
	for _, v := range c {
		v.AppendText(nil)
		v.AppendJSON(nil)
		v.TypeName()
	}
}

// pieces are what random expressions are made of; _ stands for another expression.
var pieces = []string{
	"name", "given", "Patient", "id", "$this", "birthDate", "active", "_.name", "_.given",
	"_.family", "_.identifier", "_.entry.resource", "_.item", "_.component", "_.period.start", "_.status", "_.extension", "_.value", "_.code", "_.coding", "_.subject",
	"_.descendants()", "_.children()", "_.first()", "_[_]", "_.where(_)", "_.select(_)", "_.exists(_)", "_.all(_)",
	"_.repeat(_)", "_.repeatAll(_)", "_.resolve()", "_.type()", "_.ofType(string)", "_.ofType(Quantity)", "_ is code",
	"_ as Quantity", "_ | _", "_ + _", "_ - _", "_ * _", "_ / _", "_ div _", "_ mod _", "_ & _", "_ = _", "_ != _",
	"_ ~ _", "_ < _", "_ >= _", "_ in _", "_ contains _", "_ and _", "_ or _", "_ xor _", "_ implies _", "-_", "(_)",
	"1", "0", "2L", "1.5", "'a'", "''", "true", "{}", "@2020", "@2020-02-03T10:00:00Z", "@T10:30", "4 'mg'", "2 days",
	"$index", "%resource", "%context", "_.count()", "_.distinct()", "_.toString()", "_.toQuantity()", "_.toInteger()",
	"_.substring(_)", "_.matches(_)", "_.replaceMatches(_, _)", "_.replace(_, _)", "_.split(_)", "_.join(_)",
	"_.sort(_)", "_.sort(-_)", "_.sort()", "_.aggregate($total + _, _)", "iif(_, _, _)", "_.intersect(_)", "_.exclude(_)",
	"_.subsetOf(_)", "_.combine(_)", "_.lowBoundary()", "_.highBoundary(_)", "_.precision()", "_.encode('hex')",
	"_.escape('html')", "_.trim()", "_.abs()", "_.power(_)", "_.round(_)", "_.sqrt()", "_.exp()", "_.sum()", "_.avg()",
	"_.min()", "_.toChars()", "_.getReferenceKey()", "getResourceKey()", "_.hasValue()", "_.extension(_)", "coalesce(_, _)",
	"defineVariable('v', _).select(_)", "_.defineVariable('w')", "%k", "_.trace('t', _)", "_.comparable(_)",
	"_.conformsTo(_)", "_.htmlChecks()", "_.not()", "_.allTrue()", "_.isDistinct()", "_.yearOf()", "now()",
	"_.duration(_, 'day')", "_.difference(_, 'month')", "_.pathname()", "_.pathname(_)", "_.toDate('yyyy-MM-dd')",
	"Coding { code : _, display : _ }", "CodeableConcept { coding : _, text : _ }", "Extension { url : _, value : _ }",
	"string { value : _, extension : _ }", "Period {:}", "Quantity { value : _, unit : _ }", "_.select(HumanName { given : _ })",
}

// randomExpr makes an expression of the given depth.
func randomExpr(r *rand.Rand, depth int) string {
	for {
		piece := pieces[r.IntN(len(pieces))]
		holes := strings.Count(piece, "_")
		if depth == 0 && holes > 0 {
			continue
		}
		for range holes {
			piece = strings.Replace(piece, "_", "("+strings.ReplaceAll(randomExpr(r, depth-1), "_", "\x00")+")", 1)
		}
		return strings.ReplaceAll(piece, "\x00", "_")
	}
}

// TestRandomExpressions evaluates expressions made of all functions and operators on real resources.
func TestRandomExpressions(t *testing.T) {
	t.Parallel()
	all := resources(t)
	r := rand.New(rand.NewPCG(1, 2))
	n := 3000
	if testing.Short() {
		n = 300
	}
	for range n {
		expr := randomExpr(r, 1+r.IntN(4))
		if tree, err := syntax.Parse(expr); err == nil {
			expr = syntax.Print(tree)
		}
		checkEval(t, expr, all[r.IntN(len(all))], fhirpath.WithModel(model.R4))
	}
}

// FuzzEval takes any text as an expression, and a seed that makes a random one, on one of the resources.
func FuzzEval(f *testing.F) {
	all := resources(f)
	for i, expr := range []string{
		"name.where(use = 'official').given.first()", "descendants().where($this is Quantity)", "repeat(item)",
		"(1 | 2).aggregate($total + $this, 0)", "birthDate + 1 'd' < today()", "name.sort(-family).given.join(',')",
	} {
		f.Add(expr, uint64(i), uint(i))
	}
	f.Fuzz(func(t *testing.T, expr string, seed uint64, which uint) {
		resource := all[which%uint(len(all))]
		checkEval(t, expr, resource, fhirpath.WithModel(model.Version(seed%3)))
		r := rand.New(rand.NewPCG(seed, 3))
		checkEval(t, randomExpr(r, 1+int(seed%4)), resource, fhirpath.WithModel(model.Version(seed%3)))
		checkEval(t, randomExpr(r, 1+int(seed%3)), resource)
	})
}
