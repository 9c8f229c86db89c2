package fhirpath

import (
	"context"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// TestChoiceNames finds a choice under its JSON name, as published views call it, unless compilation is strict.
func TestChoiceNames(t *testing.T) {
	t.Parallel()
	const observation = `{"resourceType":"Observation","effectiveDateTime":"2020-01-02","_effectiveDateTime":{"id":"e"},` +
		`"valueQuantity":{"value":6.50,"unit":"kg"}}`
	tests := []struct{ expr, want string }{
		{"effectiveDateTime", "2020-01-02"},
		{"effectiveDateTime.id", "e"},
		{"effectiveDateTime is dateTime", "true"},
		{"valueQuantity.value", "6.50"},
		{"valueQuantity.unit", "kg"},
		{"valueString", ""},
		{"valueNonsense", ""},
	}
	for _, tt := range tests {
		p, err := Compile(tt.expr, WithModel(model.R4), WithInput("Observation"), ChoiceNames(true))
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		e := NewEvaluator(EvalConfig{})
		if err := e.Load([]byte(observation)); err != nil {
			t.Fatal(err)
		}
		result, err := e.Eval(context.Background(), p, e.Root(), nil)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		got := ""
		for _, v := range result {
			got += string(v.AppendText(nil))
		}
		if got != tt.want {
			t.Errorf("%s = %q, want %q", tt.expr, got, tt.want)
		}
	}
	if _, err := Compile("valueQuantity.unit", WithModel(model.R4), WithInput("Observation"), ChoiceNames(true), Strict(true)); err == nil {
		t.Error("strict compilation accepts valueQuantity")
	}
}

// TestEmptyJoin is the option for join() of nothing.
func TestEmptyJoin(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		p, err := Compile("{}.join(',')", EmptyJoin(on))
		if err != nil {
			t.Fatal(err)
		}
		e := NewEvaluator(EvalConfig{})
		result, err := e.Eval(context.Background(), p, Value{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(result) == 1; got != on {
			t.Errorf("EmptyJoin(%t): %d items", on, len(result))
		}
	}
}

// TestCodeSystemVariables may be set by the caller; the others may not.
func TestCodeSystemVariables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		opts []CompileOption
		want string
	}{
		{nil, "http://loinc.org"},
		{[]CompileOption{WithConstant("loinc", NewString("x"))}, "x"},
	} {
		p, err := Compile("%loinc", tt.opts...)
		if err != nil {
			t.Fatal(err)
		}
		result, err := NewEvaluator(EvalConfig{}).Eval(context.Background(), p, Value{}, nil)
		if err != nil || len(result) != 1 || string(result[0].AppendText(nil)) != tt.want {
			t.Errorf("%%loinc = %v, %v, want %s", result, err, tt.want)
		}
	}
	if _, err := Compile("%resource", WithConstant("resource", NewString("x"))); err == nil {
		t.Error("%resource may be set")
	}
}
