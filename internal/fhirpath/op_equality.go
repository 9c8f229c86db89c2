package fhirpath

import (
	"cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// equality is =, !=, ~ and !~ (section "Equality").
type equality struct {
	binary
	op syntax.Op
}

func (n *equality) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	left, err := e.operand(n.left)
	if err != nil {
		return dst, err
	}
	right, err := e.operand(n.right)
	if err != nil {
		return dst, err
	}
	var t truth
	if n.op == syntax.OpEqual || n.op == syntax.OpNotEqual {
		t, err = e.equalCollections(left, right, n.pos)
	} else {
		t, err = e.equivalentCollections(left, right, n.pos)
	}
	if n.op == syntax.OpNotEqual || n.op == syntax.OpNotEquivalent {
		t = t.not()
	}
	e.release(left)
	e.release(right)
	return appendTruth(dst, t), err
}

// equalCollections compares items in order.
func (e *Evaluator) equalCollections(a, b []Value, pos int) (truth, error) {
	if len(a) == 0 || len(b) == 0 {
		return unknown, nil
	}
	if len(a) != len(b) {
		return no, nil
	}
	result := yes
	for i := range a {
		t, err := e.related(equalTo, a[i], b[i], pos)
		if err != nil {
			return unknown, err
		}
		if t == no {
			return no, nil
		}
		if t == unknown {
			result = unknown
		}
	}
	return result, nil
}

// relation is what two items are compared for.
type relation uint8

const (
	equalTo      relation = iota // =
	equivalentTo                 // ~
	orderedWith                  // <, >, sort() and the like
)

// related compares two items with = or ~.
func (e *Evaluator) related(r relation, a, b Value, pos int) (truth, error) {
	if err := e.step(pos, 1); err != nil {
		return unknown, err
	}
	textStep := 16 // bytes that ~ compares in one step: it folds case
	if r == equalTo {
		if a.kind == Element && b.kind == Element && a.node == b.node && a.doc == b.doc && a.sibling == b.sibling {
			return yes, nil
		}
		textStep = textPerStep
	}
	ka, kb := a.SystemKind(), b.SystemKind()
	switch {
	case ka == 0 && kb == 0:
		return e.same(r, a, b, pos)
	case ka == 0 || kb == 0:
		return no, nil
	case ka == TypeInfo || kb == TypeInfo:
		return truthOf(ka == kb && a.text == b.text), nil
	}
	a, b, k := align(a, b, ka, kb)
	if k == 0 {
		return no, nil
	}
	if err := e.costly(pos, k, a, b, textStep); err != nil {
		return unknown, err
	}
	order, isKnown, ok := compareAs(r, k, a, b)
	if !ok && a.kind == Element && b.kind == Element {
		return e.same(r, a, b, pos)
	}
	return known(order == 0, isKnown), nil
}

// compareAs compares two values that both stand for the System type k. order is 0 if they are equal, or equivalent
// where r asks for that. known is false if the answer is empty; ok is false if one of the values is malformed.
func compareAs(r relation, k Kind, a, b Value) (order int, known, ok bool) {
	switch k {
	case Boolean:
		x, okX := a.Bool()
		y, okY := b.Bool()
		return orderOf(x == y), true, okX && okY
	case String:
		x, okX := a.Text()
		y, okY := b.Text()
		switch r {
		case equalTo:
			order = orderOf(x == y)
		case equivalentTo:
			order = orderOf(equivalentText(x, y))
		default:
			order = cmp.Compare(x, y)
		}
		return order, true, okX && okY
	case Integer, Long:
		x, okX := a.Int64()
		y, okY := b.Int64()
		return cmp.Compare(x, y), true, okX && okY
	case Decimal:
		x, okX := a.Decimal()
		y, okY := b.Decimal()
		ok = okX && okY
		switch {
		case r == equivalentTo:
			return orderOf(ok && x.Equivalent(y)), true, ok
		case ok:
			order = x.Compare(y)
		}
		return order, ok, ok
	case Date:
		return compareTyped(r, a, b, Value.Date)
	case DateTime:
		return compareTyped(r, a, b, Value.DateTime)
	case Time:
		return compareTyped(r, a, b, Value.Time)
	case Quantity:
		if order, known, ok = compareTyped(r, a, b, Value.Quantity); !ok && r == orderedWith {
			order = 0 // one with a comparator keeps its place in a sort
		}
		return order, known, ok
	}
	return 0, false, false
}

// compareTyped is compareAs for the System types whose Compare does not always have an answer.
func compareTyped[T interface {
	Compare(T) (order int, known bool)
	Equivalent(T) bool
}](r relation, a, b Value, get func(Value) (T, bool)) (order int, known, ok bool) {
	x, okX := get(a)
	y, okY := get(b)
	ok = okX && okY
	if r == equivalentTo {
		return orderOf(ok && x.Equivalent(y)), true, ok
	}
	order, known = x.Compare(y)
	return order, known && ok, ok
}

// orderOf returns 0 for values that are equal, 1 for others.
func orderOf(equal bool) int {
	if equal {
		return 0
	}
	return 1
}

// align applies the implicit conversions (section "Conversion") that bring two values, of System types ka and kb, to
// one type k; k is 0 if there are none.
func align(a, b Value, ka, kb Kind) (x, y Value, k Kind) {
	numeric := func(k Kind) bool { return k == Integer || k == Long || k == Decimal }
	temporal := func(k Kind) bool { return k == Date || k == DateTime || k == Time }
	switch {
	case ka == kb:
		return a, b, ka
	case numeric(ka) && numeric(kb):
		return a, b, max(ka, kb) // Integer < Long < Decimal
	case numeric(ka) && kb == Quantity, ka == Quantity && numeric(kb):
		return a, b, Quantity
	case ka == Date && kb == DateTime, ka == DateTime && kb == Date:
		return a, b, DateTime
	case a.untypedText() && temporal(kb):
		if x, ok := parseTemporal(a.raw(), kb); ok {
			return align(x, b, x.kind, kb)
		}
	case b.untypedText() && temporal(ka):
		if y, ok := parseTemporal(b.raw(), ka); ok {
			return align(a, y, ka, y.kind)
		}
	}
	return a, b, 0
}

// untypedText reports whether v is a JSON string of unknown type, which may be a date.
func (v Value) untypedText() bool {
	return v.kind == Element && v.typ == 0 && v.SystemKind() == String
}

// anyTemporal parses a string as a Date, DateTime or Time.
func anyTemporal(s string) (v Value, ok bool) {
	if v, ok = parseTemporal(s, Date); !ok {
		v, ok = parseTemporal(s, Time)
	}
	return v, ok
}

// parseTemporal parses the string of an element of unknown type for a comparison with a value of kind k.
func parseTemporal(s string, k Kind) (v Value, ok bool) {
	if k == Time {
		t, ok := system.StringToTime(s)
		return NewTime(t), ok
	}
	if d, ok := system.StringToDate(s); ok {
		return NewDate(d), true
	}
	d, ok := system.StringToDateTime(s)
	return NewDateTime(d), ok
}

// equivalentCollections compares items in any order.
func (e *Evaluator) equivalentCollections(a, b []Value, pos int) (truth, error) {
	if len(a) != len(b) {
		return no, nil
	}
	if len(a) == 1 {
		return e.related(equivalentTo, a[0], b[0], pos)
	}
	matched := make([]bool, len(b))
	for i := range a {
		found := false
		for j := range b {
			if matched[j] {
				continue
			}
			t, err := e.related(equivalentTo, a[i], b[j], pos)
			if err != nil {
				return unknown, err
			}
			if t == yes {
				matched[j], found = true, true
				break
			}
		}
		if !found {
			return no, nil
		}
	}
	return yes, nil
}
