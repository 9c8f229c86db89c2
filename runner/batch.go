package runner

import (
	"fmt"
	"math"

	"github.com/researchflow/researchflow/internal/rows"
)

// batch holds the rows of a block of the source. Once delivered it does not change until it is recycled. A batch is
// recycled only if nobody may keep its rows.
type batch struct {
	rows.Table
	view *View

	// For the run.
	index int64   // number of the block that the rows come from
	blk   *block  // owner of Source, released with the batch; nil if nothing is to be released
	kept  bool    // the batch must not be recycled: somebody may keep its rows
	bytes int64   // number of bytes of the block
	ends  []int32 // number of rows after each resource of the view's type
	skips []skip
	err   error  // the error that ends the run after the last row
	out   []byte // the rows as the writer's encoder wrote them
}

// skip is a skipped resource: number ordinal of those in ends.
type skip struct {
	ordinal int
	err     *RunError
}

// row returns the cells of row i.
func (b *batch) row(i int) []rows.Cell {
	w := b.view.width
	return b.Cells[i*w : (i+1)*w : (i+1)*w]
}

// size returns the size of a batch in memory.
func (b *batch) size() int64 { return b.Size() + int64(cap(b.out)) + 128 }

// reset empties a batch and keeps its memory.
func (b *batch) reset() {
	clear(b.skips)
	b.Reset()
	*b = batch{Table: b.Table, view: b.view, ends: b.ends[:0], skips: b.skips[:0], out: b.out[:0]}
}

// compact returns a copy of a batch that has only the text that its rows need, and does not refer to the source.
func (b *batch) compact() *batch {
	if b.TextSize() > math.MaxUint32 { // many rows that each repeat a long text
		err := fmt.Errorf("runner: %s: %w: the rows of some resources have more than 4 GiB", b.view.label(), ErrLimit)
		return &batch{view: b.view, kept: true, index: b.index, bytes: b.bytes, err: err}
	}
	return &batch{
		Table: b.Compact(), view: b.view, kept: true, index: b.index, bytes: b.bytes, err: b.err,
		ends: append([]int32(nil), b.ends...), skips: append([]skip(nil), b.skips...),
	}
}

// truncate keeps the first n resources.
func (b *batch) truncate(n int) {
	rows := 0
	if n > 0 {
		rows = int(b.ends[n-1])
	}
	b.ends = b.ends[:n]
	b.drop(rows)
}

// truncateRows keeps the first n rows, and the resources that gave them.
func (b *batch) truncateRows(n int) {
	k := 0
	for k < len(b.ends) && int(b.ends[k]) < n {
		k++
	}
	b.ends = b.ends[:min(k+1, len(b.ends))]
	b.drop(n)
}

// drop keeps the first rows. It drops all others, and skips and errors that came after them.
func (b *batch) drop(rows int) {
	b.Rows, b.err = rows, nil
	b.Cells = b.Cells[:rows*b.view.width]
	for len(b.skips) > 0 && b.skips[len(b.skips)-1].ordinal >= len(b.ends) {
		b.skips = b.skips[:len(b.skips)-1]
	}
}
