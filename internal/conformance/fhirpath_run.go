package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// FHIRPathResult is what the engine gave for a case, and the verdict.
type FHIRPathResult struct {
	Case *FHIRPathCase
	// Error is the class of the failure (syntax, semantic, unsupported, limit, execution), nil where there was none.
	Error *string
	// Message is the failure's text.
	Message string
	// Compiled reports that the failure, if any, came after Compile.
	Compiled bool
	// Outputs are the items of the result.
	Outputs []FHIRPathOutput
	// Reason says why the case did not pass; "" if it did.
	Reason string
	// Exclusion is set for a case of the list of exclusions.
	Exclusion *Exclusion
}

// Failed reports whether the case counts against the engine: it did not pass and is not excluded, or it passed
// although it is.
func (r *FHIRPathResult) Failed() bool { return (r.Reason == "") == (r.Exclusion != nil) }

// RunFHIRPath evaluates all cases of a suite and judges the results. The error is one of the suite itself: an input
// that is missing, an unknown model.
func RunFHIRPath(ctx context.Context, s *FHIRPathSuite) ([]FHIRPathResult, error) {
	exclusions, err := Exclusions("fhirpath")
	if err != nil {
		return nil, err
	}
	inputs := map[string][]byte{}
	results := make([]FHIRPathResult, 0, len(s.Cases))
	for i := range s.Cases {
		c := &s.Cases[i]
		input, err := s.input(c, inputs)
		if err != nil {
			return nil, fmt.Errorf("conformance: case %s: %w", c.ID, err)
		}
		r := FHIRPathResult{Case: c}
		if err := r.evaluate(ctx, input); err != nil {
			return nil, fmt.Errorf("conformance: case %s: %w", c.ID, err)
		}
		r.Reason = judge(&r)
		if e, ok := exclusions[c.ID]; ok {
			r.Exclusion = &e
		}
		results = append(results, r)
	}
	return results, nil
}

// input returns the resource of a case, nil where it has none.
func (s *FHIRPathSuite) input(c *FHIRPathCase, loaded map[string][]byte) ([]byte, error) {
	if len(c.Input) > 0 && string(c.Input) != "null" {
		return c.Input, nil
	}
	if c.InputFile == "" {
		return nil, nil
	}
	if raw, ok := loaded[c.InputFile]; ok {
		return raw, nil
	}
	raw, err := os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(c.InputFile)))
	loaded[c.InputFile] = raw
	return raw, err
}

// evaluate sets Error, Message, Compiled and Outputs. The error is one of the case.
func (r *FHIRPathResult) evaluate(ctx context.Context, input []byte) error {
	c := r.Case
	options, err := c.options(input)
	if err != nil {
		return err
	}
	var env fhirpath.Env
	for name, raw := range c.Variables {
		values, err := variable(ctx, raw, options[:min(len(options), 1)])
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		env.Set(name, values...)
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if input != nil {
		if err := e.Load(input); err != nil {
			return err
		}
	}
	if c.Context != "" {
		p, err := fhirpath.Compile(c.Context, options...)
		if err != nil {
			return fmt.Errorf("context: %w", err)
		}
		items, err := e.Eval(ctx, p, e.Root(), &env)
		if err != nil {
			return fmt.Errorf("context: %w", err)
		}
		env.Set("context", items[:min(len(items), 1)]...)
	}
	compileOptions := options
	for name := range c.Variables {
		compileOptions = append(compileOptions, fhirpath.WithVariable(name, ""))
	}
	if c.Mode == "strict" {
		compileOptions = append(compileOptions, fhirpath.Strict(true))
	}
	if c.CheckOrdered == "true" {
		compileOptions = append(compileOptions, fhirpath.Ordered(true))
	}
	p, err := fhirpath.Compile(c.Expression, compileOptions...)
	if err != nil {
		r.fail(err)
		return nil
	}
	r.Compiled = true
	items, err := e.Eval(ctx, p, e.Root(), &env)
	if err != nil {
		r.fail(err)
		return nil
	}
	if c.Predicate {
		items = fhirpath.Collection{fhirpath.NewBoolean(truth(items))}
	}
	for _, v := range items {
		r.Outputs = append(r.Outputs, output(v))
	}
	return nil
}

func (c *FHIRPathCase) options(input []byte) ([]fhirpath.CompileOption, error) {
	version := model.R4
	switch {
	case !c.Model.Set || c.Model.Text == "r4":
	case c.Model.Text == "r4b":
		version = model.R4B
	case c.Model.Text == "r5":
		version = model.R5
	case c.Model.Text == "":
		return nil, nil
	default:
		return nil, fmt.Errorf("model %q is not known", c.Model.Text)
	}
	options := []fhirpath.CompileOption{fhirpath.WithModel(version)}
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	// An input that is no object has no type; the evaluator judges whether it is JSON.
	if json.Unmarshal(input, &head) == nil && head.ResourceType != "" {
		if _, ok := model.Load(version).Type(head.ResourceType); ok {
			options = append(options, fhirpath.WithInput(head.ResourceType))
		}
	}
	return options, nil
}

// variable returns the items that a variable's JSON stands for: strings, numbers and Booleans are System values,
// objects are elements, typed where they are resources.
func variable(ctx context.Context, raw json.RawMessage, options []fhirpath.CompileOption) ([]fhirpath.Value, error) {
	parts := []json.RawMessage{raw}
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &parts); err != nil {
			return nil, err
		}
	}
	p, err := fhirpath.Compile("$this", options...)
	if err != nil {
		return nil, err
	}
	var values []fhirpath.Value
	for _, part := range parts {
		e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
		if err := e.Load(part); err != nil {
			return nil, err
		}
		items, err := e.Eval(ctx, p, e.Root(), nil)
		if err != nil {
			return nil, err
		}
		for _, v := range items {
			if s, ok := v.System(); ok {
				v = s
			}
			values = append(values, v)
		}
	}
	return values, nil
}

// truth is the result as a predicate: a Boolean alone is itself, otherwise there is a result or none.
func truth(items fhirpath.Collection) bool {
	if len(items) == 1 {
		if b, ok := items[0].Bool(); ok {
			return b
		}
	}
	return len(items) > 0
}

func (r *FHIRPathResult) fail(err error) {
	kind := fhirpath.Internal
	var fault *fhirpath.Error
	var failure *fhirpath.EvalError
	switch {
	case errors.As(err, &fault):
		kind = fault.Kind
	case errors.As(err, &failure):
		kind = failure.Kind
	}
	class := kind.String()
	r.Error = &class
	r.Message = strings.SplitN(err.Error(), "\n", 2)[0]
}

// output writes a value the way the suites do.
func output(v fhirpath.Value) FHIRPathOutput {
	name := typeName(v)
	text := string(v.AppendText(nil))
	switch v.SystemKind() {
	case fhirpath.Date, fhirpath.DateTime:
		text = "@" + text
	case fhirpath.Time:
		text = "@T" + text
	}
	o := FHIRPathOutput{Value: OutputText(text)}
	if q, ok := v.Quantity(); ok {
		o.quantity = q.String()
	}
	if name != "" {
		o.Type = &name
	}
	return o
}

// typeName returns the name a type has in FHIR; System types, and primitives without a model, have that of the
// primitive with their values. It is "" for other elements without a model.
func typeName(v fhirpath.Value) string {
	kind := v.Kind()
	if kind == fhirpath.Element {
		if name := v.FHIRType(); name != "" {
			return name
		}
		kind = v.SystemKind()
	}
	switch kind {
	case 0:
		return ""
	case fhirpath.Long:
		return "integer64"
	case fhirpath.Quantity, fhirpath.TypeInfo:
		return kind.String()
	}
	name := kind.String()
	return strings.ToLower(name[:1]) + name[1:]
}
