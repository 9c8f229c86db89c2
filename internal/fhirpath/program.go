package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Program is a compiled expression. It does not change, and any number of goroutines may share it, each with
// its own [Evaluator].
type Program struct {
	src    string
	tree   syntax.Expr
	root   operation
	schema *schema
	input  model.TypeID
	result StaticType
	// emptyJoin is what EmptyJoin sets.
	emptyJoin bool
	// warnings are the faults that the static check found and that did not keep the program from compiling.
	warnings Errors
}

// String returns the expression as it was written.
func (p *Program) String() string { return p.src }

// Tree returns the expression's syntax tree, which must not be changed.
func (p *Program) Tree() syntax.Expr { return p.tree }

// Result returns what is known of the result without data.
func (p *Program) Result() StaticType { return p.result }

// Warnings returns the faults that the static check found and that are not errors: all that are in doubt and,
// for programs that were not compiled as [Strict], those that go against the model. The list must not be changed.
func (p *Program) Warnings() Errors { return p.warnings }

// node is an operation of a program.
type operation interface {
	// eval appends the result to dst. It does not keep dst, and it leaves the evaluator's scope as it was,
	// but for variables that it defines.
	eval(e *Evaluator, dst []Value) ([]Value, error)
}
