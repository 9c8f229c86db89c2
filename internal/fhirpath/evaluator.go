package fhirpath

import (
	"context"
	"time"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// EvalConfig configures an [Evaluator]. The zero value is ready for use.
type EvalConfig struct {
	// Clock gives the time that now(), today() and timeOfDay() tell, once for each evaluation that asks.
	// Nil is time.Now.
	Clock func() time.Time
	// Trace receives what trace() is applied to; the values are valid during the call only, in which the evaluator
	// must not be used. Nil drops it.
	Trace func(name string, values Collection)
	// Resolver brings resources that resolve() does not find in the loaded one. Nil finds none.
	Resolver Resolver
	// Limits bound each evaluation.
	Limits Limits
	// JSON bounds the resources that are loaded.
	JSON fhirjson.Limits
	// Keys is the key set that resources are loaded with; nil is none. Evaluation does not need it.
	Keys *fhirjson.KeySet
}

// Resolver brings resources by reference.
type Resolver interface {
	// Resolve returns the resource that a reference (as it stands in Reference.reference, or a canonical)
	// names, as JSON that does not change as long as the evaluator works on the present resource. Nil
	// without an error means that there is none.
	Resolve(ctx context.Context, reference string) ([]byte, error)
}

// Evaluator runs programs over one resource at a time. One goroutine at a time may use it. Its buffers are
// kept from one resource to the next.
type Evaluator struct {
	config EvalConfig
	limits Limits
	clock  func() time.Time

	main    document
	tape    fhirjson.Tape
	docs    []*document // those a resolver brought, by order of arrival
	byURL   map[string]*document
	results []Value // of all evaluations since Load
	buffers [][]Value
	arena   []byte // texts built since Load
	regexps regexpCache
	spent   int // steps of all evaluations since Load

	// The present evaluation.
	ctx          context.Context
	prog         *Program
	env          *Env
	now          time.Time
	steps        int
	work         int // members of objects passed since the last step
	maxSteps     int // steps that one evaluation on the resource may take
	allowedSteps int // steps that this one may take
	nextCheck    int
	context      []Value // %context
	scope        scope
}

// scope is what the special variables stand for. Functions that set them save the scope before and restore it
// after.
type scope struct {
	this  []Value // $this
	index int     // $index
	total []Value // $total
	vars  *variable
}

// variable is one that defineVariable made; those made before it follow.
type variable struct {
	name  string
	value []Value
	next  *variable
}

// NewEvaluator returns an evaluator without a resource.
func NewEvaluator(config EvalConfig) *Evaluator {
	e := &Evaluator{config: config, limits: config.Limits.withDefaults(), clock: config.Clock}
	if e.clock == nil {
		e.clock = time.Now
	}
	e.main = document{tape: &e.tape, schema: untyped, main: true, work: &e.work}
	return e
}

// Load parses a resource, after which [Evaluator.Root] is that resource. Values from before are no longer
// good. The bytes must not change until the next Load. Errors are those of fhirjson.
func (e *Evaluator) Load(raw []byte) error {
	e.Reset()
	return e.tape.Parse(raw, e.config.Keys, e.config.JSON)
}

// Reset forgets the results of all evaluations. The resource stays loaded.
func (e *Evaluator) Reset() {
	clear(e.results)
	e.results = e.results[:0]
	e.arena = e.arena[:0]
	clear(e.docs)
	e.docs = e.docs[:0]
	clear(e.byURL)
	e.spent = 0
}

// Tape returns the tape of the loaded resource.
func (e *Evaluator) Tape() *fhirjson.Tape { return &e.tape }

// Root returns the loaded resource, the zero Value if there is none. Its type is determined when a program
// is evaluated on it.
func (e *Evaluator) Root() Value {
	if e.tape.Len() == 0 {
		return Value{}
	}
	return Value{kind: Element, doc: &e.main}
}

// Roots returns the items of the loaded JSON: the resource, the items of an array, nothing for null.
func (e *Evaluator) Roots() Collection {
	if e.tape.Len() == 0 {
		return nil
	}
	return e.main.roots(nil)
}

// Element returns a node of the loaded resource as a value of the given FHIR type of the model that the
// program p was compiled with; "" leaves the type open.
func (e *Evaluator) Element(p *Program, node int, fhirType string) Value {
	e.use(p.schema)
	return e.main.element(node, 0, p.schema.typeOf(fhirType))
}

// use makes s the schema of all documents.
func (e *Evaluator) use(s *schema) {
	if e.main.schema == s {
		return
	}
	e.main.schema = s
	for _, doc := range e.docs {
		doc.schema = s
	}
}

// Eval evaluates a program with focus as the input, %context and $this; the zero Value is the empty
// collection. env gives the variables that the program was compiled with, and may be nil when there are none.
// The result is valid until the next Load or Reset. The error is an [*EvalError].
//
// Programs that an evaluator runs on one resource should be compiled with the same model, since values keep
// the types they were given.
func (e *Evaluator) Eval(ctx context.Context, p *Program, focus Value, env *Env) (Collection, error) {
	e.use(p.schema)
	e.context = e.context[:0]
	if focus.kind != 0 {
		e.context = append(e.context, withType(p, focus))
	}
	return e.run(ctx, p, env)
}

// EvalAll is Eval with any number of items as the input, %context and $this.
func (e *Evaluator) EvalAll(ctx context.Context, p *Program, focus []Value, env *Env) (Collection, error) {
	e.use(p.schema)
	e.context = e.context[:0]
	for _, v := range focus {
		e.context = append(e.context, withType(p, v))
	}
	return e.run(ctx, p, env)
}

// typed returns an item of the input with its type, where that is only known now.
func withType(p *Program, v Value) Value {
	if v.kind == Element && v.typ == 0 && v.node >= 0 && v.doc != nil {
		return v.doc.element(int(v.node), int(v.sibling), p.input)
	}
	return v
}

// run evaluates a program on %context.
func (e *Evaluator) run(ctx context.Context, p *Program, env *Env) (Collection, error) {
	e.ctx, e.prog, e.env = ctx, p, env
	e.now = time.Time{}
	e.begin()
	defer e.end()
	e.scope = scope{this: e.context}
	if err := ctx.Err(); err != nil {
		return nil, evalError(p.src, &failure{kind: Canceled, msg: "evaluation was canceled", err: err})
	}
	start := len(e.results)
	results, err := p.root.eval(e, e.results)
	if err != nil {
		return nil, evalError(p.src, err)
	}
	e.results = results
	return Collection(results[start:len(results):len(results)]), nil
}

// borrow returns an empty slice for intermediate values; give it back with release.
func (e *Evaluator) borrow() []Value {
	if n := len(e.buffers); n > 0 {
		b := e.buffers[n-1]
		e.buffers = e.buffers[:n-1]
		return b
	}
	return make([]Value, 0, 8)
}

// maxBuffer is the capacity, in values, of the largest slice kept for reuse.
const maxBuffer = 4096

// maxBuffers is the number of slices kept for reuse, more than expressions have operations under way.
const maxBuffers = 64

// release takes back a slice from borrow, or what append made of it.
func (e *Evaluator) release(b []Value) {
	if cap(b) <= maxBuffer && len(e.buffers) < maxBuffers {
		e.buffers = append(e.buffers, b[:0])
	}
}

// input evaluates the receiver of an operation, $this if there is none. done must be called with it after
// its last use.
func (e *Evaluator) input(x operation) ([]Value, error) {
	if x == nil {
		return e.scope.this, nil
	}
	return x.eval(e, e.borrow())
}

// done takes back what input gave.
func (e *Evaluator) done(x operation, in []Value) {
	if x != nil {
		e.release(in)
	}
}

// operand evaluates an expression on its own: variables it defines end with it. Give the result back with
// release.
func (e *Evaluator) operand(n operation) ([]Value, error) {
	vars := e.scope.vars
	out, err := n.eval(e, e.borrow())
	e.scope.vars = vars
	return out, err
}

// keep returns a copy of values that outlives the slice they are in.
func (e *Evaluator) keep(values []Value) []Value {
	if len(values) == 0 {
		return nil
	}
	return append(make([]Value, 0, len(values)), values...)
}

// today returns the time of this evaluation.
func (e *Evaluator) today() time.Time {
	if e.now.IsZero() {
		e.now = e.clock()
	}
	return e.now
}
