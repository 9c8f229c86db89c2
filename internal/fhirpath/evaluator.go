package fhirpath

import (
	"context"
	"time"

	"github.com/researchflow/researchflow/internal/fhirjson"
)

// EvalConfig configures an [Evaluator]. The zero value is ready for use.
type EvalConfig struct {
	// Clock gives the time for now(), today() and timeOfDay(). It is called at most once in an evaluation. Nil means
	// time.Now.
	Clock func() time.Time
	// Trace receives the input of trace(). The values are valid only during the call, which must not use the evaluator.
	// Nil discards it.
	Trace func(name string, values Collection)
	// Resolver loads resources that resolve() does not find in the loaded one. Nil finds none.
	Resolver Resolver
	// Limits bound each evaluation.
	Limits Limits
	// JSON bounds the resources that are loaded.
	JSON fhirjson.Limits
	// Keys is the optional key set that resources are loaded with. Evaluation does not need it.
	Keys *fhirjson.KeySet
}

// Resolver loads resources by reference.
type Resolver interface {
	// Resolve returns the JSON of the resource that a reference names: the text of Reference.reference, or a canonical.
	// The JSON must not change while the evaluator works on the loaded resource. Nil without an error means that there
	// is none.
	Resolve(ctx context.Context, reference string) ([]byte, error)
}

// Evaluator runs programs over one resource at a time. One goroutine at a time may use it. It keeps its buffers from
// one resource to the next.
type Evaluator struct {
	config EvalConfig
	limits Limits
	clock  func() time.Time

	main    document
	tape    fhirjson.Tape
	docs    []*document // from the resolver, in the order they were loaded
	byURL   map[string]*document
	results []Value // of all evaluations since Load
	buffers [][]Value
	arena   []byte // texts built since Load
	regexps regexpCache
	spent   int // steps of all evaluations since Load

	// The current evaluation. Its context is kept here, from Eval until it returns, because every operation counts
	// steps, which looks at the context, and a parameter for it would be in each call of the evaluation.
	ctx          context.Context
	prog         *Program
	env          *Env
	now          time.Time
	steps        int
	work         int // members passed over since steps were last counted
	maxSteps     int // maximum for one evaluation on the resource
	allowedSteps int // maximum for this one, given what others have spent
	nextCheck    int
	context      []Value // %context
	scope        scope
}

// scope holds the values of $this, $index, $total and of the variables of defineVariable(). Functions that set them
// restore the scope afterwards.
type scope struct {
	this  []Value // $this
	index int     // $index
	total []Value // $total
	vars  *variable
}

// variable is a list of the variables of defineVariable(), the latest first.
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

// Load parses a resource, which is then [Evaluator.Root]. Values from before become invalid. The bytes must not change
// until the next Load. Errors are those of fhirjson.
func (e *Evaluator) Load(raw []byte) error {
	e.Reset()
	return e.tape.Parse(raw, e.config.Keys, e.config.JSON)
}

// Reset discards the results of all evaluations. The resource stays loaded.
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

// Element returns a node of the loaded resource as a value of a FHIR type, of the model that p was compiled with; the
// type "" means unknown.
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

// Eval evaluates a program with focus as the input, %context and $this; the zero Value is the empty collection. env
// holds the variables that the program was compiled with, and may be nil if there are none. The result is valid until
// the next Load or Reset. The error is an [*EvalError].
//
// All programs that run on one resource should be compiled with the same model, since values keep their types.
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

// withType returns an item of the input with the type that the program gives it, if it has none yet.
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

// borrow returns an empty slice for intermediate values, to be returned with release.
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

// maxBuffers is the number of slices kept for reuse, more than expressions usually need at once.
const maxBuffers = 64

// release returns a slice from borrow, or the one that append made of it.
func (e *Evaluator) release(b []Value) {
	if cap(b) <= maxBuffer && len(e.buffers) < maxBuffers {
		e.buffers = append(e.buffers, b[:0])
	}
}

// input evaluates the receiver of an operation, $this if there is none. The caller must pass the result to done after
// its last use.
func (e *Evaluator) input(x operation) ([]Value, error) {
	if x == nil {
		return e.scope.this, nil
	}
	return x.eval(e, e.borrow())
}

// done releases the result of input.
func (e *Evaluator) done(x operation, in []Value) {
	if x != nil {
		e.release(in)
	}
}

// operand evaluates an expression with a scope of its own: variables that it defines are not visible after it. The
// result is to be released.
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
