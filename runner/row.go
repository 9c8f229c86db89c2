package runner

import (
	"encoding/json"
	"strconv"
	"unsafe"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values. Dates, times and quantities' texts are strings.
const (
	KindNull    Kind = iota
	KindBoolean      // true or false
	KindInteger      // a whole number; its text is the source's
	KindDecimal      // a number; its text is the source's, 6.50 stays 6.50
	KindString       // text
	KindObject       // a JSON object
	KindList         // values of a collection column
)

// String returns the kind in one word.
func (k Kind) String() string {
	names := [...]string{"null", "boolean", "integer", "decimal", "string", "object", "list"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// cell is one value of a batch: its kind, and where its text is.
type cell struct {
	off, n uint32 // offset and length of the text in batch.arena or batch.src; for a list, of its cells in batch.items
	kind   Kind
	flags  cellFlags
}

type cellFlags uint8

const (
	inSource cellFlags = 1 << iota // the text is in batch.src, not in batch.arena
	escaped                        // the text is that of a JSON string with escapes
	isTrue                         // boolean true
)

// batch holds rows: their cells, row by row, and the bytes that the cells refer to. Once delivered it does not change
// until it is recycled. A batch is recycled only if nobody may keep its rows.
type batch struct {
	view  *View
	src   []byte
	arena []byte
	cells []cell
	items []cell // values of lists
	rows  int

	// For the run.
	index int64   // number of the block that the rows come from
	blk   *block  // owner of src, released with the batch; nil if nothing is to be released
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

func (b *batch) text(c cell) []byte {
	if c.flags&inSource != 0 {
		return b.src[c.off : c.off+c.n : c.off+c.n]
	}
	return b.arena[c.off : c.off+c.n : c.off+c.n]
}

// Row is one row of a view: values by position, in the order of [View.Columns]. The zero Row has no values.
//
// A row from an iterator or a [Result] never changes. It may be kept, and any number of goroutines may read it. It
// keeps its whole batch, a few hundred rows, in memory; a [Row.Clone] does not. A row passed to a [Writer] is valid
// only during that call.
type Row struct {
	b *batch
	i int
}

// Len returns the number of values.
func (r Row) Len() int {
	if r.b == nil {
		return 0
	}
	return r.b.view.width
}

// Columns returns the columns of the row's view. The slice is shared: do not change it.
func (r Row) Columns() []Column {
	if r.b == nil {
		return nil
	}
	return r.b.view.columns
}

// Value returns value i. It panics if i is not in 0..Len-1, as an index expression does.
func (r Row) Value(i int) Value {
	w := r.b.view.width
	return Value{b: r.b, c: r.b.cells[r.i*w : (r.i+1)*w : (r.i+1)*w][i]}
}

// Get returns the value of the column with that name, and false if there is none.
func (r Row) Get(name string) (Value, bool) {
	if r.b != nil {
		if i, ok := r.b.view.byName[name]; ok {
			return r.Value(i), true
		}
	}
	return Value{}, false
}

// Map returns the row as a new map from column name to [Value.Any].
func (r Row) Map() map[string]any {
	m := make(map[string]any, r.Len())
	for i, c := range r.Columns() {
		m[c.Name] = r.Value(i).Any()
	}
	return m
}

// AppendJSON appends the row as a JSON object: all members, null included, in the order of the columns.
func (r Row) AppendJSON(dst []byte) []byte {
	if r.b == nil {
		return append(dst, "{}"...)
	}
	w := r.b.view.width
	for i, c := range r.b.cells[r.i*w : (r.i+1)*w] {
		dst = append(dst, r.b.view.jsonKeys[i]...) // `{"name":` for the first, `,"name":` for others
		dst = r.b.appendJSON(dst, c)
	}
	if w == 0 {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// MarshalJSON returns [Row.AppendJSON].
func (r Row) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// Clone returns a copy of the row that shares no memory with its batch.
func (r Row) Clone() Row {
	if r.b == nil {
		return r
	}
	one := &batch{view: r.b.view}
	one.appendRow(r)
	return Row{b: one}
}

// Value is one value of a row. The zero Value is null. It is valid as long as its [Row].
type Value struct {
	b *batch
	c cell
}

// Kind returns the value's type.
func (v Value) Kind() Kind { return v.c.kind }

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v.c.kind == KindNull }

// Bool returns a boolean, and false, false for any other kind.
func (v Value) Bool() (value, ok bool) {
	return v.c.flags&isTrue != 0, v.c.kind == KindBoolean
}

// Int returns an integer, and false for any other kind or if int64 cannot hold it.
func (v Value) Int() (int64, bool) {
	if v.c.kind != KindInteger {
		return 0, false
	}
	n, err := strconv.ParseInt(text(v.b.text(v.c)), 10, 64)
	return n, err == nil
}

// Float returns an integer or decimal as the nearest float64, and false for any other kind. Use
// [Value.String] for the exact text.
func (v Value) Float() (float64, bool) {
	if v.c.kind != KindInteger && v.c.kind != KindDecimal {
		return 0, false
	}
	f, err := strconv.ParseFloat(text(v.b.text(v.c)), 64)
	return f, err == nil
}

// Len returns the number of values of a list, and 0 for any other kind.
func (v Value) Len() int {
	if v.c.kind != KindList {
		return 0
	}
	return int(v.c.n)
}

// Index returns value i of a list. It panics if i is not in 0..Len-1.
func (v Value) Index(i int) Value {
	if i < 0 || i >= v.Len() {
		panic("runner: list index out of range")
	}
	return Value{b: v.b, c: v.b.items[int(v.c.off)+i]}
}

// String returns the value's text: "" for null, numbers as in the source, JSON for lists and objects.
func (v Value) String() string {
	switch v.c.kind {
	case KindNull:
		return ""
	case KindBoolean:
		if v.c.flags&isTrue != 0 {
			return "true"
		}
		return "false"
	}
	return string(v.AppendText(nil))
}

// AppendText appends [Value.String] to dst.
func (v Value) AppendText(dst []byte) []byte {
	if v.c.kind == KindNull {
		return dst
	}
	return v.b.appendText(dst, v.c)
}

// AppendJSON appends the value as JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.c.kind == KindNull {
		return append(dst, "null"...)
	}
	return v.b.appendJSON(dst, v.c)
}

// MarshalJSON returns [Value.AppendJSON].
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// Any returns the value as nil, bool, int64, [json.Number] (decimals, and integers that int64 cannot hold), string,
// []any or, for objects, [json.RawMessage].
func (v Value) Any() any {
	switch v.c.kind {
	case KindBoolean:
		return v.c.flags&isTrue != 0
	case KindInteger:
		if n, ok := v.Int(); ok {
			return n
		}
		return json.Number(v.String())
	case KindDecimal:
		return json.Number(v.String())
	case KindString:
		return v.String()
	case KindObject:
		return json.RawMessage(v.AppendJSON(nil))
	case KindList:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Any()
		}
		return list
	}
	return nil
}

// text returns bytes as a string without copying them. Use it only for the argument of a call that does not keep it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
