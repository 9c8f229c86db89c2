package runner

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/rows"
)

// Errors of a run that a caller may want to tell apart with errors.Is.
var (
	// ErrNotResource: a line or an entry of the source is not a FHIR resource in JSON.
	ErrNotResource = errors.New("not a FHIR resource")
	// ErrManyValues: a column that is not a collection has several values (X1).
	ErrManyValues = rows.ErrManyValues
	// ErrNotBoolean: a where path gave something other than one boolean or nothing (X2).
	ErrNotBoolean = rows.ErrNotBoolean
	// ErrType: a value contradicts the column's declared type (X3).
	ErrType = rows.ErrType
	// ErrLimit: a limit on depth, rows or size is exceeded.
	ErrLimit = rows.ErrLimit
	// ErrNoPatient: the run is restricted to patients, but the view's resource type does not refer to one.
	ErrNoPatient = errors.New("resource type has no reference to a patient")
	// ErrSearch: the run has search parameters, but the source cannot search.
	ErrSearch = errors.New("source cannot search")
)

// ErrorKind is the kind of fault that a [CompileError] reports.
type ErrorKind uint8

// The kinds of faults.
const (
	KindJSON        ErrorKind = 1 + iota // the text is not JSON
	KindDecode                           // a member has the wrong JSON type
	KindValidate                         // the definition breaks a rule of the specification
	KindSyntax                           // an expression does not parse
	KindSemantic                         // an expression cannot be right: an unknown name or a wrong type
	KindUnsupported                      // an expression needs something that this engine does not support
	KindLimit                            // the definition exceeds a limit
	KindInternal                         // a bug in this library
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
	// Expression is the FHIRPath expression at fault; empty if the fault is not in one.
	Expression string
	// Offset (in bytes, from 0), Line and Column (from 1) are the position in Expression. If Expression is empty
	// and Line is not 0, they are the position in the JSON text.
	Offset, Line, Column int
	// Msg says what is wrong.
	Msg string
	// Err is the cause, or nil.
	Err error

	source string // the line of the JSON text at fault
	drawn  int    // the position in source
}

// Error returns "runner: element: message (line, column)". If the position is known, two more lines show the line at
// fault and a caret below the position.
func (e *CompileError) Error() string {
	var b strings.Builder
	b.WriteString("runner: ")
	e.write(&b)
	return b.String()
}

// Summary is [CompileError.Error] on one line, without the drawing.
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

// caret is the offset of the caret in the text that is drawn.
func (e *CompileError) caret() int {
	if e.Expression == "" {
		return e.drawn
	}
	return e.Offset
}

// maxFaults is how many faults of one definition are reported at most.
const maxFaults = 100

// CompileErrors are the faults of a ViewDefinition, in the order in which they were found: at most 100.
type CompileErrors []*CompileError

// Error lists all faults, each on a line of its own.
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

// undecoded reports whether an element, or the value of a constant, has been reported for its JSON type. It must not
// be reported as missing too.
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

// Place is the position of a resource in a source.
type Place struct {
	// File is the file's path as the source names it; empty for sources that are not files.
	File string
	// Line is the line in File, from 1; 0 if there are no lines.
	Line int64
	// Index is the position among the resources of a source that is not NDJSON, from 0; -1 for NDJSON.
	Index int64
}

// String returns "file:line", or "resource 17" if there are no lines.
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
	// View is the view's name, or "view of" its resource type if it has no name.
	View string
	// Place is where the resource is in the source.
	Place Place
	// Resource is the resource as Type/id, or Type if it has no usable id; empty if it could not be read.
	Resource string
	// Element is the path of the view's element that failed, such as where[0].path; empty if the resource itself is
	// at fault.
	Element string
	// Column is the name of the column that failed, if it is a column.
	Column string
	// Expression is the FHIRPath expression that failed, if there is one.
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

// SourceError is a failure to read a source, such as a missing file or a server that does not answer.
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
