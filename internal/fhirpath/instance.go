package fhirpath

import (
	"slices"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// instance creates an element (section "Instance Selector/Object Creation").
type instance struct {
	name     string
	typ      model.TypeID // 0 without a model
	resource bool
	elements []instanceElement
	pos      int
}

// instanceElement is one element of an object that is created.
type instanceElement struct {
	name  string
	el    model.Element // where the type is known
	value operation
	pos   int
}

// instanceSteps is the number of steps for creating an object, in addition to those for its size.
const instanceSteps = 100

// instance compiles an instance selector.
func (c *compiler) instance(x *syntax.Instance) operation {
	spec := c.typeSpec(x.Type)
	n := &instance{name: spec.name, typ: spec.fhir, pos: x.Offset}
	if c.schema.model != nil && spec.fhir == 0 && len(c.errs) == 0 {
		c.report(Semantic, x.Offset, "type %s has no elements that could be set", x.Type)
	}
	m := c.schema.model
	if n.typ != 0 && m.IsAbstract(n.typ) {
		c.report(Semantic, x.Offset, "type %s is abstract", x.Type)
	}
	n.resource = c.schema.isResource(n.typ) || n.typ == 0 && startsUpper(spec.name)
	for i, name := range x.Names {
		part := instanceElement{name: name, value: c.operand(x.Values[i]), pos: x.Values[i].Pos()}
		if slices.Contains(x.Names[:i], name) {
			c.report(Semantic, part.pos, "element %s is set twice", name)
		}
		if n.typ != 0 && !(c.schema.isPrimitive(n.typ) && name == "value") {
			var ok bool
			if part.el, ok = m.Element(n.typ, name); !ok {
				c.report(Semantic, part.pos, "type %s has no element %s", x.Type, name)
			}
		}
		n.elements = append(n.elements, part)
	}
	return n
}

func (n *instance) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if len(e.scope.this) == 0 {
		return dst, nil
	}
	if len(e.scope.this) > 1 {
		return dst, fail(n.pos, "an object needs a single input item, not several")
	}
	primitive := e.prog.schema.isPrimitive(n.typ)
	raw := []byte{'{'}
	if n.resource {
		raw = appendJSONString(appendKey(raw, "resourceType"), n.name)
	}
	sibling := []byte{'{'} // id and extensions of a primitive
	for i := range n.elements {
		p := &n.elements[i]
		values, err := e.operand(p.value)
		if err != nil {
			return dst, err
		}
		size := 0
		for _, v := range values {
			size += v.size()
		}
		if err := e.checkText(n.pos, size); err != nil {
			return dst, err
		}
		into := &raw
		if primitive && p.name != "value" {
			into = &sibling
		}
		*into, err = p.append(e.prog.schema, *into, n.typ, values)
		e.release(values)
		if err != nil {
			return dst, err
		}
		if err := e.checkText(n.pos, len(raw)+len(sibling)); err != nil {
			return dst, err
		}
	}
	if primitive {
		raw = append(append(appendKey(raw, "_value"), sibling...), '}')
	}
	raw = append(raw, '}')
	if err := e.step(n.pos, instanceSteps+len(raw)/8); err != nil {
		return dst, err
	}
	doc := &document{tape: new(fhirjson.Tape), schema: e.prog.schema, work: &e.work}
	if err := doc.tape.Parse(raw, e.config.Keys, e.config.JSON); err != nil {
		return dst, &failure{kind: Execution, offset: n.pos, msg: "the object cannot be created", err: err}
	}
	if primitive {
		return doc.primitive(dst, n.typ), nil
	}
	return append(dst, doc.element(0, 0, n.typ)), nil
}

// primitive appends the primitive of an object with the members value and _value.
func (d *document) primitive(dst []Value, typ model.TypeID) []Value {
	value, ok := d.find(0, "value")
	if !ok {
		value = -1
	}
	return d.items(dst, value, d.sibling(0, "value"), typ)
}

// append writes the member of an element with its values, if there are any.
func (p *instanceElement) append(s *schema, raw []byte, owner model.TypeID, values []Value) ([]byte, error) {
	if len(values) == 0 {
		return raw, nil
	}
	key, typ, many := p.name, model.TypeID(0), len(values) > 1
	if owner != 0 {
		if typ, key = p.target(s, owner, values[0]); typ == 0 {
			return raw, fail(p.pos, "element %s cannot be %s", p.name, describe(values[0]))
		}
		if !p.el.Many && many {
			return raw, fail(p.pos, "element %s takes a single item, not several", p.name)
		}
		many = p.el.Many
	}
	raw = appendKey(raw, key)
	raw, ok := appendList(raw, values, many, func(raw []byte, v Value) ([]byte, bool) { return appendAs(s, raw, v, typ) })
	if !ok {
		return raw, fail(p.pos, "element %s cannot be %s", p.name, describe(values[0]))
	}
	if !slices.ContainsFunc(values, func(v Value) bool { return v.kind == Element && v.sibling > 0 }) {
		return raw, nil
	}
	raw = appendKey(raw, "_"+key)
	raw, _ = appendList(raw, values, many, func(raw []byte, v Value) ([]byte, bool) {
		if v.kind != Element || v.sibling <= 0 {
			return append(raw, "null"...), true
		}
		return append(raw, v.doc.tape.Raw(int(v.sibling))...), true
	})
	return raw, nil
}

// target returns the type and the JSON name of the element if it is set to v; the type is 0 if that is not possible.
func (p *instanceElement) target(s *schema, owner model.TypeID, v Value) (typ model.TypeID, key string) {
	if s.isPrimitive(owner) && p.name == "value" {
		return owner, p.name
	}
	if !p.el.Choice {
		return p.el.Types[0], p.name
	}
	if typ = v.typ; v.kind != Element {
		typ = s.typeOf(fhirTypes[v.kind])
	}
	if key = s.model.ChoiceKey(p.el, typ); key == "" {
		return 0, ""
	}
	return typ, key
}

// fhirTypes are the FHIR types that System values get in a choice element.
var fhirTypes = [TypeInfo + 1]string{
	Boolean: "boolean", String: "string", Integer: "integer", Long: "integer64", Decimal: "decimal", Date: "date",
	DateTime: "dateTime", Time: "time", Quantity: "Quantity",
}

// appendAs appends a value as JSON of a type, in the form that FHIR prescribes; ok is false if it is not of the type.
func appendAs(s *schema, raw []byte, v Value, typ model.TypeID) (_ []byte, ok bool) {
	switch {
	case v.valueless():
		return append(raw, "null"...), true
	case typ == 0:
		return v.AppendJSON(raw), true
	case s.isPrimitive(typ):
		return appendPrimitive(raw, v, s.kinds[typ])
	case v.kind == Quantity && s.isA(typ, s.quantity):
		return appendQuantity(raw, v.sys.(system.Quantity)), true
	case v.kind == Element && (v.typ == 0 || s.isA(v.typ, typ)):
		return v.AppendJSON(raw), true
	}
	return raw, false
}

// appendPrimitive appends a value as a primitive whose System type is k.
func appendPrimitive(raw []byte, v Value, k Kind) (_ []byte, ok bool) {
	switch have := v.SystemKind(); k {
	case Boolean:
		ok = have == Boolean
	case Integer:
		ok = have == Integer || have == Long
	case Decimal:
		ok = have == Integer || have == Long || have == Decimal
	case Date:
		ok = have == Date
	case DateTime:
		ok = have == Date || have == DateTime
	case Time:
		ok = have == Time
	case Long: // written as a string
		ok = have == Integer || have == Long
	default:
		ok = have == String
	}
	if !ok {
		return raw, false
	}
	switch k {
	case Boolean, Integer, Decimal:
		return v.AppendText(raw), true
	}
	return appendJSONString(raw, string(v.AppendText(nil))), true
}

// appendQuantity appends a System.Quantity as a FHIR Quantity.
func appendQuantity(raw []byte, q system.Quantity) []byte {
	raw = appendKey(append(raw, '{'), "value")
	raw = q.Value.AppendText(raw)
	codes, unit := ucum, q.Unit
	if name, ok := system.CalendarUnit(unit); q.Calendar && ok {
		codes, unit = calendarUnits, name
	}
	for _, member := range [][2]string{{"unit", q.Unit}, {"system", codes}, {"code", unit}} {
		raw = appendJSONString(appendKey(raw, member[0]), member[1])
	}
	return append(raw, '}')
}

// appendKey appends the name of a member, after a comma unless it is the first.
func appendKey(raw []byte, key string) []byte {
	if raw[len(raw)-1] != '{' {
		raw = append(raw, ',')
	}
	return append(appendJSONString(raw, key), ':')
}

// appendList appends values, in brackets if there can be many.
func appendList(raw []byte, values []Value, many bool, one func([]byte, Value) ([]byte, bool)) (_ []byte, ok bool) {
	if !many {
		return one(raw, values[0])
	}
	raw = append(raw, '[')
	for i := range values {
		if i > 0 {
			raw = append(raw, ',')
		}
		if raw, ok = one(raw, values[i]); !ok {
			return raw, false
		}
	}
	return append(raw, ']'), true
}
