package fhirpath

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/testdata"
)

// staticInputs are resources of many types to evaluate on: the inputs of HL7's suite, then one of each file of data.
func staticInputs(tb testing.TB) []staticInput {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "conformance", "fhirpath", "inputs-r4"), "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, set := range []string{"small", "edge"} {
		more, err := filepath.Glob(filepath.Join(testdata.Shared(tb, "data", set), "*.ndjson"))
		if err != nil {
			tb.Fatal(err)
		}
		names = append(names, more...)
	}
	inputs := make([]staticInput, len(names))
	for i, name := range names {
		if inputs[i].raw, err = os.ReadFile(name); err != nil {
			tb.Fatal(err)
		}
		if strings.HasSuffix(name, ".ndjson") { // the last of its resources
			inputs[i].raw = bytes.TrimSpace(inputs[i].raw)
			inputs[i].raw = inputs[i].raw[bytes.LastIndexByte(inputs[i].raw, '\n')+1:]
		}
		var resource struct{ ResourceType string }
		if err := json.Unmarshal(inputs[i].raw, &resource); err != nil {
			tb.Fatal(err)
		}
		inputs[i].typ, inputs[i].file = resource.ResourceType, filepath.Base(name)
	}
	return inputs
}

type staticInput struct {
	file, typ string
	raw       []byte
}

// checkSound compiles an expression and evaluates it, and holds what the static check said against what there is.
// It returns whether there was anything to compare.
func checkSound(t *testing.T, text string, in staticInput) bool {
	t.Helper()
	conf, err := newConfig([]CompileOption{WithModel(model.R4), WithInput(in.typ)})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := syntax.Parse(text)
	if err != nil {
		return false
	}
	c := &compiler{config: conf, functions: functions, src: text, checked: conf.staticCheck(tree)}
	root := c.compile(tree)
	if len(c.errs) > 0 {
		return false
	}
	for _, fault := range c.checked.Faults {
		switch {
		case fault.Level == check.Certain:
			t.Errorf("%s: the compiler knows all names, but: %s", text, fault.Msg)
			return false
		case fault.Level > check.Doubtful:
			return false // the static type is a guess
		}
	}
	warnings := c.addStaticFaults(c.checked)
	e := NewEvaluator(EvalConfig{
		Limits: Limits{MaxSteps: 100_000, MaxItems: 10_000},
		Clock:  func() time.Time { return time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC) },
	})
	if err := e.Load(in.raw); err != nil {
		t.Fatal(err)
	}
	p := &Program{src: text, tree: tree, root: root, schema: conf.schema, input: conf.input, warnings: warnings}
	got, err := e.Eval(context.Background(), p, e.Root(), nil)
	if err != nil {
		var failed *EvalError
		if !errors.As(err, &failed) || failed.Kind == Internal {
			t.Errorf("%s on %s: %v", text, in.file, err)
		}
		return false
	}
	want := c.checked.Type
	if want.Single && len(got) > 1 {
		t.Errorf("%s on %s: %d items, want one", text, in.file, len(got))
	}
	if len(got) < want.Least {
		t.Errorf("%s on %s: %d items, want at least %d", text, in.file, len(got), want.Least)
	}
	if !want.Known {
		return true
	}
	m := conf.schema.model
	for _, v := range got {
		name := v.TypeName()
		if !slices.ContainsFunc(want.Refs, func(r check.Ref) bool {
			if r.System != 0 {
				return r.Name(m) == name
			}
			id, ok := m.Type(strings.TrimPrefix(name, "FHIR."))
			return ok && strings.HasPrefix(name, "FHIR.") && m.IsSubtype(id, r.FHIR)
		}) {
			t.Errorf("%s on %s: an item of type %q, want one of %v", text, in.file, name, want.Names(m))
			break
		}
	}
	return true
}

// staticSeeds are expressions from HL7's suite and of HL7's invariants.
func staticSeeds(tb testing.TB) []string {
	tb.Helper()
	var suite struct{ Tests []struct{ Expression string } }
	content, err := os.ReadFile(testdata.Shared(tb, "conformance", "fhirpath", "tests-fhir-r4.visible.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(content, &suite); err != nil {
		tb.Fatal(err)
	}
	seeds := []string{
		"descendants()", "descendants().value", "repeat(item)", "extension.value", "contained.descendants().code",
		"value", "value.value", "id", "meta", "birthDate.value", "name.given.value", "children().children()", "type()",
		"{} | id", "iif(id.exists(), id, 1)", "coalesce(id, 1)", "1 + 1.0", "1 / 1", "3 div 2", "3 mod 2.0", "2 * 3 'mg'",
		"aggregate($total + 1, 0)", "name.select(iif($index = 0, given, family))", "%context | %resource | %rootResource",
	}
	for _, tt := range suite.Tests {
		seeds = append(seeds, tt.Expression)
	}
	return seeds
}

// TestStaticTypesHold evaluates expressions on real resources: there is nothing in a result that its static type
// does not allow.
func TestStaticTypesHold(t *testing.T) {
	inputs := staticInputs(t)
	compared := 0
	for _, text := range staticSeeds(t) {
		for _, in := range inputs {
			if checkSound(t, text, in) {
				compared++
			}
		}
	}
	t.Logf("%d results compared with their static types", compared)
	if compared < 100 {
		t.Errorf("%d results compared, want many more", compared)
	}
}

// FuzzStaticTypes holds that no expression is refused for a name that the compiler knows, and that the static type
// allows the result.
func FuzzStaticTypes(f *testing.F) {
	inputs := staticInputs(f)
	for i, text := range staticSeeds(f) {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, i uint8) {
		checkSound(t, text, inputs[int(i)%len(inputs)])
	})
}

// TestSuiteCompilesStrictly compiles every expression of HL7's suite strictly for its input: semantic errors are
// found here, before there is any data, and what has a result is not refused.
func TestSuiteCompilesStrictly(t *testing.T) {
	var suite struct {
		Tests []struct{ Name, Expression, InputFile, Invalid string }
	}
	content, err := os.ReadFile(testdata.Shared(t, "conformance", "fhirpath", "tests-fhir-r4.visible.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &suite); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, in := range staticInputs(t) {
		types[in.file] = in.typ
	}
	valid, refused := 0, 0
	for _, tt := range suite.Tests {
		_, err := Compile(tt.Expression, WithModel(model.R4), WithInput(types[tt.InputFile]), Strict(true))
		var list Errors
		switch {
		case tt.Invalid == "" && err != nil:
			t.Errorf("%s: %v", tt.Name, err)
		case tt.Invalid == "":
			valid++
		case tt.Invalid == "syntax" || tt.Invalid == "semantic":
			refused++
			kind := Semantic
			if tt.Invalid == "syntax" {
				kind = Syntax
			}
			if !errors.As(err, &list) || list[0].Kind != kind {
				t.Errorf("%s: %s: got error %v, want a %s error", tt.Name, tt.Expression, err, kind)
			}
		}
	}
	if valid < 600 || refused < 5 {
		t.Errorf("%d valid expressions and %d wrong ones, want the whole suite", valid, refused)
	}
}
