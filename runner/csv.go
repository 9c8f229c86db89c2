package runner

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"github.com/researchflow/researchflow/internal/rows"
)

// CSVOption changes how CSV is written.
type CSVOption func(*CSVWriter)

// CSVHeader decides whether the first line holds the columns' names. By default it does.
func CSVHeader(on bool) CSVOption { return func(w *CSVWriter) { w.header = on } }

// CSVLineEnd sets the line end: "\r\n", which RFC 4180 asks for and which is the default, or "\n".
func CSVLineEnd(end string) CSVOption { return func(w *CSVWriter) { w.end = end } }

// CSVGuard decides whether a cell that a spreadsheet would take for a formula gets a leading apostrophe: one that
// begins with = + - @ TAB or CR and is not a number. By default it does. Turn it off for files that programs read.
func CSVGuard(on bool) CSVOption { return func(w *CSVWriter) { w.guard = on } }

// CSVWriter writes rows as RFC 4180 CSV in UTF-8: null is an empty cell, the empty string is "", a list or an object
// is JSON, and a number is written as in the source. One goroutine at a time may use it.
type CSVWriter struct {
	output
	header bool
	guard  bool
	end    string
}

// NewCSVWriter returns a writer of CSV to w. It writes in blocks; [CSVWriter.Close] flushes the last one.
func NewCSVWriter(w io.Writer, opts ...CSVOption) *CSVWriter {
	c := &CSVWriter{output: output{out: w}, header: true, guard: true, end: "\r\n"}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Begin writes the header line.
func (w *CSVWriter) Begin(columns []Column) error {
	if !w.header {
		return nil
	}
	for i, c := range columns {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, c.Name...) // names need no quotes: letters, digits, underscores
	}
	w.buf = append(w.buf, w.end...)
	return nil
}

// Write writes one row.
func (w *CSVWriter) Write(row Row) error {
	if row.b != nil {
		w.buf = w.appendRow(w.buf, row)
	}
	return w.flush(writeBlock)
}

// Close flushes the buffer. It does not close the underlying writer.
func (w *CSVWriter) Close() error { return w.flush(0) }

// encode implements encoder.
func (w *CSVWriter) encode(dst []byte, b *batch, from, to int) []byte {
	for i := from; i < to; i++ {
		dst = w.appendRow(dst, Row{b: b, i: i})
	}
	return dst
}

func (w *CSVWriter) appendRow(dst []byte, row Row) []byte {
	b, cells := row.b, row.b.row(row.i)
	for i, c := range cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch c.Kind {
		case rows.Null:
			if len(cells) == 1 {
				dst = append(dst, `""`...) // an empty line would not be a record
			}
		case rows.Boolean, rows.Integer, rows.Decimal:
			dst = b.AppendText(dst, c)
		case rows.String:
			if c.Flags == rows.InSource {
				var ok bool
				if dst, ok = appendBare(dst, b.Text(c)); ok {
					continue
				}
			}
			fallthrough
		default:
			start := len(dst)
			dst = b.AppendText(dst, c)
			dst = w.quote(dst, start)
		}
	}
	return append(dst, w.end...)
}

// appendBare appends the text of a JSON string without escapes, and returns true, if the cell needs no quotes: such a
// text has neither quotes nor line ends, but it may have commas, be empty, or begin or end with a space.
func appendBare(dst, text []byte) ([]byte, bool) {
	n := len(text)
	if n == 0 || bareStart[text[0]] == 0 || text[n-1] == ' ' {
		return dst, false
	}
	at := len(dst)
	dst = slices.Grow(dst, n)
	to := dst[at : at+n]
	if n < 8 {
		for i, c := range text {
			if c == ',' {
				return dst, false
			}
			to[i] = c
		}
		return dst[:at+n], true
	}
	for i := 0; i < n; i += 8 {
		i = min(i, n-8) // the last step may overlap the one before
		x := binary.LittleEndian.Uint64(text[i:])
		if y := x ^ commas; (y-ones)&^y&highs != 0 {
			return dst, false
		}
		binary.LittleEndian.PutUint64(to[i:], x)
	}
	return dst[:at+n], true
}

// Constants for testing eight bytes at a time.
const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	commas = ones * ','
)

// bareStart is 1 for the bytes that a cell without quotes may begin with, whether CSVGuard is on or off.
var bareStart = func() (t [256]uint8) {
	for c := range t {
		t[c] = 1
	}
	for _, c := range " =+-@" {
		t[c] = 0
	}
	return t
}()

// quote quotes the cell that begins at start if CSV requires it, and guards it if it is a formula.
func (w *CSVWriter) quote(dst []byte, start int) []byte {
	cell := dst[start:]
	if len(cell) == 0 {
		return append(dst, `""`...)
	}
	guard := w.guard && isFormula(cell)
	quotes := 0
	special := guard || cell[0] == ' ' || cell[len(cell)-1] == ' '
	for _, c := range cell {
		switch c {
		case '"':
			quotes++
		case ',', '\n', '\r':
			special = true
		}
	}
	if quotes == 0 && !special {
		return dst
	}
	// Move the text from the back, to make room for the opening quote, the apostrophe, doubled quotes and the closing
	// quote.
	n := len(cell)
	extra := 2 + quotes
	if guard {
		extra++
	}
	for range extra {
		dst = append(dst, '"')
	}
	from, to := start+n, len(dst)-1
	for from > start {
		from--
		to--
		dst[to] = dst[from]
		if dst[from] == '"' {
			to--
			dst[to] = '"'
		}
	}
	if guard {
		dst[start+1] = '\''
	}
	dst[start] = '"'
	return dst
}

// isFormula reports whether a spreadsheet may run a cell: it begins with = + - @ TAB or CR and is not a number.
func isFormula(cell []byte) bool {
	switch cell[0] {
	case '=', '@', '\t', '\r':
		return true
	case '+', '-':
		return !isNumber(cell[1:])
	}
	return false
}

// isNumber reports whether s is digits, followed optionally by a fraction and an exponent.
func isNumber(s []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if !digits() {
		return false
	}
	if rest, ok := bytes.CutPrefix(s, []byte(".")); ok {
		s = rest
		if !digits() {
			return false
		}
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(s) == 0
}
