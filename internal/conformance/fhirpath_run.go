package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// FHIRPathResult is what the engine gave for a case, and the verdict.
type FHIRPathResult struct {
	Case *FHIRPathCase
	// Error is the class of the failure (syntax, semantic, unsupported, limit, execution), nil if there was none.
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

// RunFHIRPath evaluates all cases of a suite and judges the results. A case that cannot be run, because its input is
// missing or no JSON, its model unknown or its context fails, does not pass. The error is one of the list of
// exclusions.
func RunFHIRPath(ctx context.Context, s *FHIRPathSuite) ([]FHIRPathResult, error) {
	exclusions, err := loadExclusions("fhirpath")
	if err != nil {
		return nil, err
	}
	inputs := map[string][]byte{}
	results := make([]FHIRPathResult, 0, len(s.Cases))
	for i := range s.Cases {
		r := FHIRPathResult{Case: &s.Cases[i]}
		if err := r.run(ctx, s, inputs); err != nil {
			class := caseError
			r.Error, r.Message = &class, err.Error()
			r.Reason = "the case cannot be run: " + err.Error()
		} else {
			r.Reason = judge(&r)
		}
		if e, ok := exclusions[r.Case.ID]; ok {
			r.Exclusion = &e
		}
		results = append(results, r)
	}
	return results, nil
}

// caseError is the class of the failure of a case that cannot be run.
const caseError = "case"

func (r *FHIRPathResult) run(ctx context.Context, s *FHIRPathSuite, loaded map[string][]byte) error {
	input, err := s.input(r.Case, loaded)
	if err != nil {
		return err
	}
	return r.evaluate(ctx, input)
}

// input returns the resource of a case, nil if it has none. A name that ends with .xml stands for the JSON of the
// same name.
func (s *FHIRPathSuite) input(c *FHIRPathCase, loaded map[string][]byte) ([]byte, error) {
	if len(c.Input) > 0 && string(c.Input) != "null" {
		return c.Input, nil
	}
	if c.InputFile == "" {
		return nil, nil
	}
	name := filepath.FromSlash(c.InputFile)
	if base, ok := strings.CutSuffix(name, ".xml"); ok {
		name = base + ".json"
	}
	for _, dir := range s.folders(c) {
		path := filepath.Join(dir, name)
		if raw, ok := loaded[path]; ok {
			return raw, nil
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			loaded[path] = raw
			return raw, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the input %s is in none of the folders %s", c.InputFile, strings.Join(s.Dirs, ", "))
}

// folders returns the folders of the input files, those first whose name tells the model of the case.
func (s *FHIRPathSuite) folders(c *FHIRPathCase) []string {
	var named, others []string
	for _, dir := range s.Dirs {
		if model, ok := modelNamed(filepath.Base(dir)); ok && model == c.Model.Text {
			named = append(named, dir)
		} else {
			others = append(others, dir)
		}
	}
	return append(named, others...)
}

// evaluate sets Error, Message, Compiled and Outputs. The error is one of the case.
func (r *FHIRPathResult) evaluate(ctx context.Context, input []byte) error {
	c := r.Case
	base, err := c.model()
	if err != nil {
		return err
	}
	var env fhirpath.Env
	variables := slices.Clip(base)
	for name, raw := range c.Variables {
		name = strings.TrimPrefix(name, "%")
		values, err := variable(ctx, raw, base)
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		env.Set(name, values...)
		if !fhirpath.Builtin(name) {
			variables = append(variables, fhirpath.WithVariable(name, ""))
		}
	}
	e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
	if input != nil {
		if err := e.Load(input); err != nil {
			return fmt.Errorf("input: %w", err)
		}
	}
	focus, types := e.Roots(), c.inputType(input)
	if c.Context != "" {
		items, found, err := c.evaluateContext(ctx, e, &env, append(slices.Clip(variables), fhirpath.WithInput(types...)))
		if err != nil {
			return fmt.Errorf("context: %w", err)
		}
		env.Set("context", items...)
		if !c.startsAt(input, items) {
			focus, types = items, found
		}
	}
	options := append(slices.Clip(variables), fhirpath.WithInput(types...))
	if c.Mode == "strict" {
		options = append(options, fhirpath.Strict(true))
	}
	if c.CheckOrdered == "true" {
		options = append(options, fhirpath.Ordered(true))
	}
	p, err := fhirpath.Compile(c.Expression, options...)
	if err != nil {
		r.fail(err)
		return nil
	}
	r.Compiled = true
	items, err := e.EvalAll(ctx, p, focus, &env)
	if err != nil {
		r.fail(err)
		return nil
	}
	if c.Predicate == "true" {
		items = fhirpath.Collection{fhirpath.NewBoolean(truth(items))}
	}
	for _, v := range items {
		r.Outputs = append(r.Outputs, output(v))
	}
	return nil
}

// model returns the options for the model of the case, none if it has none.
func (c *FHIRPathCase) model() ([]fhirpath.CompileOption, error) {
	version, ok := c.version()
	switch {
	case ok:
		return []fhirpath.CompileOption{fhirpath.WithModel(version)}, nil
	case c.Model.Text == "":
		return nil, nil
	}
	return nil, fmt.Errorf("model %q is not known", c.Model.Text)
}

func (c *FHIRPathCase) version() (v model.Version, ok bool) {
	switch strings.ToLower(c.Model.Text) {
	case "r4":
		return model.R4, true
	case "r4b":
		return model.R4B, true
	case "r5":
		return model.R5, true
	}
	return 0, false
}

// inputType returns the type of an input that is a resource of the model.
func (c *FHIRPathCase) inputType(input []byte) []string {
	version, ok := c.version()
	if !ok {
		return nil
	}
	if name := resourceType(input); name != "" {
		if _, ok := model.Load(version).Type(name); ok {
			return []string{name}
		}
	}
	return nil
}

// resourceType returns the resourceType of an object, "" for any other JSON.
func resourceType(input []byte) string {
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	if json.Unmarshal(input, &head) != nil {
		return ""
	}
	return head.ResourceType
}

// evaluateContext returns what the expression of the context gives, and the types of its items.
func (c *FHIRPathCase) evaluateContext(ctx context.Context, e *fhirpath.Evaluator, env *fhirpath.Env,
	options []fhirpath.CompileOption,
) (items fhirpath.Collection, types []string, err error) {
	p, err := fhirpath.Compile(c.Context, options...)
	if err != nil {
		return nil, nil, err
	}
	if items, err = e.EvalAll(ctx, p, e.Roots(), env); err != nil {
		return nil, nil, err
	}
	return items, p.Result().Types, nil
}

// startsAt reports whether the expression starts at the input and not at what the context gave: with the type of the
// input or, where that has none, with a member that the input has and the context has not.
func (c *FHIRPathCase) startsAt(input []byte, items fhirpath.Collection) bool {
	tree, err := syntax.Parse(c.Expression)
	if err != nil {
		return false
	}
	typed := resourceType(input) != ""
	names := map[string]bool{resourceType(input): true}
	if !typed {
		names = members(input)
		for _, v := range items {
			for name := range members(v.Span()) {
				delete(names, name)
			}
		}
	}
	found := false
	var visit func(e syntax.Expr) bool
	visit = func(e syntax.Expr) bool {
		switch e := e.(type) {
		case *syntax.Member:
			found = found || e.X == nil && names[e.Name]
		case *syntax.Call:
			switch e.Name {
			case "is", "as", "ofType", "getReferenceKey":
			default:
				if typed {
					return true
				}
			}
			syntax.Walk(e.X, visit) // arguments are types, or members of other elements
			return false
		}
		return true
	}
	syntax.Walk(tree, visit)
	return found
}

// members returns the names of an object's members.
func members(raw []byte) map[string]bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	names := make(map[string]bool, len(object))
	for name := range object {
		names[name] = true
	}
	return names
}

// variable returns the items that a variable's JSON stands for: numbers and Booleans are System values, strings are
// so but are read as dates where those are wanted, objects are elements, typed where they are resources or
// quantities, null is nothing, and an array is its items.
func variable(ctx context.Context, raw json.RawMessage, options []fhirpath.CompileOption) ([]fhirpath.Value, error) {
	parts := []json.RawMessage{raw}
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &parts); err != nil {
			return nil, err
		}
	}
	var values []fhirpath.Value
	for _, part := range parts {
		e := fhirpath.NewEvaluator(fhirpath.EvalConfig{})
		if err := e.Load(part); err != nil {
			return nil, err
		}
		typed := options
		if len(options) > 0 && isQuantity(part) {
			typed = append(slices.Clip(options), fhirpath.WithInput("Quantity"))
		}
		p, err := fhirpath.Compile("$this", typed...)
		if err != nil {
			return nil, err
		}
		items, err := e.EvalAll(ctx, p, e.Roots(), nil)
		if err != nil {
			return nil, err
		}
		for _, v := range items {
			if s, ok := v.System(); ok && (s.Kind() != fhirpath.Quantity && s.Kind() != fhirpath.String) {
				v = s
			}
			values = append(values, v)
		}
	}
	return values, nil
}

// isQuantity reports whether JSON is an object with a number as its value and no members but those of a Quantity.
func isQuantity(raw []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return false
	}
	var value json.Number
	if json.Unmarshal(members["value"], &value) != nil || len(members) == 1 {
		return false
	}
	for name := range members {
		switch name {
		case "value", "unit", "system", "code", "comparator", "id", "extension":
		default:
			return false
		}
	}
	return true
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

// output writes a value the way the suites do; what type() gives is an object with namespace and name.
func output(v fhirpath.Value) FHIRPathOutput {
	name := typeName(v)
	text := string(v.AppendText(nil))
	switch v.SystemKind() {
	case fhirpath.TypeInfo:
		namespace, name, _ := strings.Cut(text, ".")
		text = fmt.Sprintf(`{"namespace":%q,"name":%q}`, namespace, name)
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
		if name := v.TypeCode(); name != "" {
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
