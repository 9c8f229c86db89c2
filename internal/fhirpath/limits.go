package fhirpath

// Limits bound what one evaluation may cost. A field that is 0 means its default.
type Limits struct {
	// MaxSteps is the number of steps of one Eval: operations, items passed through functions, comparisons
	// of items, one for each 32 bytes of text that is built or searched, more for regular expressions, by the size of
	// text and program, and for functions such as exp() that compute many digits. Default [DefaultMaxSteps].
	MaxSteps int
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
	DefaultMaxSteps     = 500_000
	DefaultMaxItems     = 50_000
	DefaultMaxText      = 8 << 20
	DefaultMaxPattern   = 1_000
	DefaultMaxDocuments = 100
)

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.MaxSteps, DefaultMaxSteps)
	set(&l.MaxItems, DefaultMaxItems)
	set(&l.MaxText, DefaultMaxText)
	set(&l.MaxPattern, DefaultMaxPattern)
	set(&l.MaxDocuments, DefaultMaxDocuments)
	return l
}

// stepsPerCheck is how many steps pass between two looks at the context.
const stepsPerCheck = 4096

// step counts n steps and now and then looks at the context.
func (e *Evaluator) step(offset, n int) error {
	e.steps += n
	if e.steps < e.nextCheck {
		return nil
	}
	if e.steps > e.limits.MaxSteps {
		return limit(offset, "evaluation takes more than %d steps", e.limits.MaxSteps)
	}
	if err := e.ctx.Err(); err != nil {
		return &failure{kind: Canceled, offset: offset, msg: "evaluation was canceled", err: err}
	}
	e.nextCheck = min(e.steps+stepsPerCheck, e.limits.MaxSteps+1)
	return nil
}

// room checks the size of a collection.
func (e *Evaluator) room(offset int, c []Value) error {
	if len(c) > e.limits.MaxItems {
		return limit(offset, "collection has more than %d items", e.limits.MaxItems)
	}
	return nil
}

// textRoom checks the size of a text that is about to be built or searched, and counts steps for it.
func (e *Evaluator) textRoom(offset, n int) error {
	if n > e.limits.MaxText {
		return limit(offset, "text has more than %d bytes", e.limits.MaxText)
	}
	return e.step(offset, n/32)
}
