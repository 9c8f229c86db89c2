package rows

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/researchflow/researchflow/internal/fhirpath"
)

// Errors of a resource that callers tell apart with errors.Is.
var (
	ErrManyValues = errors.New("multiple values found but not expected for column")
	ErrNotBoolean = errors.New("where path is not a single boolean")
	ErrType       = errors.New("value contradicts the column's type")
	ErrLimit      = errors.New("limit exceeded")
)

// Fault is an error of a resource, with the part of the view that it is about. It holds no values.
type Fault struct {
	Element    string // such as select[0].column[1].path
	Column     string // the column's name, if it is about one
	Expression string // the FHIRPath expression, if it is about one
	Err        error
}

// Error returns element and cause.
func (f *Fault) Error() string { return f.Element + ": " + f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// errOdd says that the tape's evaluator gives up on a resource. The plain evaluator starts again.
var errOdd = errors.New("resource out of the ordinary")

// errManyValues is ErrManyValues with what to do about it.
var errManyValues = fmt.Errorf("%w: choose one by first() or where(), or make it a collection, or iterate by forEach", ErrManyValues)

// fault returns an error of a part that is not about one of its paths.
func (p *Part) fault(err error) error { return &Fault{Element: p.Element, Err: err} }

// pathFault returns an error of one of the paths that a part iterates over.
func (p *Part) pathFault(path int, err error) error {
	return &Fault{Element: p.Element, Expression: p.Paths[path].String(), Err: err}
}

func (c *Column) fault(err error) error {
	return &Fault{Element: c.Element, Column: c.Name, Expression: c.Program.String(), Err: err}
}

// contradiction is the error of a value that is not of the column's declared type.
func (c *Column) contradiction(found Kind) error {
	declared := "no type is declared"
	if c.Declared != "" {
		declared = "declared " + c.Declared
	}
	return c.fault(fmt.Errorf("%w: %s, found %s", ErrType, declared, found))
}

// EvalError turns an error of package fhirpath into one of a single line. It holds no values.
func EvalError(err error) error {
	var e *fhirpath.EvalError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case fhirpath.Canceled:
		return e.Err
	case fhirpath.Limit:
		return fmt.Errorf("%w: %s", ErrLimit, e.Msg)
	}
	return &pathError{e}
}

// pathError is an EvalError in one line.
type pathError struct{ *fhirpath.EvalError }

func (e *pathError) Error() string {
	return e.Msg + " (line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + " of the path)"
}

func (e *pathError) Unwrap() error { return e.EvalError }
