package runner

import (
	"encoding/json"
	"strconv"
	"unsafe"

	"github.com/researchflow/researchflow/internal/rows"
)

// Kind is the type of a [Value].
type Kind uint8

// The kinds of values. Dates, times and quantities' texts are strings.
const (
	KindNull    = Kind(rows.Null)
	KindBoolean = Kind(rows.Boolean) // true or false
	KindInteger = Kind(rows.Integer) // a whole number; its text is the source's
	KindDecimal = Kind(rows.Decimal) // a number; its text is the source's, 6.50 stays 6.50
	KindString  = Kind(rows.String)  // text
	KindObject  = Kind(rows.Object)  // a JSON object
	KindList    = Kind(rows.List)    // values of a collection column
)

// String returns the kind in one word.
func (k Kind) String() string { return rows.Kind(k).String() }

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
	return Value{t: &r.b.Table, c: r.b.row(r.i)[i]}
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
	cells := r.b.row(r.i)
	for i, c := range cells {
		dst = append(dst, r.b.view.jsonKeys[i]...) // `{"name":` for the first, `,"name":` for others
		dst = r.b.AppendJSON(dst, c)
	}
	if len(cells) == 0 {
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
	one := &batch{view: r.b.view, Table: rows.Table{Rows: 1}}
	for _, c := range r.b.row(r.i) {
		one.Cells = append(one.Cells, one.Copy(&r.b.Table, c))
	}
	return Row{b: one}
}

// Value is one value of a row. The zero Value is null. It is valid as long as its [Row].
type Value struct {
	t *rows.Table
	c rows.Cell
}

// Kind returns the value's type.
func (v Value) Kind() Kind { return Kind(v.c.Kind) }

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v.c.Kind == rows.Null }

// Bool returns a boolean, and false, false for any other kind.
func (v Value) Bool() (value, ok bool) {
	return v.c.Flags&rows.True != 0, v.c.Kind == rows.Boolean
}

// Int returns an integer, and false for any other kind or if int64 cannot hold it.
func (v Value) Int() (int64, bool) {
	if v.c.Kind != rows.Integer {
		return 0, false
	}
	n, err := strconv.ParseInt(text(v.t.Text(v.c)), 10, 64)
	return n, err == nil
}

// Float returns an integer or decimal as the nearest float64, and false for any other kind. Use
// [Value.String] for the exact text.
func (v Value) Float() (float64, bool) {
	if v.c.Kind != rows.Integer && v.c.Kind != rows.Decimal {
		return 0, false
	}
	f, err := strconv.ParseFloat(text(v.t.Text(v.c)), 64)
	return f, err == nil
}

// Len returns the number of values of a list, and 0 for any other kind.
func (v Value) Len() int {
	if v.c.Kind != rows.List {
		return 0
	}
	return int(v.c.Len)
}

// Index returns value i of a list. It panics if i is not in 0..Len-1.
func (v Value) Index(i int) Value {
	if i < 0 || i >= v.Len() {
		panic("runner: list index out of range")
	}
	return Value{t: v.t, c: v.t.Items[int(v.c.Start)+i]}
}

// String returns the value's text: "" for null, numbers as in the source, JSON for lists and objects.
func (v Value) String() string {
	switch v.c.Kind {
	case rows.Null:
		return ""
	case rows.Boolean:
		if v.c.Flags&rows.True != 0 {
			return "true"
		}
		return "false"
	}
	return string(v.AppendText(nil))
}

// AppendText appends [Value.String] to dst.
func (v Value) AppendText(dst []byte) []byte {
	if v.c.Kind == rows.Null {
		return dst
	}
	return v.t.AppendText(dst, v.c)
}

// AppendJSON appends the value as JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.c.Kind == rows.Null {
		return append(dst, "null"...)
	}
	return v.t.AppendJSON(dst, v.c)
}

// MarshalJSON returns [Value.AppendJSON].
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// Any returns the value as nil, bool, int64, [json.Number] (decimals, and integers that int64 cannot hold), string,
// []any or, for objects, [json.RawMessage].
func (v Value) Any() any {
	switch v.c.Kind {
	case rows.Boolean:
		return v.c.Flags&rows.True != 0
	case rows.Integer:
		if n, ok := v.Int(); ok {
			return n
		}
		return json.Number(v.String())
	case rows.Decimal:
		return json.Number(v.String())
	case rows.String:
		return v.String()
	case rows.Object:
		return json.RawMessage(v.AppendJSON(nil))
	case rows.List:
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
