package runner

import (
	"fmt"
	"math"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// appendRow appends a copy of a row to a batch of the same view.
func (b *batch) appendRow(r Row) {
	w := b.view.width
	for _, c := range r.b.cells[r.i*w : (r.i+1)*w] {
		b.cells = append(b.cells, b.copyCell(r.b, c))
	}
	b.rows++
}

// copyCell copies the bytes that a cell of another batch refers to, and returns the cell that refers to the copy.
func (b *batch) copyCell(from *batch, c cell) cell {
	switch c.kind {
	case KindNull, KindBoolean:
		return c
	case KindList:
		first := uint32(len(b.items))
		for i := range c.n {
			// Items are never lists themselves, so nothing is appended between them.
			b.items = append(b.items, b.copyCell(from, from.items[c.off+i]))
		}
		c.off = first
		return c
	}
	text := from.text(c)
	c.off = uint32(len(b.arena))
	c.flags &^= inSource
	b.arena = append(b.arena, text...)
	return c
}

// appendText appends a cell's text: JSON for lists and objects.
func (b *batch) appendText(dst []byte, c cell) []byte {
	switch {
	case c.kind == KindString && c.flags&escaped != 0:
		return fhirjson.AppendUnescaped(dst, b.text(c))
	case c.kind == KindString:
		return append(dst, b.text(c)...)
	case c.kind == KindNull:
		return dst
	}
	return b.appendJSON(dst, c)
}

// appendJSON appends a cell as JSON.
func (b *batch) appendJSON(dst []byte, c cell) []byte {
	switch c.kind {
	case KindBoolean:
		if c.flags&isTrue != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case KindInteger, KindDecimal, KindObject:
		return append(dst, b.text(c)...)
	case KindString:
		if c.flags&(escaped|inSource) != 0 {
			// Inside of a JSON string already: as it stands in the source.
			dst = append(dst, '"')
			dst = append(dst, b.text(c)...)
			return append(dst, '"')
		}
		return appendQuoted(dst, b.text(c))
	case KindList:
		dst = append(dst, '[')
		for i, item := range b.items[c.off : c.off+c.n] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = b.appendJSON(dst, item)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends text as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// size returns the memory that a batch takes.
func (b *batch) size() int64 {
	return int64(cap(b.src)) + int64(cap(b.arena)) + int64(cap(b.out)) + 12*int64(cap(b.cells)+cap(b.items)) + 128
}

// reset empties a batch and keeps its memory.
func (b *batch) reset() {
	clear(b.skips)
	*b = batch{
		view: b.view, arena: b.arena[:0], cells: b.cells[:0], items: b.items[:0], ends: b.ends[:0], skips: b.skips[:0],
		out: b.out[:0],
	}
}

// compact returns a copy of a batch that holds what the rows need and no more, and nothing of the source.
func (b *batch) compact() *batch {
	size := int64(0)
	for _, list := range [...][]cell{b.cells, b.items} {
		for _, c := range list {
			if c.kind != KindList {
				size += int64(c.n)
			}
		}
	}
	if size > math.MaxUint32 { // many rows that each repeat a long text
		err := fmt.Errorf("runner: %s: %w: the rows of some resources have more than 4 GiB", b.view.label(), ErrLimit)
		return &batch{view: b.view, kept: true, index: b.index, bytes: b.bytes, err: err}
	}
	k := &batch{
		view: b.view, rows: b.rows, kept: true, index: b.index, bytes: b.bytes, err: b.err,
		arena: make([]byte, 0, size), cells: make([]cell, len(b.cells)), items: make([]cell, len(b.items)),
		ends: append([]int32(nil), b.ends...), skips: append([]skip(nil), b.skips...),
	}
	for i, c := range b.items {
		k.items[i] = k.moved(b, c)
	}
	for i, c := range b.cells {
		k.cells[i] = k.moved(b, c)
	}
	return k
}

// moved copies the text of a cell of another batch with the same items.
func (b *batch) moved(from *batch, c cell) cell {
	if c.kind == KindList {
		return c
	}
	return b.copyCell(from, c)
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

// truncateRows keeps the first n rows, and of the resources those that gave them.
func (b *batch) truncateRows(n int) {
	k := 0
	for k < len(b.ends) && int(b.ends[k]) < n {
		k++
	}
	b.ends = b.ends[:min(k+1, len(b.ends))]
	b.drop(n)
}

// drop keeps the first rows, without what came behind them.
func (b *batch) drop(rows int) {
	b.rows, b.err = rows, nil
	b.cells = b.cells[:rows*b.view.width]
	for len(b.skips) > 0 && b.skips[len(b.skips)-1].ordinal >= len(b.ends) {
		b.skips = b.skips[:len(b.skips)-1]
	}
}
