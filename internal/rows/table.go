package rows

import (
	"strconv"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// Table holds rows: their cells one row after the other, and the bytes that the cells refer to.
type Table struct {
	Source []byte // what resources are read from; see InSource
	Arena  []byte
	Cells  []Cell
	Items  []Cell // values of lists
	Rows   int
}

// Mark is the size of a table at one time.
type Mark struct{ rows, cells, items, arena int }

// Mark returns the table's size, for [Table.Undo].
func (t *Table) Mark() Mark { return Mark{t.Rows, len(t.Cells), len(t.Items), len(t.Arena)} }

// Undo takes back everything since a mark.
func (t *Table) Undo(m Mark) {
	t.Rows = m.rows
	t.Cells = t.Cells[:m.cells]
	t.Items = t.Items[:m.items]
	t.Arena = t.Arena[:m.arena]
}

// Reset empties the table and keeps its memory, but not the source.
func (t *Table) Reset() {
	*t = Table{Arena: t.Arena[:0], Cells: t.Cells[:0], Items: t.Items[:0]}
}

// Size returns the memory that the table uses, in bytes.
func (t *Table) Size() int64 {
	const cell = int64(unsafe.Sizeof(Cell{}))
	return int64(cap(t.Source)) + int64(cap(t.Arena)) + cell*int64(cap(t.Cells)+cap(t.Items))
}

// Text returns the bytes that a cell refers to. A list and a Boolean have none.
func (t *Table) Text(c Cell) []byte {
	from := t.Arena
	if c.Flags&InSource != 0 {
		from = t.Source
	}
	return from[c.Start : c.Start+c.Len : c.Start+c.Len]
}

// Copy copies a cell of another table, and what it refers to, into the table, and returns the copy. The copy is not yet
// in Cells.
func (t *Table) Copy(from *Table, c Cell) Cell {
	switch c.Kind {
	case Null, Boolean:
		return c
	case List:
		first := uint32(len(t.Items))
		for i := range c.Len {
			// Items are never lists themselves, so nothing is appended between them.
			t.Items = append(t.Items, t.Copy(from, from.Items[c.Start+i]))
		}
		c.Start = first
		return c
	}
	text := from.Text(c)
	c.Start = uint32(len(t.Arena))
	c.Flags &^= InSource
	t.Arena = append(t.Arena, text...)
	return c
}

// TextSize returns the number of bytes that all cells refer to.
func (t *Table) TextSize() int64 {
	size := int64(0)
	for _, list := range [...][]Cell{t.Cells, t.Items} {
		for _, c := range list {
			if c.Kind != List {
				size += int64(c.Len)
			}
		}
	}
	return size
}

// Compact returns a copy of the table that holds what its rows need, and refers to nothing else.
func (t *Table) Compact() Table {
	k := Table{
		Rows: t.Rows, Arena: make([]byte, 0, t.TextSize()),
		Cells: make([]Cell, len(t.Cells)), Items: make([]Cell, len(t.Items)),
	}
	for i, c := range t.Items {
		k.Items[i] = k.Copy(t, c)
	}
	for i, c := range t.Cells {
		if c.Kind != List { // the items of lists keep their places
			c = k.Copy(t, c)
		}
		k.Cells[i] = c
	}
	return k
}

// AppendText appends a cell's text: nothing for null, JSON for lists and objects.
func (t *Table) AppendText(dst []byte, c Cell) []byte {
	switch {
	case c.Kind == String && c.Flags&Escaped != 0:
		return fhirjson.AppendUnescaped(dst, t.Text(c))
	case c.Kind == String:
		return append(dst, t.Text(c)...)
	case c.Kind == Null:
		return dst
	}
	return t.AppendJSON(dst, c)
}

// AppendJSON appends a cell as JSON.
func (t *Table) AppendJSON(dst []byte, c Cell) []byte {
	switch c.Kind {
	case Boolean:
		return strconv.AppendBool(dst, c.Flags&True != 0)
	case Integer, Decimal, Object:
		return append(dst, t.Text(c)...)
	case String:
		if c.Flags&(Escaped|InSource) != 0 {
			// The inside of a JSON string already, as it is in the source.
			dst = append(dst, '"')
			dst = append(dst, t.Text(c)...)
			return append(dst, '"')
		}
		return appendQuoted(dst, t.Text(c))
	case List:
		dst = append(dst, '[')
		for i, item := range t.Items[c.Start : c.Start+c.Len] {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = t.AppendJSON(dst, item)
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

// integer makes a cell of a number.
func (t *Table) integer(n int) Cell { return t.made(Integer, strconv.AppendInt(t.Arena, int64(n), 10)) }

// made makes a cell of what was appended to the arena.
func (t *Table) made(k Kind, arena []byte) Cell {
	start := len(t.Arena)
	t.Arena = arena
	return Cell{Kind: k, Start: uint32(start), Len: uint32(len(arena) - start)}
}

// text makes a cell of bytes. Those that are part of the source are not copied.
func (t *Table) text(k Kind, raw []byte) Cell {
	if at, ok := within(t.Source, raw); ok {
		return Cell{Kind: k, Start: at, Len: uint32(len(raw)), Flags: InSource}
	}
	return t.made(k, append(t.Arena, raw...))
}

// list makes the cell of a collection column from the items since first.
func (t *Table) list(first int) Cell {
	return Cell{Kind: List, Start: uint32(first), Len: uint32(len(t.Items) - first)}
}

// within returns the offset of part in whole, if part is a piece of it.
func within(whole, part []byte) (offset uint32, ok bool) {
	if len(whole) == 0 || len(part) == 0 {
		return 0, false
	}
	// Both slices are alive; only their addresses are compared.
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	return uint32(at), at < uintptr(len(whole)) && at+uintptr(len(part)) <= uintptr(len(whole))
}
