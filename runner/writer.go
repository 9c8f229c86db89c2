package runner

import "io"

// Writer takes the rows of a run. One goroutine at a time may use it.
type Writer interface {
	// Begin is called once, before the first row, even if there are no rows.
	Begin(columns []Column) error
	// Write takes one row. The row is valid only during the call; a [Row.Clone] may be kept.
	Write(row Row) error
	// Close ends the output and flushes it. It does not close an underlying io.Writer.
	Close() error
}

// encoder is a Writer whose work can be divided: the workers call encode, at the same time on different batches, and
// the goroutine that called the run calls emit, in order. The output is the same as that of Write.
type encoder interface {
	Writer
	// encode appends rows from (inclusive) to (exclusive) of a batch. It must not change the writer.
	encode(dst []byte, b *batch, from, to int) []byte
	// emit writes what encode returned.
	emit(p []byte) error
}

// writeBlock is how many bytes the writers buffer before they write.
const writeBlock = 64 << 10

// output is the buffered output of a writer.
type output struct {
	out io.Writer
	buf []byte
}

// flush writes the buffer if it holds at least so many bytes.
func (o *output) flush(least int) error {
	if len(o.buf) < least || len(o.buf) == 0 {
		return nil
	}
	_, err := o.out.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// emit implements encoder.
func (o *output) emit(p []byte) error {
	if err := o.flush(0); err != nil {
		return err
	}
	_, err := o.out.Write(p)
	return err
}

var (
	_ encoder = (*CSVWriter)(nil)
	_ encoder = (*NDJSONWriter)(nil)
	_ encoder = (*JSONWriter)(nil)
)
