package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// constant is a literal, a constant of the caller, or a folded operation.
type constant struct{ values []Value }

func (n *constant) eval(_ *Evaluator, dst []Value) ([]Value, error) {
	return append(dst, n.values...), nil
}

// member navigates to the children of a name (section "Path selection").
type member struct {
	x    operation // nil: $this
	name string
	// choices allows the JSON name of a choice element.
	choices bool
	pos     int
}

func (n *member) eval(e *Evaluator, dst []Value) ([]Value, error) {
	in, err := e.input(n.x)
	if err != nil {
		return dst, err
	}
	before := len(dst)
	for i := range in {
		dst = navigate(dst, in[i], n.name)
		if n.choices && in[i].kind == Element {
			dst = in[i].doc.choice(dst, in[i], n.name)
		}
		if err := e.checkItems(n.pos, dst); err != nil {
			return dst, err
		}
	}
	err = e.step(n.pos, 1+len(in)+len(dst)-before)
	e.done(n.x, in)
	return dst, err
}

// navigate appends the children of v with the given name.
func navigate(dst []Value, v Value, name string) []Value {
	switch v.kind {
	case Element:
		return v.doc.member(dst, v, name)
	case Quantity:
		return quantityMember(dst, v, name)
	case TypeInfo:
		return typeMember(dst, v, name)
	}
	return dst
}

// root is a name at the start of a path that is also the name of a type: the input itself if it is of that type,
// otherwise its children of that name.
type root struct {
	name string
	typ  model.TypeID // 0 if the model has no such type
	pos  int
}

func (n *root) eval(e *Evaluator, dst []Value) ([]Value, error) {
	for _, v := range e.scope.this {
		if n.is(e, v) {
			dst = append(dst, v)
		} else {
			dst = navigate(dst, v, n.name)
		}
	}
	return dst, e.step(n.pos, 1+len(e.scope.this))
}

func (n *root) is(e *Evaluator, v Value) bool {
	if v.kind != Element {
		return false
	}
	if n.typ != 0 {
		return e.prog.schema.isA(v.typ, n.typ)
	}
	return v.node >= 0 && v.doc.resourceType(int(v.node)) == n.name
}

// special is $this, $index or $total.
type special struct {
	kind syntax.SpecialKind
	pos  int
}

func (n *special) eval(e *Evaluator, dst []Value) ([]Value, error) {
	switch n.kind {
	case syntax.ItemIndex:
		return append(dst, NewInteger(int32(e.scope.index))), nil
	case syntax.Total:
		return e.appendVariable(dst, e.scope.total, n.pos)
	}
	return e.appendVariable(dst, e.scope.this, n.pos)
}

// appendVariable appends the value of a variable.
func (e *Evaluator) appendVariable(dst, values []Value, pos int) ([]Value, error) {
	if len(values) > 2 {
		if err := e.step(pos, len(values)/2); err != nil {
			return dst, err
		}
	}
	return append(dst, values...), nil
}

// index is X[Index] (section "Subsetting").
type index struct {
	x, index operation
	pos      int
}

func (n *index) eval(e *Evaluator, dst []Value) ([]Value, error) {
	in, err := e.input(n.x)
	if err != nil {
		return dst, err
	}
	if err := e.step(n.pos, 1); err != nil {
		return dst, err
	}
	at, ok, err := e.integerOf(n.index, n.pos, "index")
	if err == nil && ok && at >= 0 && at < int64(len(in)) {
		dst = append(dst, in[at])
	}
	e.done(n.x, in)
	return dst, err
}

// external is an environment variable.
type external struct {
	name string
	pos  int
}

func (n *external) eval(e *Evaluator, dst []Value) ([]Value, error) {
	for v := e.scope.vars; v != nil; v = v.next {
		e.work++
		if v.name == n.name {
			return e.appendVariable(dst, v.value, n.pos)
		}
	}
	if values, ok := e.env.lookup(n.name); ok {
		return e.appendVariable(dst, values, n.pos)
	}
	switch n.name {
	case "context":
		return append(dst, e.context...), nil
	case "resource":
		return e.resource(dst, false), nil
	case "rootResource":
		return e.resource(dst, true), nil
	}
	return dst, fail(n.pos, "variable %%%s has no value", n.name)
}

// resource appends the innermost resource that holds the focus, or the outermost one if root is set.
func (e *Evaluator) resource(dst []Value, root bool) []Value {
	if len(e.context) == 0 || e.context[0].kind != Element {
		return dst
	}
	focus := e.context[0]
	holder := 0
	if !root {
		holder, _ = focus.doc.holders(int(max(focus.node, focus.sibling)))
	}
	if holder == int(focus.node) {
		return append(dst, focus)
	}
	if holder == 0 {
		return focus.doc.roots(dst)
	}
	return append(dst, focus.doc.element(holder, 0, 0))
}
