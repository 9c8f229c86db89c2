package runner

import (
	"io"
	"iter"
	"slices"
)

// Result holds the collected rows of a run. It never changes, and any number of goroutines may use it.
type Result struct {
	view    *View
	batches []*batch
	starts  []int // index of the first row of each batch
	rows    int
	bytes   int64
	stats   Stats
	cached  bool
}

// View returns the view that ran.
func (r *Result) View() *View { return r.view }

// Len returns the number of rows.
func (r *Result) Len() int { return r.rows }

// Bytes returns the size of the rows in memory.
func (r *Result) Bytes() int64 { return r.bytes }

// Stats returns the figures of the run that read the rows.
func (r *Result) Stats() Stats { return r.stats }

// Cached tells whether the rows came from the cache.
func (r *Result) Cached() bool { return r.cached }

// Row returns row i. It panics if i is not in 0..Len-1.
func (r *Result) Row(i int) Row {
	k, exact := slices.BinarySearch(r.starts, i)
	if !exact {
		k--
	}
	b, i := r.batches[k], i-r.starts[k]
	if i >= b.Rows {
		panic("runner: row index out of range")
	}
	return Row{b: b, i: i}
}

// Rows yields all rows in order.
func (r *Result) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for _, b := range r.batches {
			for i := range b.Rows {
				if !yield(Row{b: b, i: i}) {
					return
				}
			}
		}
	}
}

// Maps returns every row as a new map ([Row.Map]).
func (r *Result) Maps() []map[string]any {
	list := make([]map[string]any, 0, r.rows)
	for row := range r.Rows() {
		list = append(list, row.Map())
	}
	return list
}

// WriteCSV writes all rows as CSV ([NewCSVWriter]).
func (r *Result) WriteCSV(w io.Writer, opts ...CSVOption) error {
	return r.Write(NewCSVWriter(w, opts...))
}

// WriteNDJSON writes all rows as JSON objects, one per line.
func (r *Result) WriteNDJSON(w io.Writer) error { return r.Write(NewNDJSONWriter(w)) }

// WriteJSON writes all rows as one JSON array.
func (r *Result) WriteJSON(w io.Writer) error { return r.Write(NewJSONWriter(w)) }

// Write writes all rows to a writer: [Writer.Begin], the rows, [Writer.Close].
func (r *Result) Write(w Writer) error {
	if err := w.Begin(r.view.columns); err != nil {
		return err
	}
	for row := range r.Rows() {
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Close()
}

// add appends the rows of a batch, which belongs to the result from then on.
func (r *Result) add(b *batch) {
	if b.Rows == 0 {
		return
	}
	r.starts = append(r.starts, r.rows)
	r.batches = append(r.batches, b)
	r.rows += b.Rows
	r.bytes += b.size()
}
