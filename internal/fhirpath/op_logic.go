package fhirpath

import "github.com/researchflow/researchflow/internal/fhirpath/syntax"

// binary holds the operands of a binary operator.
type binary struct {
	left, right operation
	pos         int
}

// truth is a Boolean that may be empty.
type truth uint8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// known converts the answer of a comparison to a truth.
func known(b, isKnown bool) truth {
	if !isKnown {
		return unknown
	}
	return truthOf(b)
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// appendTruth appends a Boolean, or nothing for unknown.
func appendTruth(dst []Value, t truth) []Value {
	if t == unknown {
		return dst
	}
	return append(dst, NewBoolean(t == yes))
}

// truthOfCollection evaluates a collection as a Boolean (section "Singleton Evaluation of Collections"): a single
// item that is not a Boolean is true. what is the subject of the error.
func truthOfCollection(c []Value, pos int, what string) (truth, error) {
	switch len(c) {
	case 0:
		return unknown, nil
	case 1:
		return truthOfItem(c[0]), nil
	}
	return unknown, fail(pos, "%s needs a single Boolean, not several items", what)
}

func truthOfItem(v Value) truth {
	if b, ok := v.Bool(); ok {
		return truthOf(b)
	}
	if v.kind == Element && v.node < 0 && v.typ != 0 && v.doc.schema.kinds[v.typ] == Boolean {
		return unknown // a boolean with only an id or extensions
	}
	return yes
}

// truth evaluates an operation as a Boolean.
func (e *Evaluator) truth(n operation, pos int, what string) (truth, error) {
	c, err := e.operand(n)
	if err != nil {
		return unknown, err
	}
	t, err := truthOfCollection(c, pos, what)
	e.release(c)
	return t, err
}

// logic is and, or, xor and implies (section "Boolean logic"). The right operand is not evaluated if the
// left one decides.
type logic struct {
	binary
	op syntax.Op
}

func (n *logic) eval(e *Evaluator, dst []Value) ([]Value, error) {
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	a, err := e.truth(n.left, n.pos, n.op.String())
	if err != nil {
		return dst, err
	}
	switch {
	case a == no && n.op == syntax.OpAnd:
		return append(dst, NewBoolean(false)), nil
	case a == yes && n.op == syntax.OpOr, a == no && n.op == syntax.OpImplies:
		return append(dst, NewBoolean(true)), nil
	}
	b, err := e.truth(n.right, n.pos, n.op.String())
	if err != nil {
		return dst, err
	}
	return appendTruth(dst, combine(n.op, a, b)), nil
}

// combine applies an operator of three-valued logic.
func combine(op syntax.Op, a, b truth) truth {
	switch op {
	case syntax.OpAnd:
		switch {
		case a == no || b == no:
			return no
		case a == yes && b == yes:
			return yes
		}
	case syntax.OpOr:
		switch {
		case a == yes || b == yes:
			return yes
		case a == no && b == no:
			return no
		}
	case syntax.OpXor:
		if a != unknown && b != unknown {
			return truthOf(a != b)
		}
	case syntax.OpImplies:
		return combine(syntax.OpOr, a.not(), b)
	}
	return unknown
}
