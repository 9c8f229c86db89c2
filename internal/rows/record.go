package rows

import (
	"context"
	"slices"
	"unsafe"
)

// template is the rows of a resource without its texts. Resources that are alike get their rows by filling it in. It
// does not change.
type template struct {
	odd   bool // the resource is for the plain evaluator
	rows  int
	steps int // of rows and iterations, which are limited
	slots []slot
	nodes []int32 // that origins of joins refer to
	// cells has a number for each cell of the rows: 0 for null, else 1 more than the number of its slot. It is nil where
	// there is a single row; each slot is one cell then.
	cells []int32
}

// slot is what a column gives on one focus.
type slot struct {
	origin
	again  bool  // the column is to be evaluated each time
	at     int32 // the cell, in a single row; -1 where the row was lost, but the column must still have no error
	on     int32 // the node and the %rowIndex of the focus
	index  int32
	column *Column
	part   *Part
}

// maxTemplateCells bounds the rows that are recorded.
const maxTemplateCells = 1024

// size is the memory that the template uses, in bytes.
func (t *template) size() int {
	return int(unsafe.Sizeof(*t)) + len(t.slots)*int(unsafe.Sizeof(slot{})) + 4*(len(t.nodes)+len(t.cells))
}

// recorder is the tape's evaluator, except that it notes where a cell comes from instead of making it.
type recorder struct {
	*tape
	template *template
}

func (r *recorder) cell(_ context.Context, p *Part, c *Column, on focus) (Cell, error) {
	s := slot{column: c, part: p, on: on.node, index: on.index}
	switch {
	case c.RowIndex || c.tape == nil || c.Collection:
		s.again = true
	default:
		o, list, err := r.origin(c)
		if err != nil {
			return Cell{}, err
		}
		switch s.origin = o; o.kind {
		case fromNothing:
			r.machine.Drop(list)
			return Cell{}, nil
		case fromJoin:
			s.node = int32(len(r.template.nodes))
			r.template.nodes = append(r.template.nodes, r.machine.Items(list)...)
		case fromSeveral:
			s.again = true
		}
		r.machine.Drop(list)
	}
	r.template.slots = append(r.template.slots, s)
	return Cell{Kind: slotKind, Start: uint32(len(r.template.slots) - 1)}, nil
}

// record makes and remembers the template of the loaded resource. It is nil where there is none: because of an error,
// which comes again when the resource is evaluated, or because it would be too large.
func (e *Engine) record(ctx context.Context, root focus) *template {
	t := &template{}
	e.recorder.template = t
	steps := e.steps
	rows, err := e.rows(ctx, &e.recorder, root)
	e.recorder.template = nil
	t.rows, t.steps = rows, e.steps-steps
	e.steps = steps
	switch {
	case err == errOdd:
		t = &template{odd: true}
	case err != nil || len(e.stack) > maxTemplateCells || len(t.slots) > maxTemplateCells:
		return nil
	default:
		t.lay(e.stack)
	}
	e.memory.memo.Keep(e.tape.machine, t, t.size())
	return t
}

// lay notes where the slots go.
func (t *template) lay(cells []Cell) {
	if t.rows == 0 { // what is left is whether a column has an error
		t.slots = slices.DeleteFunc(t.slots, func(s slot) bool { return !s.again })
	}
	if t.rows == 1 {
		for i := range t.slots {
			t.slots[i].at = -1
		}
		for i, c := range cells {
			if c.Kind == slotKind {
				t.slots[c.Start].at = int32(i)
			}
		}
		return
	}
	t.cells = make([]int32, len(cells))
	for i, c := range cells {
		if c.Kind == slotKind {
			t.cells[i] = int32(c.Start) + 1
		}
	}
}

// fill adds the rows of a template, with the texts of the loaded resource.
func (e *Engine) fill(ctx context.Context, t *template) error {
	if t.odd || t.steps > e.maxRows {
		return errOdd // in a run with other limits it was within them
	}
	out := e.plain.out
	base := len(out.Cells)
	if t.rows == 1 {
		out.Cells = extend(out.Cells, e.plan.Root.Width)
		if err := e.slots(ctx, t, out.Cells[base:], true); err != nil {
			out.Cells = out.Cells[:base]
			return err
		}
		out.Rows++
		return nil
	}
	e.stack = extend(e.stack[:0], len(t.slots))
	if err := e.slots(ctx, t, e.stack, false); err != nil {
		return err
	}
	out.Cells = extend(out.Cells, len(t.cells))
	to := out.Cells[base:]
	for i, s := range t.cells {
		if s > 0 {
			to[i] = e.stack[s-1]
		}
	}
	out.Rows += t.rows
	return nil
}

// slots makes the cells of the slots: each at its place in a single row, or one after the other.
func (e *Engine) slots(ctx context.Context, t *template, cells []Cell, single bool) error {
	tape, nodes, offset := &e.tape, e.loaded.Nodes(), e.tape.offset
	var lost Cell
	for i := range t.slots {
		s := &t.slots[i]
		c := &lost
		if !single {
			c = &cells[i]
		} else if s.at >= 0 {
			c = &cells[s.at]
		}
		var err error
		switch {
		case s.kind == fromSpan: // as make does; nearly all are, and a call each costs some percent
			n := &nodes[s.node]
			*c = Cell{Start: offset + n.Start, Len: n.End - n.Start, Kind: s.made.Kind, Flags: s.made.Flags}
			continue
		case s.again:
			if s.column.tape != nil {
				tape.machine.Focus(s.part.scope, s.on)
			}
			*c, err = tape.cell(ctx, s.part, s.column, focus{node: s.on, index: s.index})
		case s.kind == fromKey:
			*c, err = tape.key(s.column, s.node)
		default:
			*c, err = tape.make(&s.origin, s.column, t.nodes)
		}
		if err != nil {
			return errOdd // the plain evaluator finds it again, and whatever is to be reported before it
		}
	}
	return nil
}
