package runner

import (
	"errors"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// A view has two ways through a resource. The plain one evaluates every path with package fhirpath. The fused one
// runs paths of common shapes straight on the tape (package fused); other columns and conditions of the view still
// go through package fhirpath. It is there for views all of whose iterations have such a shape, and it gives up on
// a resource that is out of the ordinary, which then takes the plain way from the start.

// fusedPlan is what a plan with a fused way has besides.
type fusedPlan struct {
	scope      *fused.Scope // of the resource
	keys       *fhirjson.KeySet
	projection *fhirjson.Projection // nil: columns or conditions that take the plain way may go anywhere
	registers  int
	templates  bool // which rows there are depends on the fused way alone
}

// errOdd says that the fused way gives up on a resource.
var errOdd = errors.New("resource out of the ordinary")

// focus is the element that expressions run on: a value on the plain way, a node of the tape on the fused one.
type focus struct {
	value fhirpath.Value
	node  int32
}

// fuser looks for the fused way.
type fuser struct {
	b       *fused.Builder
	m       *model.Model
	scopes  []*fused.Scope
	partial bool // some columns or conditions take the plain way
}

// fuse gives a plan its fused way, if it has one. constants are those of System type String.
func (p *plan) fuse(resource string, version model.Version, constants map[string]string, emptyJoin bool) {
	m := model.Load(version)
	t, ok := m.Type(resource)
	if !ok {
		return
	}
	f := &fuser{b: fused.NewBuilder(m, constants, emptyJoin), m: m}
	root := f.scope(f.b.Scope(t))
	if !f.node(p.root, root) {
		return
	}
	templates := true
	for i := range p.where {
		if cond, ok := f.b.Condition(p.where[i].prog.Tree(), root); ok {
			p.where[i].fused = cond
		} else {
			f.partial, templates = true, false
		}
	}
	for _, s := range f.scopes {
		s.Finish()
	}
	p.fused = &fusedPlan{scope: root, keys: f.b.Keys(), registers: f.b.Registers(), templates: templates}
	if !f.partial {
		p.fused.projection = f.b.Projection(p.fused.keys)
	}
}

func (f *fuser) scope(s *fused.Scope) *fused.Scope {
	f.scopes = append(f.scopes, s)
	return s
}

func (f *fuser) node(n *node, s *fused.Scope) bool {
	switch n.iter {
	case iterForEach, iterForEachOrNull:
		path, ok := f.b.Path(n.paths[0].Tree(), s)
		if !ok {
			return false
		}
		n.path = path
		s = f.scope(f.b.Below(path))
	case iterRepeat:
		return false
	}
	n.scope, n.typeName = s, f.m.Name(s.Input())
	for i := range n.columns {
		c := &n.columns[i]
		if c.rowIndex {
			continue
		}
		if column, ok := f.b.Column(c.prog.Tree(), s); ok {
			c.fused = column
		} else {
			f.partial = true
		}
	}
	for _, p := range n.parts {
		if !f.node(p, s) {
			return false
		}
	}
	return true
}

// useFused makes the fused way ready for the resource on the tape, and reports whether there is one.
func (w *worker) useFused(tape *fhirjson.Tape) bool {
	p := w.view.plan.fused
	if p == nil {
		return false
	}
	at, ok := within(w.b.src, tape.Source())
	if !ok {
		return false
	}
	w.tape, w.offset = tape, at
	w.machine.Load(tape, p.registers)
	w.machine.Focus(p.scope, 0)
	return true
}

// within returns where part begins in whole, if it lies in it.
func within(whole, part []byte) (offset uint32, ok bool) {
	if len(whole) == 0 || len(part) == 0 {
		return 0, false
	}
	// Both slices are alive; only their addresses are compared.
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return uint32(at), at < uintptr(len(whole)) && at+uintptr(len(part)) <= uintptr(len(whole))
}

// fusedColumn evaluates one column on the tape. ok is false where the resource is odd, or the column has an error that
// the plain way is to report.
func (w *worker) fusedColumn(p *columnPlan) (c cell, ok bool) {
	f := p.fused
	if f.Kind == fused.ColumnCondition {
		value, known, ok := w.machine.Test(f.Condition)
		if !ok || !known {
			return w.nothing(p), ok
		}
		return w.fusedSingle(p, boolean(value))
	}
	node, several, ok := w.machine.One(f.Path)
	if !ok {
		return cell{}, false
	}
	if several {
		return w.fusedSeveral(p)
	}
	if f.EmptyText && node < 0 {
		return w.fusedSingle(p, cell{kind: KindString})
	}
	if node < 0 {
		return w.nothing(p), true
	}
	if c, ok = w.fusedCell(f, node); !ok || c.kind == KindNull {
		return w.nothing(p), ok
	}
	return w.fusedSingle(p, c)
}

// nothing is the cell of a column without a value: null, or for a collection a list of none.
func (w *worker) nothing(p *columnPlan) cell {
	if p.collection {
		return cell{kind: KindList, off: uint32(len(w.b.items))}
	}
	return cell{}
}

// fusedSingle checks a column's only value against its type, and makes a list of it for a collection.
func (w *worker) fusedSingle(p *columnPlan, c cell) (cell, bool) {
	if !p.want.allows(c.kind) {
		return cell{}, false
	}
	if p.collection {
		w.b.items = append(w.b.items, c)
		c = cell{kind: KindList, off: uint32(len(w.b.items) - 1), n: 1}
	}
	return c, true
}

// fusedSeveral evaluates a column whose path leads to any number of nodes.
func (w *worker) fusedSeveral(p *columnPlan) (cell, bool) {
	f := p.fused
	start, count, ok := w.machine.Nodes(f.Path)
	if !ok {
		return cell{}, false
	}
	defer w.machine.Drop(start)
	if f.Kind == fused.ColumnJoin && (count > 0 || f.EmptyText) {
		return w.fusedSingle(p, w.join(w.machine.Items(start), f.Text))
	}
	first := len(w.b.items)
	for i := range count {
		c, ok := w.fusedCell(f, w.machine.Item(start+i))
		if !ok || c.kind != KindNull && !p.want.allows(c.kind) {
			return cell{}, false
		}
		if c.kind != KindNull {
			w.b.items = append(w.b.items, c)
		}
	}
	values := w.b.items[first:]
	switch {
	case p.collection:
		return cell{kind: KindList, off: uint32(first), n: uint32(len(values))}, true
	case len(values) == 0:
		return cell{}, true
	case len(values) > 1:
		return cell{}, false
	}
	w.b.items = w.b.items[:first]
	return values[0], true
}

// join makes the cell of several texts with a separator between them.
func (w *worker) join(nodes []int32, separator string) cell {
	arena := w.b.arena
	for i, n := range nodes {
		if i > 0 {
			arena = append(arena, separator...)
		}
		arena = w.tape.AppendString(arena, int(n))
	}
	return w.made(KindString, arena)
}

// textCell makes the cell of a string. It refers to the source.
func (w *worker) textCell(n *fhirjson.Node) cell {
	c := cell{off: w.offset + n.Start, n: n.End - n.Start, kind: KindString, flags: inSource}
	if n.Flags&fhirjson.Escaped != 0 {
		c.flags |= escaped
	}
	return c
}

// fusedCell makes the cell of one node. It refers to the source.
func (w *worker) fusedCell(f *fused.Column, node int32) (c cell, ok bool) {
	n := w.tape.Node(int(node))
	if f.Kind == fused.ColumnReference {
		start, end, ok := w.machine.ReferenceKey(node, f.Text)
		if start == end {
			return cell{}, ok
		}
		return cell{kind: KindString, off: w.offset + start, n: end - start, flags: inSource}, true
	}
	c = cell{off: w.offset + n.Start, n: n.End - n.Start, flags: inSource}
	switch f.Path.Class() {
	case fused.Text:
		return w.textCell(n), true
	case fused.Boolean:
		return boolean(n.Kind == fhirjson.True), true
	case fused.Integer:
		c.kind = KindInteger
		return c, n.Flags&fhirjson.Integer != 0
	case fused.Decimal:
		c.kind = KindDecimal
	}
	return c, true
}
