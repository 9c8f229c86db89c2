package fhirpath

import (
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// fhirFunctions are those that FHIR adds (https://hl7.org/fhir/R4/fhirpath.html#functions), resolve() in
// fn_resolve.go and htmlChecks() in fn_html.go.
var fhirFunctions = []*function{
	{name: "extension", min: 1, max: 1, eval: fnExtension},
	{name: "hasValue", eval: fnHasValue},
	{name: "getValue", eval: fnGetValue},
	{name: "resolve", eval: fnResolve},
	{name: "memberOf", min: 1, max: 1, eval: fnMemberOf, check: checkMemberOf},
	{name: "conformsTo", min: 1, max: 1, eval: fnConformsTo},
	{name: "htmlChecks", eval: fnHTMLChecks},
}

// fnExtension is extension(url): the extensions of the items with that url.
func fnExtension(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	url, ok, err := c.textArg(e, 0)
	if err != nil || !ok {
		return dst, err
	}
	extensions := e.borrow()
	for i := range in {
		extensions = navigate(extensions[:0], in[i], "extension")
		for _, x := range extensions {
			if x.node >= 0 && x.doc.field(int(x.node), "url") == url {
				dst = append(dst, x)
			}
		}
		if err := e.step(c.pos, len(extensions)); err != nil {
			return dst, err
		}
	}
	e.release(extensions)
	return dst, nil
}

// fnHasValue is hasValue(): whether the input is a single primitive with a value.
func fnHasValue(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, NewBoolean(len(in) == 1 && in[0].primitive())), nil
}

// primitive reports whether v is a primitive that has a value.
func (v Value) primitive() bool {
	k := v.SystemKind()
	return k != 0 && k != TypeInfo && (k != Quantity || v.kind == Quantity)
}

// fnGetValue is getValue(): the System value of a single primitive.
func fnGetValue(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	if len(in) == 1 && in[0].primitive() {
		if s, ok := in[0].System(); ok {
			dst = append(dst, s)
		}
	}
	return dst, nil
}

// checkMemberOf reports memberOf() without a terminology service.
func checkMemberOf(c *compiler, n *invocation, x *syntax.Call) {
	if c.terminology == nil {
		c.report(Unsupported, x.Offset, "memberOf() needs a terminology service")
		return
	}
	n.prepared = c.terminology
}

// fnMemberOf is memberOf(valueset): whether a code, a Coding or one of the codings of a CodeableConcept is in a value
// set. It is empty if the service cannot answer.
func fnMemberOf(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.onlyItem(in)
	if err != nil {
		return dst, err
	}
	valueSet, given, err := c.textArg(e, 0)
	if err != nil || !ok || !given {
		return dst, err
	}
	service := c.prepared.(Terminology)
	member := func(system, code string) (truth, error) {
		found, err := service.MemberOf(e.ctx, valueSet, system, code)
		if err != nil {
			if e.ctx.Err() != nil {
				return unknown, &failure{kind: Canceled, offset: c.pos, msg: "evaluation was canceled", err: e.ctx.Err()}
			}
			return unknown, nil
		}
		return truthOf(found), nil
	}
	if code, ok := v.Text(); ok && v.SystemKind() == String {
		t, err := member("", code)
		return appendTruth(dst, t), err
	}
	codings := navigate(e.borrow(), v, "coding")
	defer func() { e.release(codings) }()
	if len(codings) == 0 && v.kind == Element {
		codings = append(codings, v)
	}
	result := unknown
	for _, coding := range codings {
		if coding.kind != Element || coding.node < 0 {
			continue
		}
		code := coding.doc.field(int(coding.node), "code")
		if code == "" {
			continue
		}
		t, err := member(coding.doc.field(int(coding.node), "system"), code)
		if err != nil || t == yes {
			return appendTruth(dst, t), err
		}
		if t == no {
			result = no
		}
	}
	return appendTruth(dst, result), nil
}

// structureDefinition begins the canonical URLs of FHIR's own definitions.
const structureDefinition = "http://hl7.org/fhir/StructureDefinition/"

// fnConformsTo is conformsTo(structure) for the definitions of FHIR's types: whether the item is of the type. A
// profile is an error.
func fnConformsTo(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.onlyItem(in)
	if err != nil {
		return dst, err
	}
	url, given, err := c.textArg(e, 0)
	if err != nil || !given {
		return dst, err
	}
	name, isFHIR := strings.CutPrefix(url, structureDefinition)
	name, _, _ = strings.Cut(name, "|")
	typ := e.prog.schema.typeOf(name)
	if !isFHIR || typ == 0 {
		return dst, fail(c.pos, "conformsTo() supports only the definitions of FHIR types, not profiles")
	}
	if !ok {
		return dst, nil
	}
	return append(dst, NewBoolean(v.kind == Element && e.prog.schema.isA(v.typ, typ))), nil
}
