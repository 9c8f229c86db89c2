package runner

import (
	"context"
	"fmt"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// part puts the rows of a node on the stack, one after the other, each of the node's width, and returns their
// number. Index is the %rowIndex of where the node stands.
func (w *worker) part(ctx context.Context, n *node, f *focus, index int) (int, error) {
	if w.visits++; w.visits > maxVisits && w.visits > maxVisits+visitsPerNode*w.tape.Len() {
		return 0, w.at(n.element, "", "", fmt.Errorf("%w: the view takes too long on the resource", ErrLimit))
	}
	if n.union {
		return w.union(ctx, n, f, index)
	}
	switch n.iter {
	case iterForEach, iterForEachOrNull:
		if w.fused {
			return w.fusedItems(ctx, n)
		}
		items, err := w.eval(ctx, n.paths[0], f.value, index)
		if err != nil {
			return 0, w.at(n.element, "", n.paths[0].String(), err)
		}
		if len(items) == 0 && n.iter == iterForEachOrNull {
			return 1, w.nullRow(ctx, n)
		}
		if err := w.step(len(items)); err != nil {
			return 0, w.at(n.element, "", n.paths[0].String(), err)
		}
		total := 0
		var f focus // outside of the loop, where it needs no memory of its own
		for i := range items {
			f.value = items[i]
			rows, err := w.body(ctx, n, &f, i)
			if err != nil {
				return 0, err
			}
			total += rows
		}
		return total, nil
	case iterRepeat:
		r := repetition{w: w, n: n}
		err := r.descend(ctx, f.value, index, 0)
		return r.rows, err
	}
	return w.body(ctx, n, f, index)
}

// fusedItems is part for the nodes that the fused way gives.
func (w *worker) fusedItems(ctx context.Context, n *node) (int, error) {
	start, count, ok := w.machine.Nodes(n.path)
	if !ok {
		return 0, errOdd
	}
	if count == 0 && n.iter == iterForEachOrNull {
		return 1, w.nullRow(ctx, n)
	}
	if err := w.step(count); err != nil {
		return 0, w.at(n.element, "", n.paths[0].String(), err)
	}
	total := 0
	for i := range count {
		f := focus{node: w.machine.Item(start + i)}
		w.machine.Focus(n.scope, f.node)
		rows, err := w.body(ctx, n, &f, i)
		if err != nil {
			return 0, err
		}
		total += rows
	}
	w.machine.Drop(start)
	return total, nil
}

// union puts the rows of all branches on the stack. It opens no scope for %rowIndex (S11).
func (w *worker) union(ctx context.Context, n *node, f *focus, index int) (int, error) {
	total := 0
	for _, branch := range n.parts {
		rows, err := w.part(ctx, branch, f, index)
		if err != nil {
			return 0, err
		}
		total += rows
	}
	return total, nil
}

// repetition is a repeat under way: depth first, parents before children, over all paths in order (S9). The paths see the
// %rowIndex of where the select stands, at every depth: the elements are numbered when all are found.
type repetition struct {
	w       *worker
	n       *node
	visited int // elements so far: the next %rowIndex
	rows    int
}

func (r *repetition) descend(ctx context.Context, from fhirpath.Value, index, depth int) error {
	if depth > maxRepeatDepth {
		err := fmt.Errorf("%w: repeat goes deeper than %d", ErrLimit, maxRepeatDepth)
		return r.w.at(r.n.element, "", "", err)
	}
	for _, path := range r.n.paths {
		items, err := r.w.eval(ctx, path, from, index)
		if err != nil {
			return r.w.at(r.n.element, "", path.String(), err)
		}
		for _, item := range items {
			if err := r.w.step(1); err != nil {
				return r.w.at(r.n.element, "", path.String(), err)
			}
			at := r.visited
			r.visited++
			rows, err := r.w.body(ctx, r.n, &focus{value: item}, at)
			if err != nil {
				return err
			}
			r.rows += rows
			if err := r.descend(ctx, item, index, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// body puts the rows for one element on the stack: the Cartesian product of the node's columns, which are one row,
// and of the rows of each part (S5). Earlier parts vary slower.
func (w *worker) body(ctx context.Context, n *node, f *focus, index int) (int, error) {
	base := len(w.stack)
	if err := w.push(n.width); err != nil {
		return 0, w.at(n.element, "", "", err)
	}
	for i := range n.columns {
		c, err := w.column(ctx, n, &n.columns[i], f, index)
		if err != nil {
			return 0, err
		}
		w.stack[base+n.columns[i].at-n.lo] = c
	}
	rows := 1
	for _, p := range n.parts {
		start := len(w.stack)
		k, err := w.part(ctx, p, f, index)
		if err != nil {
			return 0, err
		}
		if k == 0 {
			w.stack = w.stack[:base]
			return 0, nil
		}
		if err := w.room(rows, k); err != nil {
			return 0, w.at(p.element, "", "", err)
		}
		if err := w.cross(n, p, base, start, rows, k); err != nil {
			return 0, w.at(p.element, "", "", err)
		}
		rows *= k
	}
	return rows, nil
}

// The values that one resource's rows may have: for any resource, for each of its JSON values, and for each row where a run
// sets their limit.
const (
	maxCells     = 1_000_000
	cellsPerNode = 100
	cellsPerRow  = 40
)

// maxVisits and visitsPerNode bound how often the parts of a view are visited for one resource.
const (
	maxVisits     = 500_000
	visitsPerNode = 200
)

// room checks that rows times k rows may come to be.
func (w *worker) room(rows, k int) error {
	return w.step(rows*k - rows)
}

// push adds nulls to the stack.
func (w *worker) push(cells int) error {
	most := maxCells + cellsPerNode*w.tape.Len() + cellsPerRow*w.cfg.maxPerRes
	if len(w.stack)+cells > most {
		return fmt.Errorf("%w: the resource gives more than %d values", ErrLimit, most)
	}
	for range cells {
		w.stack = append(w.stack, cell{})
	}
	return nil
}

// cross combines the rows of node n at base with the k rows of its part p that follow at start.
func (w *worker) cross(n, p *node, base, start, rows, k int) error {
	at := p.lo - n.lo
	if k == 1 {
		part := w.stack[start : start+p.width]
		for r := range rows {
			copy(w.stack[base+r*n.width+at:], part)
		}
		w.stack = w.stack[:start]
		return nil
	}
	out := len(w.stack)
	if err := w.push(rows * k * n.width); err != nil {
		return err
	}
	to := out
	for r := range rows {
		row := w.stack[base+r*n.width : base+(r+1)*n.width]
		for j := range k {
			copy(w.stack[to:], row)
			copy(w.stack[to+at:], w.stack[start+j*p.width:start+(j+1)*p.width])
			to += n.width
		}
	}
	w.stack = append(w.stack[:base], w.stack[out:]...)
	return nil
}

// nullRow puts the row of a forEachOrNull without elements on the stack: nulls, and 0 where the path is %rowIndex,
// in the node and everything below it (S7).
func (w *worker) nullRow(ctx context.Context, n *node) error {
	base := len(w.stack)
	if err := w.push(n.width); err != nil {
		return w.at(n.element, "", "", err)
	}
	if w.view.nullLiterals {
		for i := range n.columns {
			c, err := w.column(ctx, n, &n.columns[i], &focus{}, 0)
			if err != nil {
				return err
			}
			w.stack[base+n.columns[i].at-n.lo] = c
		}
	}
	return w.zeroIndexes(ctx, n, w.stack[base:], n.lo)
}

// zeroIndexes sets the columns of a node and everything below it whose path is %rowIndex to 0. The first of the cells is that
// of column lo.
func (w *worker) zeroIndexes(ctx context.Context, n *node, cells []cell, lo int) error {
	for i := range n.columns {
		if p := &n.columns[i]; p.rowIndex {
			c, err := w.column(ctx, n, p, &focus{}, 0)
			if err != nil {
				return err
			}
			cells[p.at-lo] = c
		}
	}
	parts := n.parts
	if n.union && len(parts) > 0 {
		parts = parts[:1]
	}
	for _, p := range parts {
		if err := w.zeroIndexes(ctx, p, cells, lo); err != nil {
			return err
		}
	}
	return nil
}
