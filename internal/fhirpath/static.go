package fhirpath

import (
	"slices"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/check"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// StaticType is what is known about a result before evaluation.
type StaticType struct {
	// Types are the qualified names of the possible types of an item, such as "FHIR.HumanName" or "System.Boolean". It
	// is empty if nothing is known.
	Types []string
	// Single reports that the result has at most one item.
	Single bool
}

// staticCheck runs the static check of package check.
func (c *config) staticCheck(tree syntax.Expr) *check.Result {
	o := check.Options{
		Model: c.schema.model, Input: check.Type{Single: true}, Variables: map[string]check.Type{}, Ordered: c.ordered,
	}
	if len(c.inputs) > 0 {
		o.Input = c.staticType(c.inputs...)
	}
	for name, typeName := range c.variables {
		o.Variables[name] = check.Any()
		if typeName != "" {
			o.Variables[name] = c.staticType(typeName)
			t := o.Variables[name]
			t.Single = false
			o.Variables[name] = t
		}
	}
	for name, v := range c.constants {
		o.Variables[name] = check.Type{Known: true, Single: true} // the empty collection
		if v.kind != 0 {
			o.Variables[name] = c.staticType(v.TypeName())
		}
	}
	return check.Check(tree, o)
}

// staticType returns the type of an item of one of the named types, which may be qualified.
func (c *config) staticType(names ...string) check.Type {
	refs := make([]check.Ref, 0, len(names))
	for _, name := range names {
		ref, ok := check.RefNamed(c.schema.model, name)
		if !ok {
			return check.Type{Single: true}
		}
		refs = append(refs, ref)
	}
	return check.Of(refs...)
}

// addStaticFaults adds the faults of the static check to the errors of the compiler, except where the compiler has
// reported one at the same offset, and returns the others as warnings.
func (c *compiler) addStaticFaults(checked *check.Result) Errors {
	reported := map[int]bool{}
	for _, err := range c.errs {
		reported[err.Offset] = true
	}
	var warnings Errors
	for _, fault := range checked.Faults {
		switch {
		case reported[fault.Offset]:
		case fault.Level > check.Strict, fault.Level == check.Strict && (c.strict || c.realNames && fault.Nowhere):
			c.report(Semantic, fault.Offset, "%s", fault.Msg)
		default:
			warnings = append(warnings, newError(Semantic, c.src, fault.Offset, "%s", fault.Msg))
		}
	}
	slices.SortStableFunc(c.errs, func(a, b *Error) int { return a.Offset - b.Offset })
	return warnings
}

// toStaticType returns a type in the form that [Program.Result] has.
func toStaticType(m *model.Model, t check.Type) StaticType {
	return StaticType{Types: t.Names(m), Single: t.Single}
}

// fhirName returns the name of a FHIR type without its namespace; ok is false for System types.
func fhirName(qualified string) (name string, ok bool) {
	if strings.HasPrefix(qualified, "System.") {
		return "", false
	}
	return strings.TrimPrefix(qualified, "FHIR."), true
}
