package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Program is a compiled expression. It is immutable, and any number of goroutines may share it, each with its own
// [Evaluator].
type Program struct {
	src    string
	tree   syntax.Expr
	root   operation
	schema *schema
	input  model.TypeID
	result StaticType
	// emptyJoin is what EmptyJoin sets.
	emptyJoin bool
	// warnings are the faults of the static check that are not errors.
	warnings Errors
}

// String returns the expression as it was written.
func (p *Program) String() string { return p.src }

// Tree returns the expression's syntax tree, which must not be changed.
func (p *Program) Tree() syntax.Expr { return p.tree }

// Result returns what is known about the result without data.
func (p *Program) Result() StaticType { return p.result }

// Warnings returns the faults of the static check that are not errors: those in doubt and, unless the program was
// compiled with [Strict], those that contradict the model. The list must not be changed.
func (p *Program) Warnings() Errors { return p.warnings }

// operation is a node of a program.
type operation interface {
	// eval appends the result to dst. It does not keep dst, and leaves the evaluator's scope unchanged, except for
	// variables that it defines.
	eval(e *Evaluator, dst []Value) ([]Value, error)
}
