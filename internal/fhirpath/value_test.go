package fhirpath_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// first returns the first item that an expression gives on the patient.
func first(t *testing.T, e *fhirpath.Evaluator, expr string) fhirpath.Value {
	t.Helper()
	p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Eval(context.Background(), p, e.Root(), nil)
	if err != nil || len(c) == 0 {
		t.Fatalf("%s: %v, %v", expr, c, err)
	}
	return c[0]
}

func TestValue(t *testing.T) {
	t.Parallel()
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ expr, typeName, kind, system, text, json, span string }{
		{"gender", "FHIR.code", "Element", "String", "male", `"male"`, `"male"`},
		{"active", "FHIR.boolean", "Element", "Boolean", "true", "true", "true"},
		{"multipleBirth", "FHIR.integer", "Element", "Integer", "2", "2", "2"},
		{"birthDate", "FHIR.date", "Element", "Date", "1974-12-25", `"1974-12-25"`, `"1974-12-25"`},
		{"deceased", "FHIR.dateTime", "Element", "", "", "null", ""},
		{"meta", "FHIR.Meta", "Element", "", `{"versionId": "2"}`, `{"versionId": "2"}`, `{"versionId": "2"}`},
		{"'a\"\\\\\\n\\t\\r\\f\\u0001'", "System.String", "String", "String", "a\"\\\n\t\r\f\x01", `"a\"\\\n\t\r\f\u0001"`, ""},
		{"1.50", "System.Decimal", "Decimal", "Decimal", "1.50", "1.50", ""},
		{"7", "System.Integer", "Integer", "Integer", "7", "7", ""},
		{"7L", "System.Long", "Long", "Long", "7", "7", ""},
		{"false", "System.Boolean", "Boolean", "Boolean", "false", "false", ""},
		{"@2020-01", "System.Date", "Date", "Date", "2020-01", `"2020-01"`, ""},
		{"@2020-01T", "System.DateTime", "DateTime", "DateTime", "2020-01", `"2020-01"`, ""},
		{"@T10:00", "System.Time", "Time", "Time", "10:00", `"10:00"`, ""},
		{"4 'mg'", "System.Quantity", "Quantity", "Quantity", "4 'mg'", `"4 'mg'"`, ""},
		{"1.type()", "System.TypeInfo", "TypeInfo", "TypeInfo", "System.Integer", `"System.Integer"`, ""},
	} {
		v := first(t, e, tt.expr)
		got := []string{
			v.TypeName(), v.Kind().String(), v.SystemKind().String(), string(v.AppendText(nil)),
			string(v.AppendJSON(nil)), string(v.Span()),
		}
		want := []string{tt.typeName, tt.kind, tt.system, tt.text, tt.json, tt.span}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.expr, diff)
		}
		s, ok := v.System()
		if ok != (tt.system != "") || ok && s.Kind().String() != tt.system {
			t.Errorf("%s: System() is a %s", tt.expr, s.Kind())
		}
	}
	if v := first(t, e, "contained"); v.TypeCode() != "Organization" {
		t.Errorf("contained is a %s", v.TypeCode())
	}
	var none fhirpath.Value
	if got := string(none.AppendJSON(nil)) + none.TypeName() + none.TypeCode() + string(none.AppendText(nil)); got != "null" {
		t.Errorf("the zero Value shows as %q", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := fhirpath.Compile("name.frist() +\n  whre(true).first(1)", fhirpath.WithModel(model.R4))
	const want = "fhirpath: 1:6: semantic error: unknown function frist(); did you mean first()\n" +
		"name.frist() +\n     ^\n" +
		"fhirpath: 2:3: semantic error: unknown function whre(); did you mean where()\n" +
		"  whre(true).first(1)\n  ^\n" +
		"fhirpath: 2:14: semantic error: first() takes no arguments, not 1\n" +
		"  whre(true).first(1)\n             ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var all fhirpath.Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("got %d errors, want 3", len(all))
	}
	if e := all[2]; e.Kind != fhirpath.Semantic || e.Offset != 28 || e.Line != 2 || e.Column != 14 {
		t.Errorf("third error: %+v", e)
	}

	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	p, err := fhirpath.Compile("name.given\n.single()", fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Eval(context.Background(), p, e.Root(), nil)
	const failed = "fhirpath: 2:2: execution error: single() needs a single item, not several\n.single()\n ^"
	if err == nil || err.Error() != failed {
		t.Errorf("got\n%v\nwant\n%s", err, failed)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = e.Eval(ctx, p, e.Root(), nil)
	var fault *fhirpath.EvalError
	if !errors.As(err, &fault) || fault.Kind != fhirpath.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

// TestCancel ends a long evaluation by its context.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{Trace: func(string, fhirpath.Collection) { cancel() }})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	p, err := fhirpath.Compile("trace('x').repeatAll($this)", fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Eval(ctx, p, e.Root(), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestResults holds results to be good until the next Load, whatever is evaluated in between.
func TestResults(t *testing.T) {
	t.Parallel()
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if err := e.Load([]byte(patient)); err != nil {
		t.Fatal(err)
	}
	var results []fhirpath.Collection
	exprs := []string{"name.given", "name.given.join(',')", "name.select(given.join('+'))", "(1 | 2).select($this + 1)", "descendants().count()"}
	for range 20 {
		for _, expr := range exprs {
			p, err := fhirpath.Compile(expr, fhirpath.WithModel(model.R4))
			if err != nil {
				t.Fatal(err)
			}
			c, err := e.Eval(context.Background(), p, e.Root(), nil)
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, c)
		}
	}
	for i, c := range results {
		if got, want := text(c), text(results[i%len(exprs)]); got != want {
			t.Errorf("result %d became %s, want %s", i, got, want)
		}
	}
	if got, want := text(results[2]), `"Peter+James" "Jim" "Peter+James"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestProgramShared runs one program in several goroutines.
func TestProgramShared(t *testing.T) {
	t.Parallel()
	p, err := fhirpath.Compile("name.where(use = 'official').given.select($this.replaceMatches('e', 'E')).sort().join(' ')", fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	const workers = 8
	for range workers {
		go func() {
			e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
			got := ""
			for range 50 {
				if err := e.Load([]byte(patient)); err != nil {
					got = err.Error()
					break
				}
				c, err := e.Eval(context.Background(), p, e.Root(), nil)
				if err != nil {
					got = err.Error()
					break
				}
				got = text(c)
			}
			done <- got
		}()
	}
	for range workers {
		if got, want := <-done, `"JamEs PEtEr"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestReuse loads one resource after the other, and goes on after errors.
func TestReuse(t *testing.T) {
	t.Parallel()
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	p, err := fhirpath.Compile("name.given.single() & getResourceKey()", fhirpath.WithModel(model.R4))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ resource, want string }{
		{`{"resourceType":"Patient","id":"1","name":[{"given":["a"]}]}`, `"a1"`},
		{`{"resourceType":"Patient","id":"2","name":[{"given":["a","b"]}]}`, "error"},
		{`{"resourceType":"Patient","id":"3"`, "error"},
		{`{"resourceType":"Observation","id":"4"}`, `"4"`},
		{`{"resourceType":"Patient","id":"5","name":[{"given":["\u0062"]}]}`, `"b5"`},
	} {
		got := ""
		err := e.Load([]byte(tt.resource))
		var c fhirpath.Collection
		if err == nil {
			c, err = e.Eval(context.Background(), p, e.Root(), nil)
		}
		if got = text(c); err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.resource, got, tt.want)
		}
	}
}
