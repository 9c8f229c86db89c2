package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// Limits bound the cost of an evaluation. 0 means the default.
type Limits struct {
	// MaxSteps is the maximum number of steps of one Eval. A step is an operation, an item that passes through a
	// function, a comparison of items, 16 members that a search passes over, or 32 bytes of text that is built or
	// searched. Regular expressions count more, by the size of text and program, and so do conversions of quantities
	// and functions such as exp() that compute many digits. Each JSON value of the loaded resource adds 5 to the
	// maximum. Default 300,000.
	MaxSteps int
	// MaxResourceSteps is the maximum number of steps of all evaluations on one loaded resource, until Reset. Each JSON
	// value of the resource adds 200 to it. Default 500,000.
	MaxResourceSteps int
	// MaxItems is the maximum number of items in a collection. Default 50,000.
	MaxItems int
	// MaxText is the maximum number of bytes of a string that an expression builds. Default 8 MiB.
	MaxText int
	// MaxPattern is the maximum number of bytes of a regular expression. Default 1,000.
	MaxPattern int
	// MaxDocuments is the maximum number of resources from the resolver for one loaded resource. Default 100.
	MaxDocuments int
}

// The defaults of [Limits].
const (
	defaultMaxSteps         = 300_000
	defaultMaxResourceSteps = 500_000
	defaultMaxItems         = 50_000
	defaultMaxText          = 8 << 20
	defaultMaxPattern       = 1_000
	defaultMaxDocuments     = 100
)

// The steps that each JSON value of the loaded resource adds to MaxSteps and to MaxResourceSteps.
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

// stepsPerCheck is the number of steps between two checks of the context.
const stepsPerCheck = 4096

// evalSteps is the number of steps that every evaluation counts for.
const evalSteps = 8

// workPerStep is the number of members that a search passes over for one step.
const workPerStep = 16

// textPerStep is the number of bytes of one step for text that is only compared or scanned.
const textPerStep = 256

// conversionSteps is the number of steps of an operation on quantities, whose units may have to be converted.
const conversionSteps = 40

// unitSteps is the number of steps that each byte of a unit adds.
const unitSteps = 10

// longSteps is the number of steps of an operation on a number of many digits.
const longSteps = 8

// begin starts the count of steps of an evaluation.
func (e *Evaluator) begin() {
	e.steps, e.work = evalSteps, 0
	nodes := e.tape.Len()
	e.maxSteps = e.limits.MaxSteps + evalStepsPerNode*nodes
	e.allowedSteps = min(e.maxSteps, e.limits.MaxResourceSteps+stepsPerNode*nodes-e.spent)
	e.nextCheck = min(stepsPerCheck, e.allowedSteps+1)
}

// end adds the steps of an evaluation to those of the resource.
func (e *Evaluator) end() { e.spent += e.steps }

// step counts n steps, and those for the members passed over since the last call. From time to time it checks the
// context.
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

// checkItems checks the size of a collection.
func (e *Evaluator) checkItems(offset int, c []Value) error {
	if len(c) > e.limits.MaxItems {
		return limit(offset, "collection has more than %d items", e.limits.MaxItems)
	}
	return nil
}

// checkText checks the size of a text before it is built or searched, and counts steps for it.
func (e *Evaluator) checkText(offset, n int) error {
	if n > e.limits.MaxText {
		return limit(offset, "text has more than %d bytes", e.limits.MaxText)
	}
	return e.step(offset, n/32)
}

// checkGrowth checks the size of a text after n bytes were added to it, and counts steps for those.
func (e *Evaluator) checkGrowth(offset, size, n int) error {
	if size > e.limits.MaxText {
		return e.checkText(offset, size)
	}
	return e.step(offset, n/32)
}

// costly counts steps for an operation on two values of System type k that takes longer than others: on long texts,
// where perStep bytes count as one step, on quantities, and on numbers that do not fit a machine word.
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

// size returns the number of bytes of a text as written.
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

// digits returns the approximate number of digits of a number, 0 if it fits a machine word.
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
