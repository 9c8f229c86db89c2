package runner

// Writer takes the rows of a run. One goroutine at a time may use it.
type Writer interface {
	// Begin is called once, before the first row, even if there are no rows.
	Begin(columns []Column) error
	// Write takes one row. The row is valid only during the call; a [Row.Clone] may be kept.
	Write(row Row) error
	// Close ends the output and flushes it. It does not close an underlying io.Writer.
	Close() error
}

// encoder is a Writer whose work can be divided: the workers call encode, at the same time on different batches, and the
// goroutine that called the run calls emit, in order. The output is the same as that of Write.
type encoder interface {
	Writer
	// encode appends rows from (inclusive) to (exclusive) of a batch. It must not change the writer.
	encode(dst []byte, b *batch, from, to int) []byte
	// emit writes what encode returned.
	emit(p []byte) error
}

var (
	_ encoder = (*CSVWriter)(nil)
	_ encoder = (*NDJSONWriter)(nil)
	_ encoder = (*JSONWriter)(nil)
)
