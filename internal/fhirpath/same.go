package fhirpath

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// same compares two elements by their structure: every child of one must have its match in the other. For
// equivalentTo children are compared with ~, repeated ones in any order, and ids are ignored.
func (e *Evaluator) same(r relation, a, b Value, pos int) (truth, error) {
	if a.kind != Element || b.kind != Element {
		return no, nil
	}
	t, err := e.sameNode(r, a, b, pos)
	if err != nil || t == no || a.sibling == 0 && b.sibling == 0 {
		return t, err
	}
	if a.sibling == 0 || b.sibling == 0 {
		return no, nil
	}
	// Primitives also have ids and extensions to compare.
	a.node, b.node, a.sibling, b.sibling, a.typ, b.typ = a.sibling, b.sibling, 0, 0, 0, 0
	siblings, err := e.sameNode(r, a, b, pos)
	return combineSame(t, siblings), err
}

// combineSame is the conjunction of two comparisons of parts of an element.
func combineSame(a, b truth) truth {
	switch {
	case a == no || b == no:
		return no
	case a == unknown || b == unknown:
		return unknown
	}
	return yes
}

func (e *Evaluator) sameNode(r relation, a, b Value, pos int) (truth, error) {
	if err := e.step(pos, 1); err != nil {
		return unknown, err
	}
	if a.node < 0 || b.node < 0 {
		return truthOf(a.node < 0 && b.node < 0), nil
	}
	x, y := a.doc.tape.Node(int(a.node)), b.doc.tape.Node(int(b.node))
	if x.Kind != y.Kind {
		return no, nil
	}
	switch x.Kind {
	case fhirjson.Object:
		return e.sameObjects(r, a, b, pos)
	case fhirjson.Array:
		return e.sameArrays(r, a, b, pos)
	}
	x1, y1 := a.raw(), b.raw()
	if err := e.step(pos, min(len(x1), len(y1))/textPerStep); err != nil {
		return unknown, err
	}
	return truthOf(x1 == y1), nil
}

// sameObjects compares the members of two objects.
func (e *Evaluator) sameObjects(r relation, a, b Value, pos int) (truth, error) {
	if r == equivalentTo {
		if t, coded, err := e.sameCode(a, b, pos); coded || err != nil {
			return t, err
		}
	}
	result, members := yes, 0
	end := int(a.doc.tape.Node(int(a.node)).Next)
	endB, next := int(b.doc.tape.Node(int(b.node)).Next), int(b.node)+1
	for i := int(a.node) + 1; i < end; i = int(a.doc.tape.Node(i).Next) {
		key := a.doc.key(i)
		if r == equivalentTo && a.doc.identifies(i, key) {
			continue
		}
		members++
		j, ok := next, next < endB && b.doc.key(next) == key // both usually have the same order
		if !ok {
			if j, ok = b.doc.find(int(b.node), key); !ok {
				return no, nil
			}
		}
		next = int(b.doc.tape.Node(j).Next)
		t, err := e.sameMember(r, a.part(i, key), b.part(j, key), pos)
		if err != nil || t == no {
			return t, err
		}
		result = combineSame(result, t)
	}
	for j := int(b.node) + 1; j < endB; j = int(b.doc.tape.Node(j).Next) {
		if r != equivalentTo || !b.doc.identifies(j, b.doc.key(j)) {
			members--
		}
	}
	if members != 0 {
		return no, nil
	}
	return result, nil
}

// identifies reports whether a member of an object is an id, or holds only ids of primitives: ~ ignores both.
func (d *document) identifies(node int, key string) bool {
	if key == "id" {
		return true
	}
	if !strings.HasPrefix(key, "_") {
		return false
	}
	for i, end := node, int(d.tape.Node(node).Next); i < end; i++ {
		if k := d.tape.Node(i).Kind; k != fhirjson.Object && k != fhirjson.Array && k != fhirjson.Null && d.key(i) != "id" {
			return false
		}
		*d.work++
	}
	return true
}

// sameCode compares two Codings by system and code, and two CodeableConcepts by their Codings: they must have one in
// common (https://hl7.org/fhir/R4/fhirpath.html#changes). coded is false for other elements, and if neither has any
// of these.
func (e *Evaluator) sameCode(a, b Value, pos int) (t truth, coded bool, err error) {
	s := a.doc.schema
	if a.typ == 0 || a.typ != b.typ || a.typ != s.coding && a.typ != s.concept {
		return no, false, nil
	}
	names := []string{"system", "code"}
	if a.typ == s.concept {
		names = []string{"coding"}
	}
	t = yes
	for _, name := range names {
		i, okA := a.doc.find(int(a.node), name)
		j, okB := b.doc.find(int(b.node), name)
		switch {
		case !okA && !okB:
			continue
		case !okA || !okB:
			t = no
		case a.typ == s.concept:
			t, err = e.sameAny(a.part(i, name), b.part(j, name), pos)
		case t == yes:
			t, err = e.related(equivalentTo, a.part(i, name), b.part(j, name), pos)
		}
		if err != nil {
			return no, true, err
		}
		coded = true
	}
	return t, coded, nil
}

// sameAny reports whether an item of one element's array is equivalent to one of the other's.
func (e *Evaluator) sameAny(a, b Value, pos int) (t truth, err error) {
	x := a.doc.items(e.borrow(), int(a.node), 0, a.typ)
	y := b.doc.items(e.borrow(), int(b.node), 0, b.typ)
	t = no
	for i := 0; i < len(x) && t != yes && err == nil; i++ {
		for j := 0; j < len(y) && t != yes && err == nil; j++ {
			t, err = e.related(equivalentTo, x[i], y[j], pos)
		}
	}
	e.release(x)
	e.release(y)
	return t, err
}

// part returns the member of an object as a value, with its type where that is known.
func (v Value) part(node int, key string) Value {
	child := Value{kind: Element, doc: v.doc, node: int32(node)}
	if v.typ != 0 {
		if _, typ, ok := v.doc.schema.model.JSONKey(v.typ, key); ok {
			return v.doc.element(node, 0, typ)
		}
	}
	return child
}

// sameMember compares two members: single values by their types, arrays item by item.
func (e *Evaluator) sameMember(r relation, a, b Value, pos int) (truth, error) {
	if a.doc.tape.Node(int(a.node)).Kind == fhirjson.Array {
		return e.sameNode(r, a, b, pos)
	}
	return e.related(r, a, b, pos)
}

// sameArrays compares the items of two arrays.
func (e *Evaluator) sameArrays(r relation, a, b Value, pos int) (truth, error) {
	x := a.doc.items(e.borrow(), int(a.node), 0, a.typ)
	y := b.doc.items(e.borrow(), int(b.node), 0, b.typ)
	var t truth
	var err error
	switch {
	case len(x) == 0 && len(y) == 0:
		t = yes
	case r == equivalentTo:
		t, err = e.equivalentCollections(x, y, pos)
	default:
		t, err = e.equalCollections(x, y, pos)
	}
	e.release(x)
	e.release(y)
	return t, err
}

// equivalentText compares strings as ~ does: ignoring case, and treating all white space characters alike (section
// "String Equivalence").
func equivalentText(a, b string) bool {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y && !(unicode.IsSpace(x) && unicode.IsSpace(y)) && foldCase(x) != foldCase(y) {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == "" && b == ""
}

// foldCase returns the smallest rune that differs from r in case only.
func foldCase(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
