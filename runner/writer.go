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
