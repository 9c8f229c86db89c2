package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// equality is =, !=, ~ and !~ (section "Equality").
type equality struct {
	operation
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

// equalCollections compares item by item in order.
func (e *Evaluator) equalCollections(a, b []Value, pos int) (truth, error) {
	if len(a) == 0 || len(b) == 0 {
		return unknown, nil
	}
	if len(a) != len(b) {
		return no, nil
	}
	result := yes
	for i := range a {
		t, err := e.equal(a[i], b[i], pos)
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

// equal compares two items with =.
func (e *Evaluator) equal(a, b Value, pos int) (truth, error) {
	if err := e.step(pos, 1); err != nil {
		return unknown, err
	}
	if a.kind == Element && b.kind == Element && a.node == b.node && a.doc == b.doc && a.sibling == b.sibling {
		return yes, nil
	}
	ka, kb := a.SystemKind(), b.SystemKind()
	switch {
	case ka == 0 && kb == 0:
		return e.same(a, b, pos, false)
	case ka == 0 || kb == 0:
		return no, nil
	case ka == TypeInfo || kb == TypeInfo:
		return truthOf(ka == kb && a.text == b.text), nil
	}
	a, b, k := align(a, b, ka, kb)
	if k == 0 {
		return no, nil
	}
	if err := e.costly(pos, k, a, b, textPerStep); err != nil {
		return unknown, err
	}
	t, ok := equalAs(k, a, b)
	if !ok && a.kind == Element && b.kind == Element {
		return e.same(a, b, pos, false)
	}
	return t, nil
}

// equalAs compares two values that both stand for the System type k. ok is false where one of them is not
// well formed.
func equalAs(k Kind, a, b Value) (t truth, ok bool) {
	switch k {
	case Boolean:
		x, okX := a.Bool()
		y, okY := b.Bool()
		return truthOf(x == y), okX && okY
	case String:
		x, okX := a.Text()
		y, okY := b.Text()
		return truthOf(x == y), okX && okY
	case Integer, Long:
		x, okX := a.Int64()
		y, okY := b.Int64()
		return truthOf(x == y), okX && okY
	case Decimal:
		x, okX := a.Decimal()
		y, okY := b.Decimal()
		if !okX || !okY {
			return unknown, false
		}
		return truthOf(x.Equal(y)), true
	case Date:
		x, okX := a.Date()
		y, okY := b.Date()
		if !okX || !okY {
			return unknown, false
		}
		return known(x.Equal(y)), true
	case DateTime:
		x, okX := a.DateTime()
		y, okY := b.DateTime()
		if !okX || !okY {
			return unknown, false
		}
		return known(x.Equal(y)), true
	case Time:
		x, okX := a.Time()
		y, okY := b.Time()
		if !okX || !okY {
			return unknown, false
		}
		return known(x.Equal(y)), true
	case Quantity:
		x, okX := a.Quantity()
		y, okY := b.Quantity()
		if !okX || !okY {
			return unknown, false
		}
		return known(x.Equal(y)), true
	}
	return unknown, false
}

// align applies the implicit conversions (section "Conversion") that bring two values, of System types ka and
// kb, to the same type k; k is 0 where there are none.
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

// untypedText reports whether v is a JSON string of which no type is known: a date may be one.
func (v Value) untypedText() bool {
	return v.kind == Element && v.typ == 0 && v.SystemKind() == String
}

// anyTemporal reads a string as a date, DateTime or time.
func anyTemporal(s string) (v Value, ok bool) {
	if v, ok = parseTemporal(s, Date); !ok {
		v, ok = parseTemporal(s, Time)
	}
	return v, ok
}

// parseTemporal reads a string of an element without a type as the kind it is compared to.
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

// equivalentCollections compares regardless of order.
func (e *Evaluator) equivalentCollections(a, b []Value, pos int) (truth, error) {
	if len(a) != len(b) {
		return no, nil
	}
	if len(a) == 1 {
		return e.equivalent(a[0], b[0], pos)
	}
	matched := make([]bool, len(b))
	for i := range a {
		found := false
		for j := range b {
			if matched[j] {
				continue
			}
			t, err := e.equivalent(a[i], b[j], pos)
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

// equivalent compares two items with ~.
func (e *Evaluator) equivalent(a, b Value, pos int) (truth, error) {
	if err := e.step(pos, 1); err != nil {
		return unknown, err
	}
	ka, kb := a.SystemKind(), b.SystemKind()
	switch {
	case ka == 0 && kb == 0:
		return e.same(a, b, pos, true)
	case ka == 0 || kb == 0:
		return no, nil
	case ka == TypeInfo || kb == TypeInfo:
		return truthOf(ka == kb && a.text == b.text), nil
	}
	a, b, k := align(a, b, ka, kb)
	if k == 0 {
		return no, nil
	}
	if err := e.costly(pos, k, a, b, 16); err != nil {
		return unknown, err
	}
	t, ok := equivalentAs(k, a, b)
	if !ok && a.kind == Element && b.kind == Element {
		return e.same(a, b, pos, true)
	}
	return t, nil
}

// equivalentAs is equalAs for ~.
func equivalentAs(k Kind, a, b Value) (t truth, ok bool) {
	switch k {
	case String:
		x, okX := a.Text()
		y, okY := b.Text()
		return truthOf(equivalentText(x, y)), okX && okY
	case Decimal:
		x, okX := a.Decimal()
		y, okY := b.Decimal()
		if !okX || !okY {
			return no, false
		}
		return truthOf(x.Equivalent(y)), true
	case Date:
		x, okX := a.Date()
		y, okY := b.Date()
		if !okX || !okY {
			return no, false
		}
		return truthOf(x.Equivalent(y)), true
	case DateTime:
		x, okX := a.DateTime()
		y, okY := b.DateTime()
		if !okX || !okY {
			return no, false
		}
		return truthOf(x.Equivalent(y)), true
	case Time:
		x, okX := a.Time()
		y, okY := b.Time()
		if !okX || !okY {
			return no, false
		}
		return truthOf(x.Equivalent(y)), true
	case Quantity:
		x, okX := a.Quantity()
		y, okY := b.Quantity()
		if !okX || !okY {
			return no, false
		}
		return truthOf(x.Equivalent(y)), true
	}
	t, ok = equalAs(k, a, b)
	return t, ok
}
