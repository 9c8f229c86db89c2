package fused

import (
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

type conditionKind uint8

const (
	condAnd conditionKind = iota + 1
	condOr
	condNot
	condEqual    // path = constant
	condNotEqual // path != constant
	condExists   // path.exists()
	condEmpty    // path.empty()
	condTruth    // a Boolean path
)

// Condition is a Boolean expression in three-valued logic. It does not change.
type Condition struct {
	kind conditionKind
	x, y *Condition
	path *Path
	text string // the constant as JSON writes it, without quotes
}

// Condition compiles a Boolean expression in a scope. ok is false where it is not one that the package takes
// on.
func (b *Builder) Condition(tree syntax.Expr, s *Scope) (c *Condition, ok bool) {
	return b.condition(tree, s, pathStart{typ: s.input, root: s.root, names: s.names})
}

func (b *Builder) condition(tree syntax.Expr, s *Scope, from pathStart) (*Condition, bool) {
	switch e := tree.(type) {
	case *syntax.Binary:
		return b.binary(e, s, from)
	case *syntax.Call:
		switch {
		case e.Name == "not" && len(e.Args) == 0 && e.X != nil:
			x, ok := b.condition(e.X, s, from)
			return &Condition{kind: condNot, x: x}, ok
		case e.Name == "empty" && len(e.Args) == 0 && e.X != nil:
			p, ok := b.path(e.X, s, from)
			return &Condition{kind: condEmpty, path: p}, ok
		case e.Name == "exists" && len(e.Args) <= 1 && e.X != nil:
			var of syntax.Expr = e.X
			if len(e.Args) == 1 {
				of = &syntax.Call{X: e.X, Name: "where", Args: e.Args}
			}
			p, ok := b.path(of, s, from)
			return &Condition{kind: condExists, path: p}, ok
		}
	}
	p, ok := b.path(tree, s, from)
	return &Condition{kind: condTruth, path: p}, ok && p.class == Boolean
}

func (b *Builder) binary(e *syntax.Binary, s *Scope, from pathStart) (*Condition, bool) {
	switch e.Op {
	case syntax.OpAnd, syntax.OpOr:
		x, ok := b.condition(e.X, s, from)
		if !ok {
			return nil, false
		}
		y, ok := b.condition(e.Y, s, from)
		kind := condAnd
		if e.Op == syntax.OpOr {
			kind = condOr
		}
		return &Condition{kind: kind, x: x, y: y}, ok
	case syntax.OpEqual, syntax.OpNotEqual:
		path, lit := e.X, e.Y
		text, class := b.constant(lit)
		if class == Complex {
			path, lit = lit, path
			text, class = b.constant(lit)
		}
		if class == Complex {
			return nil, false
		}
		p, ok := b.path(path, s, from)
		if !ok || !b.comparable(p, class) {
			return nil, false
		}
		kind := condEqual
		if e.Op == syntax.OpNotEqual {
			kind = condNotEqual
		}
		return &Condition{kind: kind, path: p, text: text}, true
	}
	return nil, false
}

// constant returns the text and the class of a constant that values can be compared with by their text; the class
// is Complex for everything else.
func (b *Builder) constant(e syntax.Expr) (text string, c Class) {
	if lit, ok := e.(*syntax.Literal); ok && lit.Kind == syntax.Boolean {
		return lit.Text, Boolean
	}
	if text, ok := b.text(e); ok {
		return text, Text
	}
	return "", Complex
}

// comparable tells whether the nodes of a path are equal to a constant of a class if their texts are.
func (b *Builder) comparable(p *Path, c Class) bool {
	if !b.model.IsPrimitive(p.typ) {
		return false
	}
	switch b.model.SystemType(p.typ) {
	case "String":
		return c == Text
	case "Boolean":
		return c == Boolean
	}
	return false
}

// url compiles url = text for the type Extension.
func (b *Builder) url(text string, from pathStart) (*Condition, bool) {
	p, ok := b.path(&syntax.Member{Name: "url"}, nil, from)
	return &Condition{kind: condEqual, path: p, text: text}, ok && b.comparable(p, Text)
}
