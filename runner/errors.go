package runner

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/rows"
)

// Errors of a run that a caller may want to tell apart; use errors.Is.
var (
	// ErrNotResource: a line or an entry of the source is not a FHIR resource in JSON.
	ErrNotResource = errors.New("not a FHIR resource")
	// ErrManyValues: a column has many values and is not a collection (R1).
	ErrManyValues = rows.ErrManyValues
	// ErrNotBoolean: a where path did not give a single boolean (R2).
	ErrNotBoolean = rows.ErrNotBoolean
	// ErrType: a value contradicts the column's declared type (R3).
	ErrType = rows.ErrType
	// ErrLimit: a limit on depth, rows or size was exceeded.
	ErrLimit = rows.ErrLimit
	// ErrNoPatient: the run is restricted to patients, and the view's resource type does not belong to one.
	ErrNoPatient = errors.New("resource type has no reference to a patient")
	// ErrSearch: the run has search parameters, and the source cannot search.
	ErrSearch = errors.New("source cannot search")
)

// ErrorKind says what sort of fault a [CompileError] is.
type ErrorKind uint8

// The kinds of faults.
const (
	KindJSON        ErrorKind = 1 + iota // the text is not JSON
	KindDecode                           // a member has the wrong JSON type (V5)
	KindValidate                         // the definition breaks a rule of the specification (V1-V3, V6-V9)
	KindSyntax                           // an expression does not parse (V4)
	KindSemantic                         // an expression cannot be right: unknown name, wrong type (V10, R2)
	KindUnsupported                      // an expression needs what this engine does not have (V11)
	KindLimit                            // the definition is larger than the limits allow
	KindInternal                         // a fault of this library
)

// String returns the kind in one word.
func (k ErrorKind) String() string {
	names := [...]string{"", "json", "decode", "validate", "syntax", "semantic", "unsupported", "limit", "internal"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// CompileError is one fault of a ViewDefinition.
type CompileError struct {
	Kind ErrorKind
	// Element is the path of the faulty element, such as select[0].column[1].path; empty for the whole
	// definition.
	Element string
	// Expression is the FHIRPath expression at fault; empty where the fault is not in one.
	Expression string
	// Offset (in bytes, from 0), Line and Column (from 1) are the place in Expression or, where that is empty
	// and Line is not 0, in the JSON text.
	Offset, Line, Column int
	// Msg says what is wrong.
	Msg string
	// Err is the cause, or nil.
	Err error

	source string // the line of the JSON text at fault
	drawn  int    // the place in source
}

// Error returns "runner: element: message", with the place and, on two more lines, the line at fault with a
// caret under the place.
func (e *CompileError) Error() string {
	var b strings.Builder
	b.WriteString("runner: ")
	e.write(&b)
	return b.String()
}

// Summary is [CompileError.Error] in one line, without the drawing.
func (e *CompileError) Summary() string {
	var b strings.Builder
	b.WriteString("runner: ")
	e.head(&b)
	return b.String()
}

// Unwrap returns the cause.
func (e *CompileError) Unwrap() error { return e.Err }

func (e *CompileError) head(b *strings.Builder) {
	if e.Element != "" {
		b.WriteString(e.Element)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Line > 0 {
		fmt.Fprintf(b, " (line %d, column %d)", e.Line, e.Column)
	}
}

func (e *CompileError) write(b *strings.Builder) {
	e.head(b)
	if e.Line == 0 || e.Expression+e.source == "" {
		return
	}
	// Expression or source is set, never both.
	for line := range strings.Lines(syntax.Caret(e.Expression+e.source, e.caret())) {
		b.WriteString("\n  ")
		b.WriteString(strings.TrimRight(line, "\r\n"))
	}
}

// caret is the offset of the place in what is drawn.
func (e *CompileError) caret() int {
	if e.Expression == "" {
		return e.drawn
	}
	return e.Offset
}

// maxFaults bounds how many faults of one definition are reported.
const maxFaults = 100

// CompileErrors are all faults of a ViewDefinition, in the order of the document: 100 at most.
type CompileErrors []*CompileError

// Error lists all faults, one below the other.
func (l CompileErrors) Error() string {
	if len(l) == 1 {
		return l[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "runner: the view has %d faults", len(l))
	if len(l) == maxFaults {
		b.WriteString(" or more")
	}
	for _, e := range l {
		b.WriteString("\n- ")
		e.write(&b)
	}
	return b.String()
}

// Unwrap returns the faults, for errors.Is and errors.As.
func (l CompileErrors) Unwrap() []error {
	list := make([]error, len(l))
	for i, e := range l {
		list[i] = e
	}
	return list
}

// faults collects CompileErrors up to the limit.
type faults struct{ list CompileErrors }

func (f *faults) add(e *CompileError) {
	if len(f.list) < maxFaults && !(e.Kind == KindValidate && f.undecoded(e.Element)) {
		f.list = append(f.list, e)
	}
}

// undecoded reports whether an element, or the value of a constant, is known to be of the wrong form. What is missing without
// it is then no fault of its own.
func (f *faults) undecoded(element string) bool {
	for _, e := range f.list {
		if e.Kind == KindDecode && e.Element == element ||
			strings.HasPrefix(element, "constant[") && strings.HasPrefix(e.Element, element+".value") {
			return true
		}
	}
	return false
}

func (f *faults) addf(kind ErrorKind, element, format string, args ...any) {
	f.add(&CompileError{Kind: kind, Element: element, Msg: fmt.Sprintf(format, args...)})
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return f.list
}

// Place says where in a source a resource stands.
type Place struct {
	// File is the file's path as the source names it; empty for sources that are not files.
	File string
	// Line is the line in File, from 1; 0 where there are no lines.
	Line int64
	// Index is the position among the resources of a source that is not NDJSON, from 0; -1 for NDJSON.
	Index int64
}

// String returns "file:line", or "resource 17" where there are no lines.
func (p Place) String() string {
	switch {
	case p.Line > 0 && p.File != "":
		return p.File + ":" + strconv.FormatInt(p.Line, 10)
	case p.Line > 0:
		return "line " + strconv.FormatInt(p.Line, 10)
	case p.Index >= 0 && p.File != "":
		return p.File + ": resource " + strconv.FormatInt(p.Index+1, 10)
	case p.Index >= 0:
		return "resource " + strconv.FormatInt(p.Index+1, 10)
	}
	return p.File
}

// RunError is a fault of one resource during a run. It never holds a value of the resource.
type RunError struct {
	// View is the view's name, or its resource type where it has none.
	View string
	// Place is where the resource stands.
	Place Place
	// Resource is the resource as Type/id, or Type where it has no usable id; empty where it could not be read.
	Resource string
	// Element is the path of the view's element that failed, such as where[0].path; empty where the resource
	// itself is at fault.
	Element string
	// Column is the column's name, where the fault is in one.
	Column string
	// Expression is the FHIRPath expression, where there is one.
	Expression string
	// Err is the cause.
	Err error
}

// Error returns "runner: view: place: Type/id: element: cause, in expression".
func (e *RunError) Error() string {
	var b strings.Builder
	b.WriteString("runner")
	for _, part := range [...]string{e.View, e.Place.String(), e.Resource, e.Element} {
		if part != "" {
			b.WriteString(": ")
			b.WriteString(part)
		}
	}
	if e.Column != "" {
		b.WriteString(" (column ")
		b.WriteString(e.Column)
		b.WriteByte(')')
	}
	b.WriteString(": ")
	b.WriteString(strings.TrimPrefix(e.Err.Error(), "runner: "))
	if e.Expression != "" {
		const most = 200
		text := []rune(e.Expression)
		b.WriteString(", in ")
		b.WriteString(strconv.Quote(string(text[:min(len(text), most)])))
		if len(text) > most {
			b.WriteString("...")
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *RunError) Unwrap() error { return e.Err }

// SourceError is a failure to read a source: a file that is not there, a server that does not answer.
type SourceError struct {
	Place Place
	Err   error
}

// Error returns "runner: place: cause".
func (e *SourceError) Error() string {
	if place := e.Place.String(); place != "" {
		return "runner: " + place + ": " + strings.TrimPrefix(e.Err.Error(), "runner: ")
	}
	return "runner: " + strings.TrimPrefix(e.Err.Error(), "runner: ")
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }
