package fhirpath

import "github.com/researchflow/researchflow/internal/fhirpath/syntax"

// comparison is <, <=, > and >= (section "Comparison").
type comparison struct {
	binary
	op syntax.Op
}

func (n *comparison) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	left, right, err := e.operands(&n.binary, n.op.String())
	if err != nil || left.kind == 0 || right.kind == 0 {
		return dst, err
	}
	order, known, err := e.compare(left, right, n.pos, n.op.String())
	if err != nil || !known {
		return dst, err
	}
	var b bool
	switch n.op {
	case syntax.OpLess:
		b = order < 0
	case syntax.OpLessEqual:
		b = order <= 0
	case syntax.OpGreater:
		b = order > 0
	case syntax.OpGreaterEqual:
		b = order >= 0
	}
	return append(dst, NewBoolean(b)), nil
}

// operands evaluates both operands as single items. If one of them is empty both are the zero Value, even if the
// other has several items: the result is empty then.
func (e *Evaluator) operands(n *binary, what string) (left, right Value, err error) {
	l, err := e.operand(n.left)
	if err != nil {
		return left, right, err
	}
	r, err := e.operand(n.right)
	if err != nil {
		return left, right, err
	}
	switch {
	case len(l) == 0 || len(r) == 0:
	case len(l) == 1 && len(r) == 1:
		left, right = l[0], r[0]
	default:
		err = fail(n.pos, "%s needs a single item, not several", what)
	}
	e.release(r)
	e.release(l)
	return left, right, err
}

// single evaluates an operation as a single item; the zero Value is the empty collection.
func (e *Evaluator) single(n operation, pos int, what string) (v Value, err error) {
	c, err := e.operand(n)
	if err != nil {
		return v, err
	}
	switch len(c) {
	case 0:
	case 1:
		v = c[0]
	default:
		err = fail(pos, "%s needs a single item, not several", what)
	}
	e.release(c)
	return v, err
}

// compare orders two items; known is false if the answer is empty.
func (e *Evaluator) compare(a, b Value, pos int, what string) (order int, known bool, err error) {
	ka, kb := a.SystemKind(), b.SystemKind()
	if a.valueless() || b.valueless() {
		return 0, false, nil
	}
	x, y, k := align(a, b, ka, kb)
	if err := e.costly(pos, k, x, y, textPerStep); err != nil {
		return 0, false, err
	}
	if k == 0 || k == Boolean || k == TypeInfo {
		return 0, false, fail(pos, "%s is not defined for %s and %s", what, describe(a), describe(b))
	}
	order, known, ok := compareAs(orderedWith, k, x, y)
	return order, known && ok, nil
}

// valueless reports whether v is a primitive element without a value.
func (v Value) valueless() bool { return v.kind == Element && v.node < 0 }

// describe names the type of a value for an error.
func describe(v Value) string {
	if name := v.TypeName(); name != "" {
		return name
	}
	if k := v.SystemKind(); k != 0 {
		return "System." + k.String()
	}
	return "an element"
}
