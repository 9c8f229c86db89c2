package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// Options say what is known of the surroundings in which an expression is evaluated.
type Options struct {
	// Model gives the FHIR types. Without one only System types are followed.
	Model *model.Model
	// Input is the type of the focus, and so of $this and %context at the start of the expression.
	Input Type
	// Resource is the type of %resource. If it is not known and Input is a resource, that is taken.
	Resource Type
	// Variables gives the types of environment variables in addition to those of the specification.
	Variables map[string]Type
	// Ordered refuses functions that depend on order (first, skip, indexers) on collections without one.
	Ordered bool
}

// Level tells how bad a fault is.
type Level uint8

// The levels of faults; see the package comment.
const (
	Doubtful Level = iota + 1
	Strict
	Wrong
	Certain
)

// String returns the level's name in lower case.
func (l Level) String() string {
	switch l {
	case Doubtful:
		return "doubtful"
	case Strict:
		return "strict"
	case Wrong:
		return "wrong"
	case Certain:
		return "certain"
	}
	return ""
}

// Fault is one thing wrong with an expression.
type Fault struct {
	Level  Level
	Offset int    // in bytes, of the token at fault
	Msg    string // in lower case, without a full stop
	// Nowhere reports that the fault is the name of an element that no type of any known FHIR version has.
	Nowhere bool
}

// Result is what is known of an expression after checking. It is not changed any more and may be shared.
type Result struct {
	// Type is the type of the whole expression.
	Type Type
	// Faults are all faults found, in the order of the text, at most MaxFaults.
	Faults []Fault
}

// MaxFaults is the number of faults after which no more are listed.
const MaxFaults = 100

// Check infers types throughout e. It never fails: what it finds wrong is in the result. Any number of
// goroutines may check the same tree.
func Check(e syntax.Expr, o Options) *Result {
	c, s := newChecker(o)
	t, _ := c.expr(e, s)
	slices.SortStableFunc(c.faults, func(a, b Fault) int { return a.Offset - b.Offset })
	return &Result{Type: t, Faults: c.faults}
}

// newChecker returns a checker and the scope at the start of an expression.
func newChecker(o Options) (*checker, scope) {
	c := &checker{
		Options: o, model: o.Model, found: map[Fault]bool{},
		budget: maxVisits, subtypes: map[subtypeElement]bool{},
	}
	if c.model == nil {
		c.model = model.Load(model.R4)
	}
	if !o.Resource.Known && o.Input.Known && c.allResources(o.Input) {
		c.Resource = o.Input.atMostOne()
	}
	return c, scope{focus: o.Input}
}

// maxVisits bounds the work on expressions that nest repeat() in repeat(); beyond it types are unknown.
const maxVisits = 60_000

type checker struct {
	Options
	model  *model.Model
	faults []Fault
	found  map[Fault]bool
	silent int // more than 0 while faults are not wanted
	lazy   int // more than 0 in parts that may not be evaluated
	budget int
	// subtypes remembers answers of subtypeHas.
	subtypes map[subtypeElement]bool
}

// scope is what an expression sees of its surroundings.
type scope struct {
	focus Type // $this, which names without a receiver are looked up in
	total Type // $total
	vars  *variable
	// open reports that a variable of unknown name has been defined.
	open bool
}

// variable is a chain of those that defineVariable has set.
type variable struct {
	name string
	typ  Type
	next *variable
}

// full reports whether no more faults are taken.
func (c *checker) full() bool { return c.silent > 0 || len(c.faults) >= MaxFaults }

func (c *checker) fault(level Level, offset int, format string, args ...any) {
	c.add(Fault{Level: level, Offset: offset, Msg: fmt.Sprintf(format, args...)})
}

func (c *checker) add(f Fault) {
	if c.full() {
		return
	}
	if f.Level == Wrong && c.lazy > 0 {
		f.Level = Strict
	}
	if !c.found[f] {
		c.found[f] = true
		c.faults = append(c.faults, f)
	}
}

// oneItem faults a type that is sure to have more than one item. In parts that may not be evaluated, such as the
// branches of iif, that is no more than doubtful.
func (c *checker) oneItem(t Type, offset int, format string, args ...any) {
	if t.Least <= 1 {
		return
	}
	level := Strict
	if c.lazy > 0 {
		level = Doubtful
	}
	c.fault(level, offset, format+", but there are at least %d", append(args, t.Least)...)
}

// maybe runs f on a part of the expression that may not be evaluated.
func (c *checker) lazily(f func()) {
	c.lazy++
	f()
	c.lazy--
}

// silently runs f without reporting faults.
func (c *checker) silently(f func()) {
	c.silent++
	f()
	c.silent--
}

// expr infers the type of e. The scope it returns is the one that what follows e in a chain of invocations
// sees: defineVariable adds to it.
func (c *checker) expr(e syntax.Expr, s scope) (Type, scope) {
	if c.budget--; c.budget < 0 {
		return Any(), s
	}
	t, after := c.infer(e, s)
	c.budget -= len(t.Refs) / 8
	return t, after
}

func (c *checker) infer(e syntax.Expr, s scope) (Type, scope) {
	switch e := e.(type) {
	case *syntax.Literal:
		return literal(e), s
	case *syntax.Member:
		if e.X == nil {
			return c.firstName(s.focus, e), s
		}
		x, after := c.expr(e.X, s)
		return c.member(x, e.Name, e.Offset), after
	case *syntax.Special:
		return c.special(e, s), s
	case *syntax.External:
		return c.external(e, s), s
	case *syntax.Index:
		x, after := c.expr(e.X, s)
		c.ordered(x, e.Offset, "an index")
		n, _ := c.expr(e.Index, s)
		c.value(Wrong, n, setOf(Integer, Long), e.Index.Pos(), "an index")
		return x.atMostOne().least(0), after
	case *syntax.Unary:
		return c.unary(e, s), s
	case *syntax.Binary:
		return c.binary(e, s), s
	case *syntax.TypeOp:
		x, _ := c.expr(e.X, s)
		return c.typeOp(x, e.Op == syntax.OpIs, e.Op.String(), e.Type, e.Offset), s
	case *syntax.Call:
		return c.call(e, s)
	case *syntax.Instance:
		return c.instance(e, s), s
	}
	return Any(), s
}

// instance infers the type of an object that is created. The compiler faults its type and elements.
func (c *checker) instance(e *syntax.Instance, s scope) Type {
	for _, value := range e.Values {
		c.expr(value, s)
	}
	parts := e.Type.Parts
	if parts[0] == "FHIR" {
		parts = parts[1:]
	}
	if c.Options.Model != nil {
		if id, ok := c.model.Type(strings.Join(parts, ".")); ok {
			return Type{Single: true}.with([]Ref{{FHIR: id}})
		}
	}
	return Any().single(true)
}

// least returns t with another certain number of items.
func (t Type) least(n int) Type {
	t.Least = n
	return t
}

var literalTypes = [...]System{
	syntax.Boolean: Boolean, syntax.String: String, syntax.Integer: Integer, syntax.Long: Long, syntax.Decimal: Decimal,
	syntax.Date: Date, syntax.DateTime: DateTime, syntax.Time: Time, syntax.Quantity: Quantity,
}

func literal(e *syntax.Literal) Type {
	if e.Kind == syntax.Empty || int(e.Kind) >= len(literalTypes) {
		return Type{Known: true, Single: true}
	}
	return OfSystem(literalTypes[e.Kind]).least(1)
}

func (c *checker) special(e *syntax.Special, s scope) Type {
	if e.X != nil {
		c.expr(e.X, s)
	}
	switch e.Kind {
	case syntax.This:
		return s.focus
	case syntax.ItemIndex:
		return OfSystem(Integer)
	case syntax.Total:
		return s.total
	}
	return Any()
}

// external returns the type of an environment variable.
func (c *checker) external(e *syntax.External, s scope) Type {
	for v := s.vars; v != nil; v = v.next {
		if v.name == e.Name {
			return v.typ
		}
	}
	if t, ok := c.Variables[e.Name]; ok {
		return t
	}
	switch e.Name {
	case "context":
		return c.Input
	case "resource":
		return c.Resource
	case "rootResource":
		return Type{Single: true}
	case "ucum", "sct", "loinc":
		return OfSystem(String).least(1)
	}
	if strings.HasPrefix(e.Name, "vs-") || strings.HasPrefix(e.Name, "ext-") {
		return OfSystem(String).least(1)
	}
	if !s.open && !c.full() {
		names := []string{"context", "resource", "rootResource", "ucum", "sct", "loinc"}
		for name := range c.Variables {
			names = append(names, name)
		}
		for v := s.vars; v != nil; v = v.next {
			names = append(names, v.name)
		}
		c.fault(Certain, e.Offset, "undefined variable %%%s%s", e.Name, didYouMean(e.Name, names, "%"))
	}
	return Any()
}

// allResources reports whether t is known to hold nothing but resources.
func (c *checker) allResources(t Type) bool {
	for _, r := range t.Refs {
		if r.System != 0 || !c.model.IsResource(r.FHIR) {
			return false
		}
	}
	return t.Known && len(t.Refs) > 0
}

// ordered faults the use of an order that t does not have.
func (c *checker) ordered(t Type, offset int, what string) {
	if c.Ordered && t.Unordered && !t.Single {
		c.fault(Wrong, offset, "%s needs an ordered collection, but the order of this one is not defined", what)
	}
}
