package runner

import (
	"context"
	"slices"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirpath/fused"
)

// What the fused way does with a resource is remembered as a template, which says from which nodes of the tape the
// cells of the rows come. Resources of the same shape get their rows by filling it in: no path is walked again.

// template is the rows of a resource without its texts. It does not change.
type template struct {
	odd   bool // the resource takes the plain way
	rows  int
	steps int // of rows and iterations, which are limited
	slots []slot
	nodes []int32 // that slots join
	// cells has a number for each cell of the rows: 0 for null, else 1 more than its slot's. It is nil where there is
	// a single row, of which each slot is one cell.
	cells []int32
}

type slotKind uint8

const (
	slotSpan      slotKind = iota // the text of a node
	slotConstant                  // the same for all resources of the shape
	slotIndex                     // %rowIndex
	slotReference                 // the key in the text of a node
	slotJoin                      // the texts of several nodes
	slotColumn                    // to be evaluated each time
)

// slot is what a column gives on one focus.
type slot struct {
	kind     slotKind
	constant cell  // of a span: its kind and flags
	at       int32 // the cell, in a single row; -1 where the row was lost, but what the column gives must still be no error
	node     int32 // for a join: the first of count in template.nodes
	count    int32

	column *columnPlan
	owner  *node
	focus  int32
	index  int32
}

const (
	// kindSlot is the kind of a cell that stands for a slot while a template is made; its off is the slot's number.
	kindSlot Kind = 0xff
	// maxTemplateCells bounds the rows that are remembered.
	maxTemplateCells = 1024
)

// fusedRows adds the rows of the loaded resource the fused way.
func (w *worker) fusedRows(ctx context.Context, root *focus) error {
	if w.templates {
		t, learn := w.memo.Find(&w.machine)
		if learn {
			t = w.learn(ctx, root)
		}
		if t != nil {
			return w.fill(ctx, t)
		}
	}
	return w.product(ctx, root)
}

// learn makes and remembers the template of the loaded resource. It is nil where there is none, because of a fault or
// because it would be too large.
func (w *worker) learn(ctx context.Context, root *focus) *template {
	b, t := w.b, &template{}
	base, rows, steps := len(b.cells), b.rows, w.steps
	w.template = t
	err := w.product(ctx, root)
	w.template = nil
	cells := b.cells[base:]
	t.rows, t.steps = b.rows-rows, w.steps-steps
	b.cells, b.rows, w.steps = b.cells[:base], rows, steps
	switch {
	case err == errOdd:
		t = &template{odd: true}
	case err != nil || len(cells) > maxTemplateCells || len(t.slots) > maxTemplateCells:
		return nil
	default:
		t.lay(cells)
	}
	w.memo.Keep(&w.machine, t, int(unsafe.Sizeof(*t))+len(t.slots)*int(unsafe.Sizeof(slot{}))+4*(len(t.nodes)+len(t.cells)))
	return t
}

// lay notes where the slots go.
func (t *template) lay(cells []cell) {
	if t.rows == 0 { // what is left is whether a column has an error
		t.slots = slices.DeleteFunc(t.slots, func(s slot) bool { return s.kind != slotColumn })
	}
	if t.rows == 1 {
		for i := range t.slots {
			t.slots[i].at = -1
		}
		for i, c := range cells {
			if c.kind == kindSlot {
				t.slots[c.off].at = int32(i)
			}
		}
		return
	}
	t.cells = make([]int32, len(cells))
	for i, c := range cells {
		if c.kind == kindSlot {
			t.cells[i] = int32(c.off) + 1
		}
	}
}

// note makes the slot of a column, and returns the cell that stands for it: null where the column has no value.
func (w *worker) note(n *node, p *columnPlan, f *focus, index int) (cell, error) {
	s := slot{column: p, owner: n, focus: f.node, index: int32(index), kind: slotColumn}
	switch {
	case p.rowIndex:
		if !p.collection && p.want.allows(KindInteger) {
			s.kind = slotIndex
		}
	case p.fused == nil || p.collection:
	case p.fused.Kind == fused.ColumnCondition:
		value, known, ok := w.machine.Test(p.fused.Condition)
		if !ok || known && !p.want.allows(KindBoolean) {
			return cell{}, errOdd
		}
		if !known {
			return cell{}, nil
		}
		s.kind, s.constant = slotConstant, boolean(value)
	default:
		null, err := w.noteNodes(&s)
		if null || err != nil {
			return cell{}, err
		}
	}
	t := w.template
	t.slots = append(t.slots, s)
	return cell{kind: kindSlot, off: uint32(len(t.slots) - 1)}, nil
}

// noteNodes makes the slot of a column that gives nodes.
func (w *worker) noteNodes(s *slot) (null bool, err error) {
	p, f := s.column, s.column.fused
	start, count, ok := w.machine.Nodes(f.Path)
	if !ok {
		return false, errOdd
	}
	defer w.machine.Drop(start)
	switch {
	case f.Kind == fused.ColumnJoin && count > 1, f.EmptyText && count == 0:
		s.kind, s.node, s.count = slotJoin, int32(len(w.template.nodes)), int32(count)
		for i := range count {
			w.template.nodes = append(w.template.nodes, w.machine.Item(start+i))
		}
		if !p.want.allows(KindString) {
			return false, errOdd
		}
		return false, nil
	case count == 0:
		return true, nil
	case f.Kind == fused.ColumnReference:
		if s.node = w.machine.Item(start); count == 1 && p.want.allows(KindString) {
			s.kind = slotReference
		}
		return false, nil
	case count > 1:
		return false, errOdd // an error, which is not ours to report
	}
	s.node = w.machine.Item(start)
	c, ok := w.fusedCell(f, s.node)
	if !ok || !p.want.allows(c.kind) {
		return false, errOdd
	}
	s.kind, s.constant = slotSpan, c
	if c.flags&inSource == 0 {
		s.kind = slotConstant
	}
	return false, nil
}

// fill adds the rows of a template, with the texts of the loaded resource.
func (w *worker) fill(ctx context.Context, t *template) error {
	if t.odd || t.steps > w.maxRows {
		return errOdd // in a run with other limits it was within them
	}
	b, width := w.b, w.view.width
	base := len(b.cells)
	if t.rows == 1 {
		b.cells = extend(b.cells, width)
		if err := w.slots(ctx, t, b.cells[base:], true); err != nil {
			b.cells = b.cells[:base]
			return err
		}
		b.rows++
		return nil
	}
	w.stack = extend(w.stack[:0], len(t.slots))
	if err := w.slots(ctx, t, w.stack, false); err != nil {
		return err
	}
	b.cells = extend(b.cells, len(t.cells))
	to := b.cells[base:]
	for i, s := range t.cells {
		if s > 0 {
			to[i] = w.stack[s-1]
		}
	}
	b.rows += t.rows
	return nil
}

// extend adds nulls.
func extend(cells []cell, n int) []cell {
	from := len(cells)
	if from+n <= cap(cells) {
		cells = cells[:from+n]
		clear(cells[from:])
		return cells
	}
	return append(cells, make([]cell, n)...)
}

// slots fills in the slots: each its cell of a single row, or one after the other.
func (w *worker) slots(ctx context.Context, t *template, cells []cell, single bool) error {
	nodes := w.tape.Nodes()
	var lost cell
	for i := range t.slots {
		s := &t.slots[i]
		c := &lost
		if !single {
			c = &cells[i]
		} else if s.at >= 0 {
			c = &cells[s.at]
		}
		switch s.kind {
		case slotSpan:
			n := &nodes[s.node]
			*c = cell{off: w.offset + n.Start, n: n.End - n.Start, kind: s.constant.kind, flags: s.constant.flags}
		case slotReference:
			start, end, ok := w.machine.ReferenceKey(s.node, s.column.fused.Text)
			if !ok {
				return errOdd
			}
			if start < end {
				*c = cell{off: w.offset + start, n: end - start, kind: KindString, flags: inSource}
			}
		case slotConstant:
			*c = s.constant
		case slotIndex:
			*c = w.integer(int(s.index))
		case slotJoin:
			*c = w.join(t.nodes[s.node:s.node+s.count], s.column.fused.Text)
		default:
			if s.column.fused != nil {
				w.machine.Focus(s.owner.scope, s.focus)
			}
			var err error
			f := focus{node: s.focus}
			if *c, err = w.column(ctx, s.owner, s.column, &f, int(s.index)); err != nil {
				return errOdd // the plain way finds it again, and whatever is to be reported before it
			}
		}
	}
	return nil
}
