package fhirpath

import (
	"strconv"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// document is a resource on its tape, with the model that gives its elements their types.
type document struct {
	tape   *fhirjson.Tape
	schema *schema
	main   bool // the loaded resource, as opposed to one from a resolver
	// work counts the members that a search passes over; the evaluator converts it to steps.
	work *int
}

// find returns the member of an object with a name.
func (d *document) find(obj int, name string) (int, bool) {
	if d.tape.Node(obj).Kind != fhirjson.Object {
		return 0, false
	}
	end := int(d.tape.Node(obj).Next)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work++
		if d.key(i) == name {
			return i, true
		}
	}
	return 0, false
}

// element returns the value of a node. If typ is Resource or unknown it finds the actual type of a resource.
func (d *document) element(node, sibling int, typ model.TypeID) Value {
	v := Value{kind: Element, typ: typ, node: int32(node), sibling: int32(sibling), doc: d}
	if node < 0 || d.schema.model == nil || typ != 0 && !d.schema.isResource(typ) {
		return v
	}
	if name := d.resourceType(node); name != "" {
		if actual := d.schema.typeOf(name); actual != 0 {
			v.typ = actual
		}
	}
	return v
}

// roots appends the document, or its items if it is an array.
func (d *document) roots(dst []Value) []Value {
	n := d.tape.Node(0)
	switch n.Kind {
	case fhirjson.Null:
		return dst
	case fhirjson.Array:
		for i := 1; i < int(n.Next); i = int(d.tape.Node(i).Next) {
			dst = d.item(dst, i, 0, 0)
		}
		return dst
	}
	return append(dst, d.element(0, 0, 0))
}

// resourceType returns the resourceType of an object, "" if it has none.
func (d *document) resourceType(node int) string {
	if i, ok := d.find(node, "resourceType"); ok {
		s, _ := d.text(i)
		return s
	}
	return ""
}

// text returns the decoded text of a string node.
func (d *document) text(node int) (string, bool) {
	n := d.tape.Node(node)
	if n.Kind != fhirjson.String {
		return "", false
	}
	if n.Flags&fhirjson.Escaped != 0 {
		*d.work += int(n.End-n.Start) / 8
		return string(d.tape.AppendString(nil, node)), true
	}
	return view(d.tape.Raw(node)), true
}

// key returns the decoded member name of a node.
func (d *document) key(node int) string { return view(d.tape.KeyText(node)) }

// systemKind returns the System type that an element stands for.
func (d *document) systemKind(v Value) Kind {
	if v.node < 0 {
		return 0
	}
	n := d.tape.Node(int(v.node))
	if v.typ != 0 {
		k := d.schema.kinds[v.typ]
		switch {
		case k == Quantity:
			if n.Kind != fhirjson.Object {
				return 0
			}
		case k == Boolean:
			if n.Kind != fhirjson.True && n.Kind != fhirjson.False {
				return 0
			}
		case k == Integer, k == Decimal:
			if n.Kind != fhirjson.Number {
				return 0
			}
		case n.Kind != fhirjson.String && n.Kind != fhirjson.Number:
			return 0
		}
		return k
	}
	switch n.Kind {
	case fhirjson.True, fhirjson.False:
		return Boolean
	case fhirjson.String:
		return String
	case fhirjson.Number:
		if n.Flags&fhirjson.Integer != 0 {
			return wholeKind(d.tape.Raw(int(v.node)))
		}
		return Decimal
	}
	return 0
}

// wholeKind returns the smallest System type that holds a whole number of unknown type.
func wholeKind(raw []byte) Kind {
	if len(raw) < 10 {
		return Integer
	}
	n, err := strconv.ParseInt(view(raw), 10, 64)
	if err != nil {
		return Decimal
	}
	if _, ok := system.Int32(n); !ok {
		return Long
	}
	return Integer
}

// member appends the children of v with the given FHIRPath name to dst. The value of a primitive is a System value.
func (d *document) member(dst []Value, v Value, name string) []Value {
	if v.typ == 0 {
		return d.untypedMember(dst, v, name)
	}
	el, ok := d.schema.model.Element(v.typ, name)
	if !ok {
		if name == "value" && d.schema.isPrimitive(v.typ) {
			if value, ok := v.System(); ok {
				dst = append(dst, value)
			}
		}
		return dst
	}
	obj, ok := d.object(v)
	if !ok {
		return dst
	}
	if el.Choice {
		return d.pickChoice(dst, obj, v.typ, &el)
	}
	return d.pick(dst, obj, &el)
}

// object returns the node with the children of an element whose type is known: for a primitive its sibling.
func (d *document) object(v Value) (obj int, ok bool) {
	obj = int(v.node)
	if d.schema.isPrimitive(v.typ) {
		if obj = int(v.sibling); obj == 0 {
			return 0, false
		}
	}
	return obj, obj >= 0 && d.tape.Node(obj).Kind == fhirjson.Object
}

// choice appends the instances of a choice element by its JSON name, which includes the type (valueQuantity).
func (d *document) choice(dst []Value, v Value, name string) []Value {
	if v.typ == 0 {
		return dst
	}
	el, typ, ok := d.schema.model.JSONKey(v.typ, name)
	if !ok || !el.Choice {
		return dst
	}
	obj, ok := d.object(v)
	if !ok {
		return dst
	}
	value, ok := d.find(obj, name)
	if !ok {
		value = -1
	}
	return d.items(dst, value, d.sibling(obj, name), typ)
}

// pick appends the instances of an element that the object obj holds.
func (d *document) pick(dst []Value, obj int, el *model.Element) []Value {
	typ := el.Types[0]
	value, sibling := -1, 0
	wantSibling := d.schema.isPrimitive(typ)
	end := int(d.tape.Node(obj).Next)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work++
		switch key := d.key(i); {
		case key == el.Name:
			if value = i; !wantSibling {
				return d.items(dst, value, 0, typ)
			}
		case wantSibling && len(key) == len(el.Name)+1 && key[0] == '_' && key[1:] == el.Name:
			sibling = i
		}
	}
	return d.items(dst, value, sibling, typ)
}

// pickChoice appends the instances of a choice element of the type owner; its member names end with the type.
func (d *document) pickChoice(dst []Value, obj int, owner model.TypeID, el *model.Element) []Value {
	end := int(d.tape.Node(obj).Next)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work++
		key := d.key(i)
		bare := key
		if key != "" && key[0] == '_' {
			bare = key[1:]
		}
		if len(bare) <= len(el.Name) || bare[:len(el.Name)] != el.Name {
			continue
		}
		found, typ, ok := d.schema.model.JSONKey(owner, bare)
		if !ok || found.ID != el.ID {
			continue
		}
		if len(bare) < len(key) { // the sibling; its value may be elsewhere in the object
			if _, ok := d.find(obj, bare); !ok {
				dst = d.items(dst, -1, i, typ)
			}
			continue
		}
		sibling := 0
		if d.schema.isPrimitive(typ) {
			sibling = d.sibling(obj, key)
		}
		dst = d.items(dst, i, sibling, typ)
	}
	return dst
}

// sibling returns the node of the member that holds ids and extensions of the primitive under key, 0 where
// there is none.
func (d *document) sibling(obj int, key string) int {
	end := int(d.tape.Node(obj).Next)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work++
		if k := d.key(i); len(k) == len(key)+1 && k[0] == '_' && k[1:] == key {
			return i
		}
	}
	return 0
}

// untypedMember appends the children of an element whose type is not known, by JSON name.
func (d *document) untypedMember(dst []Value, v Value, name string) []Value {
	obj := int(v.node)
	if obj < 0 || d.tape.Node(obj).Kind != fhirjson.Object {
		if obj = int(v.sibling); obj == 0 {
			return dst
		}
	}
	value, ok := d.find(obj, name)
	if !ok {
		value = -1
	}
	return d.items(dst, value, d.sibling(obj, name), 0)
}

// items appends the items of a member's value and sibling: one, or one for each position of the arrays. A null becomes
// an item only if the sibling has an object at its position.
func (d *document) items(dst []Value, value, sibling int, typ model.TypeID) []Value {
	if !d.isArray(value) && !d.isArray(sibling) {
		return d.item(dst, value, sibling, typ)
	}
	next, end := d.span(value)
	nextSibling, endSibling := d.span(sibling)
	for next < end || nextSibling < endSibling {
		v, s := -1, 0
		if next < end {
			v, next = next, int(d.tape.Node(next).Next)
		}
		if nextSibling < endSibling {
			s, nextSibling = nextSibling, int(d.tape.Node(nextSibling).Next)
		}
		dst = d.item(dst, v, s, typ)
	}
	return dst
}

func (d *document) isArray(node int) bool {
	return node > 0 && d.tape.Node(node).Kind == fhirjson.Array
}

// span returns the first node below an array and the end of the last. For a node that is not an array the span is the
// node itself; without a node it is empty.
func (d *document) span(node int) (first, end int) {
	if node <= 0 {
		return 0, 0
	}
	n := d.tape.Node(node)
	if n.Kind == fhirjson.Array {
		return node + 1, int(n.Next)
	}
	return node, int(n.Next)
}

// item appends one element unless both value and sibling are null. An array within an array, which FHIR does not have,
// stands for its items.
func (d *document) item(dst []Value, value, sibling int, typ model.TypeID) []Value {
	if value > 0 {
		switch d.tape.Node(value).Kind {
		case fhirjson.Null:
			value = -1
		case fhirjson.Array:
			return d.items(dst, value, sibling, typ)
		}
	}
	if sibling > 0 && d.tape.Node(sibling).Kind != fhirjson.Object {
		sibling = 0
	}
	if value < 0 && sibling == 0 {
		return dst
	}
	return append(dst, d.element(value, sibling, typ))
}

// children appends all children of v.
func (d *document) children(dst []Value, v Value) []Value {
	if v.node >= 0 && !d.schema.isPrimitive(v.typ) {
		dst = d.members(dst, int(v.node), v.typ)
	}
	if v.sibling > 0 {
		dst = d.members(dst, int(v.sibling), v.typ)
	}
	return dst
}

// members appends the elements that the object obj of the given type holds, in the order of the resource.
func (d *document) members(dst []Value, obj int, typ model.TypeID) []Value {
	if d.tape.Node(obj).Kind != fhirjson.Object {
		return dst
	}
	pairs := d.pairs(obj)
	end := int(d.tape.Node(obj).Next)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work++
		key := d.key(i)
		value, sibling, bare := i, 0, key
		if key != "" && key[0] == '_' {
			bare = key[1:]
			if pairs[bare].value != 0 {
				continue // comes with its value
			}
			value, sibling = -1, i
		} else if pairs != nil {
			sibling = pairs[key].sibling
		}
		if bare == "resourceType" {
			continue
		}
		child := model.TypeID(0)
		if typ != 0 {
			var ok bool
			if _, child, ok = d.schema.model.JSONKey(typ, bare); !ok {
				continue
			}
		}
		dst = d.items(dst, value, sibling, child)
	}
	return dst
}

// pair is a member and its sibling with the id and extensions; 0 is none.
type pair struct{ value, sibling int }

// pairs returns the members of an object by name, nil if none begins with an underscore.
func (d *document) pairs(obj int) map[string]pair {
	end := int(d.tape.Node(obj).Next)
	marked := false
	for i := obj + 1; i < end && !marked; i = int(d.tape.Node(i).Next) {
		*d.work++
		key := d.key(i)
		marked = key != "" && key[0] == '_'
	}
	if !marked {
		return nil
	}
	pairs := make(map[string]pair)
	for i := obj + 1; i < end; i = int(d.tape.Node(i).Next) {
		*d.work += 4
		key := d.key(i)
		if key != "" && key[0] == '_' {
			p := pairs[key[1:]]
			p.sibling = i
			pairs[key[1:]] = p
			continue
		}
		p := pairs[key]
		p.value = i
		pairs[key] = p
	}
	return pairs
}
