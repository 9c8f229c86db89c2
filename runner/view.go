package runner

import (
	"context"
	"iter"
	"sync"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/rows"
)

// Column describes one column of a view. It is known before any data is read.
type Column struct {
	// Name is the column's name, unique in the view.
	Name string
	// FHIRType is the declared FHIR type without its URL ("date", "Quantity") or, if none is declared, the inferred
	// type. It is empty if neither is known.
	FHIRType string
	// Declared tells whether FHIRType was declared by the definition.
	Declared bool
	// ANSIType is the ISO/IEC 9075 type: the value of the ansi/type tag or, without one, the type that the
	// specification's table (section "Types") gives. It is CHARACTER VARYING if no type is known.
	ANSIType string
	// Collection says that values are lists.
	Collection bool
	// Description is the definition's text.
	Description string
	// Tags are the definition's tags, ansi/type included.
	Tags []Tag
	// Path is the FHIRPath expression. For a column of a unionAll it is that of the first branch.
	Path string
}

// View is a compiled ViewDefinition. It never changes, and any number of goroutines may use it at the same time.
type View struct {
	def      *ViewDefinition
	name     string
	resource string
	digest   string
	columns  []Column
	byName   map[string]int
	width    int
	jsonKeys []string
	warnings []string
	plan     *rows.Plan

	model model.Version
	asks  bool // may ask a terminology service: results are not cached

	batches *sync.Pool // batches of ended runs, to be reused
}

// label names the view in errors.
func (v *View) label() string {
	if v.name != "" {
		return v.name
	}
	return "view of " + v.resource
}

// Name returns the definition's name, which may be empty.
func (v *View) Name() string { return v.name }

// Resource returns the FHIR resource type that the view runs on.
func (v *View) Resource() string { return v.resource }

// Columns returns the columns in the order of the rows' values: the columns of a select, then those of its nested
// selects, then those of its unionAll. The slice is shared: do not change it.
func (v *View) Columns() []Column { return v.columns }

// Column returns the position of the column with that name, and false if there is none.
func (v *View) Column(name string) (int, bool) {
	i, ok := v.byName[name]
	return i, ok
}

// Digest returns a SHA-256 in hexadecimal of everything that decides the rows: resource type, FHIR version,
// constants, conditions and selects. Views with the same digest give the same rows for the same resources.
func (v *View) Digest() string { return v.digest }

// Warnings returns what is doubtful in the definition but no fault, such as elements that the resource type does not
// have. The slice is shared: do not change it.
func (v *View) Warnings() []string { return v.warnings }

// Definition returns the definition that the view was compiled from. It is shared: do not change it.
func (v *View) Definition() *ViewDefinition { return v.def }

// Rows runs the view over a source and yields its rows, in the order of the source unless [Unordered] is given. It
// ignores resources of other types. The first error is the last element. Breaking out of the loop ends the run and
// releases everything it holds.
//
// Rows may be kept; see [Row]. A [Runner] adds limits on results, a cache, and an audit hook.
func (v *View) Rows(ctx context.Context, src Source, opts ...RunOption) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		cfg := newRunConfig(opts)
		_, _ = streamRows(ctx, v, src, cfg, yield)
	}
}

// Write runs the view over a source into a writer: it calls [Writer.Begin], writes the rows, and calls [Writer.Close].
// It keeps no rows, so it is the fastest way to run a view and holds at most a few blocks of the source in memory.
// After an error it does not close the writer; what has been written is incomplete.
func (v *View) Write(ctx context.Context, src Source, w Writer, opts ...RunOption) (Stats, error) {
	return writeRows(ctx, v, src, newRunConfig(opts), w)
}
