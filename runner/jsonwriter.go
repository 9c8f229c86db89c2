package runner

import "io"

// NDJSONWriter writes each row as a JSON object on a line that ends in "\n". Members are in the view's order, null
// included; numbers are written as in the source. One goroutine at a time may use it.
type NDJSONWriter struct{ output }

// NewNDJSONWriter returns a writer of NDJSON to w. It writes in blocks; [NDJSONWriter.Close] flushes the last one.
func NewNDJSONWriter(w io.Writer) *NDJSONWriter { return &NDJSONWriter{output{out: w}} }

// Begin does nothing.
func (w *NDJSONWriter) Begin([]Column) error { return nil }

// Write writes one row.
func (w *NDJSONWriter) Write(row Row) error {
	w.buf = append(row.AppendJSON(w.buf), '\n')
	return w.flush(writeBlock)
}

// Close flushes the buffer. It does not close the underlying writer.
func (w *NDJSONWriter) Close() error { return w.flush(0) }

// encode implements encoder.
func (w *NDJSONWriter) encode(dst []byte, b *batch, from, to int) []byte {
	for i := from; i < to; i++ {
		dst = append(Row{b: b, i: i}.AppendJSON(dst), '\n')
	}
	return dst
}

// JSONWriter writes rows as one JSON array of objects, each on its own line. One goroutine at a time may use it.
type JSONWriter struct {
	output
	begun bool // the first row has been written
}

// NewJSONWriter returns a writer of a JSON array to w. It writes in blocks; [JSONWriter.Close] ends the array and
// flushes the last one.
func NewJSONWriter(w io.Writer) *JSONWriter { return &JSONWriter{output: output{out: w}} }

// Begin opens the array.
func (w *JSONWriter) Begin([]Column) error {
	w.buf, w.begun = append(w.buf[:0], '['), false
	return nil
}

// Write writes one row.
func (w *JSONWriter) Write(row Row) error {
	w.buf = row.AppendJSON(append(w.buf, w.separator()...))
	return w.flush(writeBlock)
}

// Close ends the array and flushes the buffer. It does not close the underlying writer.
func (w *JSONWriter) Close() error {
	if w.begun {
		w.buf = append(w.buf, '\n')
	}
	w.buf = append(w.buf, ']', '\n')
	return w.flush(0)
}

const jsonSeparator = ",\n"

func (w *JSONWriter) separator() string {
	if w.begun {
		return jsonSeparator
	}
	w.begun = true
	return jsonSeparator[1:]
}

// encode implements encoder. It writes a separator before every row; emit drops the one before the first row.
func (w *JSONWriter) encode(dst []byte, b *batch, from, to int) []byte {
	for i := from; i < to; i++ {
		dst = Row{b: b, i: i}.AppendJSON(append(dst, jsonSeparator...))
	}
	return dst
}

// emit implements encoder.
func (w *JSONWriter) emit(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	w.buf = append(w.buf, w.separator()...)
	return w.output.emit(p[len(jsonSeparator):])
}
