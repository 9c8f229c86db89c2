package parquet

import (
	"errors"
	"fmt"
	"io"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/researchflow/researchflow/runner"
)

// ErrValue is wrapped by errors about a value that its column's type cannot hold exactly. The error names the column
// and its type.
var ErrValue = errors.New("value does not fit the column's type")

// Defaults of the options.
const (
	DefaultRowGroupRows  = 1 << 17
	DefaultRowGroupBytes = 32 << 20
)

// Option changes how a [Writer] writes.
type Option func(*Writer)

// RowGroup limits the size of a row group: its rows, and the bytes of its values before they are encoded. The Writer
// holds one row group in memory. 0 means the default.
func RowGroup(rows, bytes int) Option {
	return func(w *Writer) {
		if rows > 0 {
			w.groupRows = rows
		}
		if bytes > 0 {
			w.groupBytes = bytes
		}
	}
}

// DatesAsText stores columns of FHIR type date as text, so that dates without a month or a day can be written. A DATE
// tag still takes precedence.
func DatesAsText() Option { return func(w *Writer) { w.datesAsText = true } }

// Writer writes rows as one Parquet file, compressed with zstd, a row group at a time. One goroutine at a time may
// use it.
type Writer struct {
	out                   io.Writer
	groupRows, groupBytes int
	datesAsText           bool

	pw      *pq.GenericWriter[any]
	columns []runner.Column
	types   []columnType
	values  [][]pq.Value // by column: the values of rows not yet passed to pw
	marks   []int        // by column: the number of values before the current row
	rows    int          // rows not yet passed to pw
	arena   []byte       // texts of values
	scratch []byte
	bytes   int // size of the current row group, pending values included
	count   int // rows of the current row group
	closed  bool
}

var _ runner.Writer = (*Writer)(nil)

// batchRows is how many rows are passed to the library at once. Pages end only between batches.
const batchRows = 128

// NewWriter returns a writer of one Parquet file to out.
func NewWriter(out io.Writer, opts ...Option) *Writer {
	w := &Writer{out: out, groupRows: DefaultRowGroupRows, groupBytes: DefaultRowGroupBytes}
	for _, opt := range opts {
		opt(w)
	}
	return w
}

// Begin sets the schema. It fails if there are no columns, since Parquet has no rows without columns.
func (w *Writer) Begin(columns []runner.Column) error {
	if len(columns) == 0 {
		return errors.New("parquet: the view has no columns")
	}
	root := newGroup()
	w.columns, w.types = columns, make([]columnType, len(columns))
	w.values, w.marks = make([][]pq.Value, len(columns)), make([]int, len(columns))
	for i, c := range columns {
		w.types[i] = typeOf(c, w.datesAsText)
		root.add(c.Name, w.types[i].node)
	}
	w.pw = pq.NewGenericWriter[any](w.out,
		pq.NewSchema("view", root),
		pq.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		pq.CreatedBy("github.com/researchflow/researchflow", "", ""),
		pq.MaxRowsPerRowGroup(int64(w.groupRows)),
		pq.DataPageStatistics(false), // the column index has them
	)
	return nil
}

// Write takes one row. If a column's type cannot hold the value, the error names the column but not the value.
func (w *Writer) Write(row runner.Row) error {
	arena, values := len(w.arena), 0
	for i, list := range w.values {
		w.marks[i] = len(list)
	}
	for i := range w.types {
		list, ok := w.cell(w.values[i], i, row.Value(i))
		if !ok {
			for j := range i {
				w.values[j] = w.values[j][:w.marks[j]]
			}
			return fmt.Errorf("parquet: column %s of type %s: %w", w.columns[i].Name, typeName(w.types[i]), ErrValue)
		}
		w.values[i] = list
		values += len(list) - w.marks[i]
	}
	w.bytes += len(w.arena) - arena + 8*values
	w.count++
	w.rows++
	if w.rows >= batchRows || w.count >= w.groupRows || w.bytes >= w.groupBytes {
		return w.flush()
	}
	return nil
}

func typeName(t columnType) string {
	if t.list {
		return "LIST"
	}
	return t.node.Type().String()
}

// cell appends the values of one column.
func (w *Writer) cell(values []pq.Value, i int, v runner.Value) ([]pq.Value, bool) {
	t := &w.types[i]
	if !t.list {
		if v.IsNull() {
			return append(values, pq.NullValue().Level(0, 0, i)), true
		}
		x, ok := t.value(w, v)
		return append(values, x.Level(0, 1, i)), ok
	}
	// Levels of optional list (repeated group (optional element)): 0 null, 1 empty, 2 null element, 3 element.
	if v.IsNull() {
		return append(values, pq.NullValue().Level(0, 0, i)), true
	}
	if v.Len() == 0 {
		return append(values, pq.NullValue().Level(0, 1, i)), true
	}
	for j := range v.Len() {
		repetition := 0
		if j > 0 {
			repetition = 1
		}
		item := v.Index(j)
		if item.IsNull() {
			values = append(values, pq.NullValue().Level(repetition, 2, i))
			continue
		}
		x, ok := t.value(w, item)
		if !ok {
			return values, false
		}
		values = append(values, x.Level(repetition, 3, i))
	}
	return values, true
}

// flush passes the pending values to the library, and ends the row group if it is full.
func (w *Writer) flush() error {
	if w.rows > 0 {
		for i, column := range w.pw.ColumnWriters() {
			if _, err := column.WriteRowValues(w.values[i]); err != nil {
				return fmt.Errorf("parquet: %w", err)
			}
			w.values[i] = w.values[i][:0]
		}
	}
	w.rows, w.arena = 0, w.arena[:0]
	if w.bytes >= w.groupBytes || w.count >= w.groupRows {
		w.bytes, w.count = 0, 0
		if err := w.pw.Flush(); err != nil {
			return fmt.Errorf("parquet: %w", err)
		}
	}
	return nil
}

// Close writes the pending rows and the footer, without which the file cannot be read. It does not close the
// underlying writer. A second call does nothing.
func (w *Writer) Close() error {
	if w.closed || w.pw == nil {
		return nil
	}
	w.closed = true
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.pw.Close(); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	return nil
}
