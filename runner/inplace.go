package runner

import "context"

// Most resources give one row, since what their selects iterate over has one item, or none with forEachOrNull. Such a row
// is written where it belongs, without the stack on which rows of several parts are combined.

// yield says how many rows a node gives.
type yield uint8

const (
	noRow yield = iota
	singleRow
	manyRows // not known how many: the row in place means nothing
)

// oneRow adds the row of a resource that gives one row or none, on the fused way. done is false for other resources.
func (w *worker) oneRow(ctx context.Context, root *focus) (done bool, err error) {
	b := w.b
	base, items, arena := len(b.cells), len(b.items), len(b.arena)
	for range w.view.width {
		b.cells = append(b.cells, cell{})
	}
	y, err := w.inPlace(ctx, w.view.plan.root, root.node, base, 0)
	if err == nil && y == singleRow {
		b.rows++
		return true, w.step(1)
	}
	b.cells = b.cells[:base]
	if y == manyRows {
		b.items, b.arena = b.items[:items], b.arena[:arena]
	}
	return y != manyRows, err
}

// inPlace writes the row of a node's columns and parts, which begin at cell number at of the batch.
func (w *worker) inPlace(ctx context.Context, n *node, focusNode int32, at, index int) (yield, error) {
	cells := w.b.cells[at : at+n.width]
	for i := range n.columns {
		p := &n.columns[i]
		if p.plainText {
			item, several, ok := w.machine.One(p.fused.Path)
			if !ok {
				return noRow, errOdd
			}
			if !several {
				if item >= 0 {
					cells[p.at-n.lo] = w.textCell(w.tape.Node(int(item)))
				}
				continue
			}
		}
		f := focus{node: focusNode}
		c, err := w.column(ctx, n, p, &f, index)
		if err != nil {
			return noRow, err
		}
		cells[p.at-n.lo] = c
	}
	for _, p := range n.parts {
		if y, err := w.partInPlace(ctx, p, focusNode, at+p.lo-n.lo, index); y != singleRow || err != nil {
			return y, err
		}
	}
	return singleRow, nil
}

// partInPlace is inPlace for a part of a node.
func (w *worker) partInPlace(ctx context.Context, p *node, focusNode int32, at, index int) (yield, error) {
	if p.union {
		return manyRows, nil
	}
	if p.iter == iterNone {
		return w.inPlace(ctx, p, focusNode, at, index)
	}
	item, several, ok := w.machine.One(p.path)
	switch {
	case !ok:
		return noRow, errOdd
	case several:
		return manyRows, nil
	case item >= 0:
		w.machine.Focus(p.scope, item)
		return w.inPlace(ctx, p, item, at, 0)
	case p.iter == iterForEach:
		return noRow, nil
	}
	w.zeroIndexes(p, w.b.cells[at:], p.lo)
	return singleRow, nil
}
