package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// Limits bound what one evaluation may cost. A field that is 0 means its default.
type Limits struct {
	// MaxSteps is the number of steps of one Eval: operations, items passed through functions, comparisons
	// of items, one for each 16 members that are passed in search of others, one for each 32 bytes of text that is
	// built or searched, more for regular expressions, by the size of text and program, for quantities that are
	// converted, and for functions such as exp() that compute many digits. Each JSON value of the loaded resource adds 5.
	// Default [DefaultMaxSteps].
	MaxSteps int
	// MaxResourceSteps is the number of steps of all evaluations on one loaded resource together, besides 200 for
	// each JSON value of it. Reset begins anew. Default [DefaultMaxResourceSteps].
	MaxResourceSteps int
	// MaxItems is the number of items in any one collection. Default [DefaultMaxItems].
	MaxItems int
	// MaxText is the number of bytes of a string that an expression builds. Default [DefaultMaxText].
	MaxText int
	// MaxPattern is the number of bytes of a regular expression. Default [DefaultMaxPattern].
	MaxPattern int
	// MaxDocuments is the number of resources that a resolver may bring for one loaded resource. Default
	// [DefaultMaxDocuments].
	MaxDocuments int
}

// What [Limits] means by 0.
const (
	defaultMaxSteps         = 300_000
	defaultMaxResourceSteps = 500_000
	defaultMaxItems         = 50_000
	defaultMaxText          = 8 << 20
	defaultMaxPattern       = 1_000
	defaultMaxDocuments     = 100
)

// What each JSON value of the loaded resource adds to MaxSteps and to MaxResourceSteps.
const (
	evalStepsPerNode = 5
	stepsPerNode     = 200
)

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.MaxSteps, defaultMaxSteps)
	set(&l.MaxResourceSteps, defaultMaxResourceSteps)
	set(&l.MaxItems, defaultMaxItems)
	set(&l.MaxText, defaultMaxText)
	set(&l.MaxPattern, defaultMaxPattern)
	set(&l.MaxDocuments, defaultMaxDocuments)
	return l
}

// stepsPerCheck is how many steps pass between two looks at the context.
const stepsPerCheck = 4096

// evalSteps is what an evaluation counts for however little it does.
const evalSteps = 8

// workPerStep is how many members of objects may be passed for one step.
const workPerStep = 16

// textPerStep is how many bytes of text that is only compared or looked through count one step.
const textPerStep = 256

// conversionSteps is what an operation on quantities counts for: their units may have to be read and converted.
const conversionSteps = 40

// unitSteps is what each byte of a unit adds.
const unitSteps = 10

// longSteps is what an operation on a number of many digits counts for.
const longSteps = 8

// begin starts the count of steps of an evaluation.
func (e *Evaluator) begin() {
	e.steps, e.work = evalSteps, 0
	nodes := e.tape.Len()
	e.maxSteps = e.limits.MaxSteps + evalStepsPerNode*nodes
	e.allowedSteps = min(e.maxSteps, e.limits.MaxResourceSteps+stepsPerNode*nodes-e.spent)
	e.nextCheck = min(stepsPerCheck, e.allowedSteps+1)
}

// end adds the steps of an evaluation to those that the resource has taken.
func (e *Evaluator) end() { e.spent += e.steps }

// step counts n steps, with those for the members passed since the last call, and now and then looks at the context.
func (e *Evaluator) step(offset, n int) error {
	e.steps += n + e.work/workPerStep
	e.work %= workPerStep
	if e.steps < e.nextCheck {
		return nil
	}
	if e.steps > e.allowedSteps {
		if e.allowedSteps < e.maxSteps {
			return limit(offset, "evaluations on the resource take more than %d steps", e.spent+e.allowedSteps)
		}
		return limit(offset, "evaluation takes more than %d steps", e.maxSteps)
	}
	if err := e.ctx.Err(); err != nil {
		return &failure{kind: Canceled, offset: offset, msg: "evaluation was canceled", err: err}
	}
	e.nextCheck = min(e.steps+stepsPerCheck, e.allowedSteps+1)
	return nil
}

// room checks the size of a collection.
func (e *Evaluator) checkItems(offset int, c []Value) error {
	if len(c) > e.limits.MaxItems {
		return limit(offset, "collection has more than %d items", e.limits.MaxItems)
	}
	return nil
}

// textRoom checks the size of a text that is about to be built or searched, and counts steps for it.
func (e *Evaluator) checkText(offset, n int) error {
	if n > e.limits.MaxText {
		return limit(offset, "text has more than %d bytes", e.limits.MaxText)
	}
	return e.step(offset, n/32)
}

// grown checks the size of a text after n bytes were added to it, and counts steps for those.
func (e *Evaluator) checkGrowth(offset, size, n int) error {
	if size > e.limits.MaxText {
		return e.checkText(offset, size)
	}
	return e.step(offset, n/32)
}

// costly counts steps for an operation on two values of System type k that takes longer than others: one on long texts
// that looks at as many bytes as both have, perStep of them for a step, or one on quantities or on numbers with more digits
// than a machine word holds.
func (e *Evaluator) costly(offset int, k Kind, a, b Value, perStep int) error {
	switch k {
	case String:
		if n := min(a.size(), b.size()); n > perStep {
			return e.step(offset, n/perStep)
		}
	case Decimal:
		if m, n := a.digits(), b.digits(); m > 18 || n > 18 {
			return e.step(offset, longSteps+m*n/5000)
		}
	case Quantity:
		return e.step(offset, conversionSteps+unitSteps*(a.unitSize()+b.unitSize()))
	}
	return nil
}

// size returns the number of bytes of a text as it stands.
func (v Value) size() int {
	switch {
	case v.kind != Element:
		return len(v.text)
	case v.node < 0:
		return 0
	}
	n := v.doc.tape.Node(int(v.node))
	return int(n.End - n.Start)
}

// digits returns about how many digits a number has, 0 for those that fit a machine word.
func (v Value) digits() int {
	switch x := v.sys.(type) {
	case system.Decimal:
		return x.Digits()
	case system.Quantity:
		return x.Value.Digits()
	}
	if v.kind == Element && v.node >= 0 && v.doc.tape.Node(int(v.node)).Kind == fhirjson.Number {
		return min(v.size(), 1_000)
	}
	return 0
}

// unitSize returns the number of bytes of a quantity's unit.
func (v Value) unitSize() int {
	if q, ok := v.sys.(system.Quantity); ok {
		return len(q.Unit)
	}
	if v.kind == Element {
		if q, ok := v.Quantity(); ok {
			return len(q.Unit)
		}
	}
	return 0
}
