package rows

import (
	"sync"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// Plan is a compiled view. Once [Plan.Prepare] has been called it does not change, and any number of goroutines may
// share it.
type Plan struct {
	Where []Condition
	Root  *Part
	// NullRowLiterals makes the row of a forEachOrNull without items hold what its own columns give on nothing,
	// instead of nulls.
	NullRowLiterals bool

	tape   *tapePlan // nil: the plain evaluator alone
	memory *sync.Pool
}

// Condition is a path of where.
type Condition struct {
	Program *fhirpath.Program
	Path    string
	Element string
	tape    *fused.Condition // nil: for the plain evaluator
}

// Iteration says how often a part runs.
type Iteration uint8

// The iterations.
const (
	Once Iteration = iota
	ForEach
	ForEachOrNull
	Repeat
)

// Part is a select, or a unionAll. Its columns are First to First+Width-1 of the view. Its rows are, for each item it
// iterates over, the Cartesian product of its own columns (one row) and of the rows of each of its parts; the rows of a
// union are those of its parts one after the other.
type Part struct {
	Iteration Iteration
	Union     bool
	Paths     []*fhirpath.Program // of the iteration: one, or several for Repeat
	Columns   []Column
	Parts     []*Part
	First     int
	Width     int
	Element   string // the iterating element of the view, or the select

	// For the tape's evaluator.
	path  *fused.Path  // of ForEach and ForEachOrNull
	scope *fused.Scope // of columns and parts
	input string       // FHIR type of the items
}

// Column is a column of a select.
type Column struct {
	At         int // position in the view
	Program    *fhirpath.Program
	Collection bool
	RowIndex   bool // the path is %rowIndex
	Want       Want
	Declared   string // FHIR type, if one is declared
	Element    string
	Name       string
	tape       *fused.Column // nil: for the plain evaluator
}

// tapePlan is what the tape's evaluator needs of a plan.
type tapePlan struct {
	scope      *fused.Scope // of the resource
	keys       *fhirjson.KeySet
	projection *fhirjson.Projection // nil: some paths are for the plain evaluator and may read anything
	registers  int
	templates  bool // how many rows there are does not depend on the plain evaluator
}

// preparer looks for what the tape's evaluator can run.
type preparer struct {
	builder *fused.Builder
	model   *model.Model
	scopes  []*fused.Scope
	partial bool // some columns or conditions are for the plain evaluator
}

// Prepare completes a plan for views over a resource type. constants are the view's constants of System type String.
// With emptyJoin, join() of nothing is the empty text.
func (p *Plan) Prepare(resource string, version model.Version, constants map[string]string, emptyJoin bool) {
	p.memory = &sync.Pool{}
	m := model.Load(version)
	t, ok := m.Type(resource)
	if !ok || p.NullRowLiterals {
		return
	}
	x := &preparer{builder: fused.NewBuilder(m, constants, emptyJoin), model: m}
	root := x.scope(x.builder.Scope(t))
	if !x.part(p.Root, root) {
		return
	}
	templates := true
	for i := range p.Where {
		if cond, ok := x.builder.Condition(p.Where[i].Program.Tree(), root); ok {
			p.Where[i].tape = cond
		} else {
			x.partial, templates = true, false
		}
	}
	for _, s := range x.scopes {
		s.Finish()
	}
	p.tape = &tapePlan{scope: root, keys: x.builder.Keys(), registers: x.builder.Registers(), templates: templates}
	if !x.partial {
		p.tape.projection = x.builder.Projection(p.tape.keys)
	}
}

// Way is how the rows of a resource are made. Each way needs those before it.
type Way uint8

// The ways.
const (
	ByPlain    Way = iota // by the plain evaluator
	ByTape                // by the tape's evaluator
	ByTemplate            // by filling in a template
)

// Way returns the fastest way that the plan allows.
func (p *Plan) Way() Way {
	switch {
	case p.tape == nil:
		return ByPlain
	case !p.tape.templates:
		return ByTape
	}
	return ByTemplate
}

// Limit returns a plan that is like p but takes no faster way than the given one. Its rows are the same.
func (p *Plan) Limit(way Way) *Plan {
	limited := *p
	limited.memory = &sync.Pool{}
	if way < p.Way() {
		limited.tape = nil
		if way == ByTape {
			slower := *p.tape
			slower.templates = false
			limited.tape = &slower
		}
	}
	return &limited
}

func (x *preparer) scope(s *fused.Scope) *fused.Scope {
	x.scopes = append(x.scopes, s)
	return s
}

func (x *preparer) part(p *Part, s *fused.Scope) bool {
	switch p.Iteration {
	case ForEach, ForEachOrNull:
		path, ok := x.builder.Path(p.Paths[0].Tree(), s)
		if !ok {
			return false
		}
		p.path = path
		s = x.scope(x.builder.Below(path))
	case Repeat:
		return false
	}
	p.scope, p.input = s, x.model.Name(s.Input())
	for i := range p.Columns {
		c := &p.Columns[i]
		if c.RowIndex {
			continue
		}
		if column, ok := x.builder.Column(c.Program.Tree(), s); ok {
			c.tape = column
		} else {
			x.partial = true
		}
	}
	for _, part := range p.Parts {
		if !x.part(part, s) {
			return false
		}
	}
	return true
}
