package fhirpath

import (
	"errors"
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// ErrorKind classifies errors.
type ErrorKind uint8

// The kinds of errors.
const (
	Syntax      ErrorKind = iota + 1 // the text is not an expression
	Semantic                         // the expression is wrong: unknown names, wrong types or numbers of arguments
	Unsupported                      // valid, but not supported
	Limit                            // exceeds a limit of size, depth or steps
	Execution                        // failed on the data: several items instead of one, values of a wrong type
	Canceled                         // the context ended
	Internal                         // a bug in this package
)

var errorKindNames = [...]string{
	Syntax: "syntax", Semantic: "semantic", Unsupported: "unsupported", Limit: "limit",
	Execution: "execution", Canceled: "canceled", Internal: "internal",
}

// String returns the kind in lower case.
func (k ErrorKind) String() string {
	if int(k) < len(errorKindNames) {
		return errorKindNames[k]
	}
	return ""
}

// Error is a fault that [Compile] found.
type Error struct {
	Kind ErrorKind
	// Expression is the text that was compiled. Offset is the position of the fault in bytes; Line and Column are the
	// same position, counted from 1, in characters.
	Expression   string
	Offset       int
	Line, Column int
	// Msg is in lower case, without a full stop.
	Msg string
}

// Error returns the message with its position, and a caret under the fault.
func (e *Error) Error() string {
	return render(e.Kind, e.Expression, e.Offset, e.Line, e.Column, e.Msg)
}

func render(kind ErrorKind, expr string, offset, line, column int, msg string) string {
	return fmt.Sprintf("fhirpath: %d:%d: %s error: %s\n%s", line, column, kind, msg, syntax.Caret(expr, offset))
}

// Errors are the faults that [Compile] found in an expression, in the order of the text, at most 100.
type Errors []*Error

// maxErrors is the number of faults reported for one expression.
const maxErrors = 100

// Error returns the texts of all faults, one after another.
func (e Errors) Error() string {
	var b strings.Builder
	for i, err := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

// Unwrap returns the faults for errors.Is and errors.As.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

func newError(kind ErrorKind, expr string, offset int, format string, args ...any) *Error {
	line, column := syntax.Position(expr, offset)
	return &Error{
		Kind: kind, Expression: expr, Offset: offset, Line: line, Column: column,
		Msg: fmt.Sprintf(format, args...),
	}
}

// EvalError is a failure of [Evaluator.Eval]. It holds no values of the resource.
type EvalError struct {
	Kind ErrorKind
	// Expression is the program's text. Offset is the position of the operation that failed in bytes; Line and Column
	// are the same position, counted from 1, in characters.
	Expression   string
	Offset       int
	Line, Column int
	// Msg is in lower case, without a full stop.
	Msg string
	// Err is the error of the context, of a resolver or of a terminology service behind the failure, or nil.
	Err error
}

// Error returns the message with its position, and a caret under the operation that failed. The text of Err is left
// out.
func (e *EvalError) Error() string {
	return render(e.Kind, e.Expression, e.Offset, e.Line, e.Column, e.Msg)
}

// Unwrap returns Err.
func (e *EvalError) Unwrap() error { return e.Err }

// failure is an error inside an evaluation; Eval adds the expression to it.
type failure struct {
	kind   ErrorKind
	offset int
	msg    string
	err    error
}

func (f *failure) Error() string { return f.msg }

func fail(offset int, format string, args ...any) error {
	return &failure{kind: Execution, offset: offset, msg: fmt.Sprintf(format, args...)}
}

// evalError turns a failure within an expression into an EvalError.
func evalError(expr string, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{kind: Internal, msg: err.Error(), err: err}
	}
	line, column := syntax.Position(expr, f.offset)
	return &EvalError{
		Kind: f.kind, Expression: expr, Offset: f.offset, Line: line, Column: column, Msg: f.msg, Err: f.err,
	}
}

func limit(offset int, format string, args ...any) error {
	return &failure{kind: Limit, offset: offset, msg: fmt.Sprintf(format, args...)}
}
