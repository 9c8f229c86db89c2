package runner

// Writer takes the rows of a run. One goroutine at a time may use it.
type Writer interface {
	// Begin is called once, before the first row, also where there will be no rows.
	Begin(columns []Column) error
	// Write takes one row. The row is good during the call only; [Row.Clone] keeps it.
	Write(row Row) error
	// Close ends the output and flushes it. It does not close an underlying io.Writer.
	Close() error
}

// encoder is a Writer that can be split in two: encode is called by the workers, at the same time on different
// batches, and emit by the goroutine that owns the writer, in order. Any number of rows gives what Write gives.
type encoder interface {
	Writer
	// encode appends rows from..to of a batch. It must not change the writer.
	encode(dst []byte, b *batch, from, to int) []byte
	// emit writes what encode gave.
	emit(p []byte) error
}

var (
	_ encoder = (*CSVWriter)(nil)
	_ encoder = (*NDJSONWriter)(nil)
	_ encoder = (*JSONWriter)(nil)
)
