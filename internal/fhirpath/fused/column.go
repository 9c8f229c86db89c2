package fused

import (
	"bytes"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// ColumnKind says how a column's value comes from its path.
type ColumnKind uint8

// The kinds of columns.
const (
	ColumnNodes     ColumnKind = iota + 1 // the nodes of a primitive type themselves
	ColumnCondition                       // a Boolean
	ColumnReference                       // the key in the text of a Reference: see [Machine.ReferenceKey]
	ColumnJoin                            // the texts of the nodes with Column.Text between them
)

// Column is an expression that gives values. It does not change.
type Column struct {
	Kind      ColumnKind
	Path      *Path      // unless Kind is ColumnCondition
	Condition *Condition // if Kind is ColumnCondition
	// Text is the separator of a join, and the type that a reference must have; "" is any.
	Text string
	// EmptyText tells that a join of no nodes is the empty text, not nothing.
	EmptyText bool
}

// Column compiles an expression in a scope. ok is false where it is not one that the package takes on.
func (b *Builder) Column(tree syntax.Expr, s *Scope) (c *Column, ok bool) {
	if call, is := tree.(*syntax.Call); is {
		switch call.Name {
		case "getResourceKey":
			if call.X != nil || len(call.Args) > 0 || !s.root {
				return nil, false
			}
			p, ok := b.Path(&syntax.Member{Name: "id"}, s)
			return &Column{Kind: ColumnNodes, Path: p}, ok
		case "getReferenceKey":
			return b.reference(call, s)
		case "join":
			return b.join(call, s)
		}
	}
	if p, ok := b.Path(tree, s); ok && b.model.IsPrimitive(p.typ) {
		return &Column{Kind: ColumnNodes, Path: p}, true
	}
	if cond, ok := b.Condition(tree, s); ok {
		return &Column{Kind: ColumnCondition, Condition: cond}, true
	}
	return nil, false
}

func (b *Builder) reference(call *syntax.Call, s *Scope) (*Column, bool) {
	c := &Column{Kind: ColumnReference}
	if len(call.Args) > 1 || call.X == nil {
		return nil, false
	}
	if len(call.Args) == 1 {
		name, ok := typeName(call.Args[0])
		if !ok {
			return nil, false
		}
		c.Text = name
	}
	whole, ok := b.Path(call.X, s)
	if !ok || b.model.Name(whole.typ) != "Reference" {
		return nil, false
	}
	c.Path, ok = b.Path(&syntax.Member{X: call.X, Name: "reference"}, s)
	return c, ok
}

func (b *Builder) join(call *syntax.Call, s *Scope) (*Column, bool) {
	c := &Column{Kind: ColumnJoin, EmptyText: b.emptyJoin}
	if len(call.Args) > 1 || call.X == nil {
		return nil, false
	}
	var ok bool
	if len(call.Args) == 1 {
		if c.Text, ok = b.text(call.Args[0]); !ok {
			return nil, false
		}
	}
	c.Path, ok = b.Path(call.X, s)
	return c, ok && c.Path.class == Text && b.model.SystemType(c.Path.typ) == "String"
}

// ReferenceKey returns the part of the source that is the key of a relative reference of the form Type/id: the id. It
// is empty where the reference is conditional, has a fragment, or is of another type than want, which may be "". ok
// is false for references of any other form.
func (m *Machine) ReferenceKey(node int32, want string) (start, end uint32, ok bool) {
	n := &m.nodes[node]
	text := m.src[n.Start:n.End]
	if n.Flags&fhirjson.Escaped != 0 || len(text) == 0 || text[0]-'A' >= 26 {
		return 0, 0, false
	}
	slash := len(want)
	if slash == 0 || slash >= len(text) || text[slash] != '/' || string(text[:slash]) != want {
		slash = bytes.IndexByte(text, '/')
	} else {
		want = ""
	}
	if bytes.IndexByte(text, '?') >= 0 || bytes.IndexByte(text, '#') >= 0 {
		return 0, 0, true
	}
	if slash < 0 || slash == len(text)-1 || bytes.IndexByte(text[slash+1:], '/') >= 0 {
		return 0, 0, false
	}
	if want != "" {
		return 0, 0, true
	}
	return n.Start + uint32(slash) + 1, n.End, true
}
