package ndjson

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

var (
	// ErrLineTooLong: a line is longer than [Config].MaxLine.
	ErrLineTooLong = errors.New("line too long")
	// ErrClosed: the reader is closed.
	ErrClosed = errors.New("ndjson: reader is closed")
)

// Error says at which file and line reading failed. It never contains text of the file.
type Error struct {
	File string // name of the input
	Line int64  // number of the line that could not be read, counted from 1; 0 where no line was begun
	Err  error  // the cause: [ErrLineTooLong], io.ErrUnexpectedEOF for compressed data cut short, ...
}

// Error returns file, line and cause.
func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at += ":" + strconv.FormatInt(e.Line, 10)
	}
	var path *fs.PathError
	if errors.As(e.Err, &path) && path.Path == e.File {
		return fmt.Sprintf("ndjson: %s: %s: %v", at, path.Op, path.Err)
	}
	return fmt.Sprintf("ndjson: %s: %v", at, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
