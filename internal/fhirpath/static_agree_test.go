package fhirpath

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// staticSamples are values of every System type, and an element that stands for none.
var staticSamples = []string{
	"true", "'a'", "1", "1L", "1.5", "@2020-01-01", "@2020-01-01T10:00:00Z", "@T10:00:00", "4 'mg'", "name",
}

const samplePatient = `{"resourceType": "Patient", "name": [{"family": "F"}]}`

// TestCheckAgreesWithEvaluation applies every function and operator to samples of every type. What is refused
// although the compilation is not strict must fail in evaluation, or give nothing.
func TestCheckAgreesWithEvaluation(t *testing.T) {
	var expressions []string
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		f := functions[name]
		if slices.Contains(f.args, typeName) || name == "memberOf" || name == "iif" {
			continue
		}
		args := make([]string, f.min)
		for _, x := range staticSamples {
			var fill func(i int)
			fill = func(i int) {
				if i == len(args) {
					expressions = append(expressions, fmt.Sprintf("(%s).%s(%s)", x, name, strings.Join(args, ", ")))
					return
				}
				samples := staticSamples
				if i > 0 {
					samples = []string{"'a'", "1", "name"}
				}
				for _, args[i] = range samples {
					fill(i + 1)
				}
			}
			fill(0)
			if f.max > f.min && f.min == 0 {
				for _, y := range staticSamples {
					expressions = append(expressions, fmt.Sprintf("(%s).%s(%s)", x, name, y))
				}
			}
		}
	}
	for _, op := range []string{"+", "-", "*", "/", "div", "mod", "&", "|", "<", "<=", ">", ">=", "=", "!=", "~", "!~", "in", "contains", "and", "or", "xor", "implies"} {
		for _, x := range staticSamples {
			for _, y := range staticSamples {
				expressions = append(expressions, fmt.Sprintf("(%s) %s (%s)", x, op, y))
			}
		}
	}
	for _, x := range staticSamples {
		expressions = append(expressions, fmt.Sprintf("-(%s)", x), fmt.Sprintf("+(%s)", x), fmt.Sprintf("name[%s]", x))
	}

	e := NewEvaluator(EvalConfig{Limits: Limits{MaxSteps: 10_000, MaxItems: 100}})
	if err := e.Load([]byte(samplePatient)); err != nil {
		t.Fatal(err)
	}
	options := []CompileOption{WithModel(model.R4), WithInput("Patient")}
	refused, failed := 0, 0
	for _, text := range expressions {
		_, err := Compile(text, options...)
		p := compileUnchecked(t, text, options)
		if p == nil {
			continue // refused by the compiler itself
		}
		got, evalErr := e.Eval(context.Background(), p, e.Root(), nil)
		if evalErr != nil {
			failed++
		}
		if err != nil {
			refused++
			if evalErr == nil {
				t.Errorf("%s: gives %d items without failing, but is refused: %v", text, len(got), err)
			}
		}
	}
	if refused < len(expressions)/3 {
		t.Errorf("%d of %d expressions are refused, want more", refused, len(expressions))
	}
	t.Logf("%d expressions: %d refused, %d fail in evaluation", len(expressions), refused, failed)
}

// TestCheckKnowsAllFunctions fails for functions that were added without telling the checker.
func TestCheckKnowsAllFunctions(t *testing.T) {
	for name := range functions {
		if !check.Knows(name) {
			t.Errorf("the checker does not know %s()", name)
		}
	}
}

// compileUnchecked compiles without the faults of the static check, and returns nil if the compiler finds some.
func compileUnchecked(t *testing.T, text string, options []CompileOption) *Program {
	t.Helper()
	conf, err := newConfig(options)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c := &compiler{config: conf, functions: functions, src: text, checked: conf.staticCheck(tree)}
	root := c.compile(tree)
	if len(c.errs) > 0 {
		return nil
	}
	return &Program{src: text, tree: tree, root: root, schema: conf.schema, input: conf.input}
}
