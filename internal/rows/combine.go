package rows

import (
	"context"
	"fmt"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// evaluator evaluates the expressions of a view on one resource.
type evaluator interface {
	// test reports whether the resource meets a condition. on is the resource.
	test(ctx context.Context, c *Condition, on focus) (bool, error)
	// items evaluates path number path of a part. The items are good until leave.
	items(ctx context.Context, p *Part, path int, on focus) (items, error)
	// enter returns item i as the focus of the part's columns and parts.
	enter(p *Part, list items, i int) focus
	leave(list items)
	// cell evaluates a column of a part.
	cell(ctx context.Context, p *Part, c *Column, on focus) (Cell, error)
}

// focus is the element that expressions are evaluated on: a value for the plain evaluator, a node for the tape's.
type focus struct {
	value *fhirpath.Value // nil: nothing
	node  int32
	index int32 // %rowIndex
}

// items is what a path gives: values for the plain evaluator, nodes on the machine's list for the tape's.
type items struct {
	values fhirpath.Collection
	start  int
	count  int
}

// Limits of one resource. docs/fhirpath.md lists them.
const (
	// DefaultMaxRows is used where a run does not limit the rows of a resource.
	DefaultMaxRows = 100_000
	// MaxRepeatDepth is the depth to which repeat follows its paths. FHIR resources are never that deep, so only paths
	// that lead back to where they started, such as $this, reach it.
	MaxRepeatDepth = 500
	// The cells that may be combined: for any resource, for each of its JSON values, and for each row that the run allows.
	MaxCells     = 1_000_000
	CellsPerNode = 100
	CellsPerRow  = 40
	// How often parts may run: for any resource, and for each of its JSON values.
	MaxVisits     = 500_000
	VisitsPerNode = 200
)

// combiner makes the rows of a resource from what an evaluator gives.
type combiner struct {
	plan  *Plan
	eval  evaluator
	stack []Cell // rows of parts that are being combined

	maxRows  int // of the resource
	maxCells int
	nodes    int // JSON values of the resource
	steps    int // rows and iterations so far
	visits   int // parts run so far
}

// begin makes the combiner ready for a resource with so many JSON values.
func (c *combiner) begin(nodes, maxRows int) {
	c.nodes, c.steps, c.visits = nodes, 0, 0
	c.maxCells = MaxCells + CellsPerNode*nodes + CellsPerRow*maxRows
	if c.maxRows = maxRows; maxRows <= 0 {
		c.maxRows = DefaultMaxRows
	}
}

// rows puts the rows of the resource on the stack, if it meets the conditions, and returns their number.
func (c *combiner) rows(ctx context.Context, eval evaluator, root focus) (int, error) {
	c.eval, c.stack = eval, c.stack[:0]
	for i := range c.plan.Where {
		ok, err := eval.test(ctx, &c.plan.Where[i], root)
		if err != nil || !ok {
			return 0, err
		}
	}
	return c.product(ctx, c.plan.Root, root)
}

// part puts the rows of a part on the stack, one after the other, and returns their number. on is where the part
// stands.
func (c *combiner) part(ctx context.Context, p *Part, on focus) (int, error) {
	if c.visits++; c.visits > MaxVisits && c.visits > MaxVisits+VisitsPerNode*c.nodes {
		return 0, p.fault(fmt.Errorf("%w: the view takes too long on the resource", ErrLimit))
	}
	switch {
	case p.Union:
		return c.union(ctx, p, on)
	case p.Iteration == Repeat:
		r := repetition{combiner: c, part: p}
		err := r.descend(ctx, on, 0)
		return r.total, err
	case p.Iteration != Once:
		return c.each(ctx, p, on)
	}
	return c.product(ctx, p, on)
}

// each is part for forEach and forEachOrNull.
func (c *combiner) each(ctx context.Context, p *Part, on focus) (int, error) {
	list, err := c.eval.items(ctx, p, 0, on)
	if err != nil {
		return 0, err
	}
	defer c.eval.leave(list)
	if list.count == 0 && p.Iteration == ForEachOrNull {
		return 1, c.nullRow(ctx, p)
	}
	if err := c.step(list.count); err != nil {
		return 0, p.pathFault(0, err)
	}
	total := 0
	for i := range list.count {
		item := c.eval.enter(p, list, i)
		item.index = int32(i)
		rows, err := c.product(ctx, p, item)
		if err != nil {
			return 0, err
		}
		total += rows
	}
	return total, nil
}

// union is part for a unionAll. Its branches have the %rowIndex of where it stands.
func (c *combiner) union(ctx context.Context, p *Part, on focus) (int, error) {
	total := 0
	for _, branch := range p.Parts {
		rows, err := c.part(ctx, branch, on)
		if err != nil {
			return 0, err
		}
		total += rows
	}
	return total, nil
}

// repetition is a repeat under way: depth first, parents before children, over all paths in order. At every depth the
// paths see the %rowIndex of where the select stands; the items are numbered as they are found.
type repetition struct {
	*combiner
	part  *Part
	found int // items so far: the next %rowIndex
	total int // rows so far
}

func (r *repetition) descend(ctx context.Context, from focus, depth int) error {
	if depth > MaxRepeatDepth {
		return r.part.fault(fmt.Errorf("%w: repeat goes deeper than %d", ErrLimit, MaxRepeatDepth))
	}
	for path := range r.part.Paths {
		list, err := r.eval.items(ctx, r.part, path, from)
		if err != nil {
			return err
		}
		for i := range list.count {
			if err := r.step(1); err != nil {
				return r.part.pathFault(path, err)
			}
			item := r.eval.enter(r.part, list, i)
			item.index = int32(r.found)
			r.found++
			rows, err := r.product(ctx, r.part, item)
			if err != nil {
				return err
			}
			r.total += rows
			item.index = from.index
			if err := r.descend(ctx, item, depth+1); err != nil {
				return err
			}
		}
		r.eval.leave(list)
	}
	return nil
}

// product puts the rows for one item on the stack: the Cartesian product of the part's columns, which are one row,
// and of the rows of each of its parts. Earlier parts vary slower.
func (c *combiner) product(ctx context.Context, p *Part, on focus) (int, error) {
	base := len(c.stack)
	if err := c.push(p.Width); err != nil {
		return 0, p.fault(err)
	}
	for i := range p.Columns {
		column := &p.Columns[i]
		cell, err := c.eval.cell(ctx, p, column, on)
		if err != nil {
			return 0, err
		}
		c.stack[base+column.At-p.First] = cell
	}
	rows := 1
	for _, part := range p.Parts {
		start := len(c.stack)
		k, err := c.part(ctx, part, on)
		if err != nil {
			return 0, err
		}
		if k == 0 {
			c.stack = c.stack[:base]
			return 0, nil
		}
		if err := c.step(rows*k - rows); err != nil {
			return 0, part.fault(err)
		}
		if err := c.cross(p, part, base, start, rows, k); err != nil {
			return 0, part.fault(err)
		}
		rows *= k
	}
	return rows, nil
}

// step counts rows and iterations against the limit.
func (c *combiner) step(n int) error {
	if c.steps += n; c.steps > c.maxRows {
		return fmt.Errorf("%w: the resource gives more than %d rows", ErrLimit, c.maxRows)
	}
	return nil
}

// push puts nulls on the stack.
func (c *combiner) push(cells int) error {
	if len(c.stack)+cells > c.maxCells {
		return fmt.Errorf("%w: the resource gives more than %d values", ErrLimit, c.maxCells)
	}
	c.stack = extend(c.stack, cells)
	return nil
}

// extend appends nulls.
func extend(cells []Cell, n int) []Cell {
	from := len(cells)
	if from+n <= cap(cells) {
		cells = cells[:from+n]
		clear(cells[from:])
		return cells
	}
	return append(cells, make([]Cell, n)...)
}

// cross combines the rows of p at base with the k rows of its part that follow at start.
func (c *combiner) cross(p, part *Part, base, start, rows, k int) error {
	at := part.First - p.First
	if k == 1 {
		row := c.stack[start : start+part.Width]
		for r := range rows {
			copy(c.stack[base+r*p.Width+at:], row)
		}
		c.stack = c.stack[:start]
		return nil
	}
	out := len(c.stack)
	if err := c.push(rows * k * p.Width); err != nil {
		return err
	}
	to := out
	for r := range rows {
		row := c.stack[base+r*p.Width : base+(r+1)*p.Width]
		for j := range k {
			copy(c.stack[to:], row)
			copy(c.stack[to+at:], c.stack[start+j*part.Width:start+(j+1)*part.Width])
			to += p.Width
		}
	}
	c.stack = append(c.stack[:base], c.stack[out:]...)
	return nil
}

// nullRow puts the row of a forEachOrNull without items on the stack: nulls, and 0 for columns whose path is
// %rowIndex, in the part and everything below it.
func (c *combiner) nullRow(ctx context.Context, p *Part) error {
	base := len(c.stack)
	if err := c.push(p.Width); err != nil {
		return p.fault(err)
	}
	row := c.stack[base:]
	if c.plan.NullRowLiterals {
		if err := c.nullCells(ctx, p, row, p.First, true); err != nil {
			return err
		}
	}
	return c.zeroIndexes(ctx, p, row, p.First)
}

// zeroIndexes evaluates the columns of a part and everything below it whose path is %rowIndex. The first cell of row is
// that of column first.
func (c *combiner) zeroIndexes(ctx context.Context, p *Part, row []Cell, first int) error {
	if err := c.nullCells(ctx, p, row, first, false); err != nil {
		return err
	}
	parts := p.Parts
	if p.Union && len(parts) > 0 {
		parts = parts[:1]
	}
	for _, part := range parts {
		if err := c.zeroIndexes(ctx, part, row, first); err != nil {
			return err
		}
	}
	return nil
}

// nullCells evaluates the columns of a part on nothing: all, or those whose path is %rowIndex.
func (c *combiner) nullCells(ctx context.Context, p *Part, row []Cell, first int, all bool) error {
	for i := range p.Columns {
		if column := &p.Columns[i]; all || column.RowIndex {
			cell, err := c.eval.cell(ctx, p, column, focus{})
			if err != nil {
				return err
			}
			row[column.At-first] = cell
		}
	}
	return nil
}
