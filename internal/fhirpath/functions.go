package fhirpath

import (
	"maps"
	"slices"
	"strconv"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// function is an entry of the table of functions. To add one, write its implementation in the file of its chapter, add
// an entry to the chapter's list and one to the table of package check (its input, arguments and result, for static
// checks), and add rows to the chapter's test table.
type function struct {
	name string
	// label is the name with its parentheses, for errors.
	label string
	// min and max bound the number of arguments; max is many for no bound.
	min, max int
	// args says how arguments are treated. The last entry also applies to the arguments after it; the default is
	// evaluated.
	args []argumentMode
	eval implementation
	// check, if set, checks the invocation at compile time.
	check func(c *compiler, call *invocation, x *syntax.Call)
}

// implementation appends the result of a function for the input in to dst. It keeps neither slice.
type implementation func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error)

// many is the arity without bound.
const many = -1

// argumentMode is a way to treat an argument.
type argumentMode uint8

const (
	evaluated        argumentMode = iota // once, in the scope of the invocation
	perItem                              // by the function, with each item of the input as $this
	perItemWithTotal                     // as perItem, with $total
	onInput                              // by the function, at most once, with the input as $this
	typeName                             // a type specifier
)

// functionTable is every function by name.
type functionTable map[string]*function

// functions is the table of all functions. It is never modified.
var functions = newFunctionTable(
	existenceFunctions, filteringFunctions, subsettingFunctions, conversionFunctions, stringFunctions,
	encodingFunctions, mathFunctions, treeFunctions, utilityFunctions, dateTimeFunctions, boundaryFunctions,
	aggregateFunctions, typeFunctions, fhirFunctions, keyFunctions,
)

func newFunctionTable(chapters ...[]*function) functionTable {
	table := functionTable{}
	for _, chapter := range chapters {
		for _, f := range chapter {
			f.label = f.name + "()"
			table[f.name] = f
		}
	}
	return table
}

// invocation calls a function.
type invocation struct {
	fn   *function
	x    operation // nil: $this
	args []operation
	spec typeSpec // of an argument that is a type
	pos  int
	// prepared is the result of check.
	prepared any
}

func (n *invocation) eval(e *Evaluator, dst []Value) ([]Value, error) {
	in, err := e.input(n.x)
	if err != nil {
		return dst, err
	}
	if err := e.step(n.pos, 1+len(in)); err != nil {
		return dst, err
	}
	dst, err = n.fn.eval(e, n, in, dst)
	if err == nil {
		err = e.checkItems(n.pos, dst)
	}
	e.done(n.x, in)
	return dst, err
}

// call compiles the invocation of a function.
func (c *compiler) call(x *syntax.Call) operation {
	receiver := c.receiver(x.X)
	fn := c.functions[x.Name]
	if fn == nil {
		c.unknownFunction(x)
		return &constant{}
	}
	if len(x.Args) < fn.min || fn.max != many && len(x.Args) > fn.max {
		c.report(Semantic, x.Offset, "%s() takes %s, not %d", x.Name, arity(fn), len(x.Args))
		return &constant{}
	}
	n := &invocation{fn: fn, x: receiver, pos: x.Offset}
	for i, arg := range x.Args {
		n.args = append(n.args, c.argument(n, fn.mode(i), arg))
	}
	if fn.check != nil {
		fn.check(c, n, x)
	}
	return n
}

// mode returns how the i-th argument is treated.
func (f *function) mode(i int) argumentMode {
	if len(f.args) == 0 {
		return evaluated
	}
	return f.args[min(i, len(f.args)-1)]
}

func (c *compiler) argument(n *invocation, how argumentMode, arg syntax.Expr) operation {
	switch how {
	case typeName:
		t, ok := typeArgument(arg)
		if !ok {
			c.report(Semantic, arg.Pos(), "%s() takes the name of a type", n.fn.name)
			return &constant{}
		}
		n.spec = c.typeSpec(t)
		return &constant{}
	case perItemWithTotal:
		outer := c.inAggregate
		c.inAggregate = true
		defer func() { c.inAggregate = outer }()
	}
	return c.operand(arg)
}

// typeArgument reads an argument as a type specifier: names joined by dots.
func typeArgument(arg syntax.Expr) (t syntax.TypeName, ok bool) {
	m, ok := arg.(*syntax.Member)
	if !ok {
		return t, false
	}
	if m.X != nil {
		if t, ok = typeArgument(m.X); !ok {
			return t, false
		}
	} else {
		t.Offset = m.Offset
	}
	t.Parts = append(t.Parts, m.Name)
	return t, true
}

// refused are the functions that are not supported, with the reason.
var refused = map[string]string{
	"elementDefinition": "there are no element definitions at run time",
	"slice":             "there are no profiles at run time",
	"checkModifiers":    "there are no element definitions at run time",
	"subsumes":          "there is no terminology service that knows subsumption",
	"subsumedBy":        "there is no terminology service that knows subsumption",
}

func (c *compiler) unknownFunction(x *syntax.Call) {
	if reason, ok := refused[x.Name]; ok {
		c.report(Unsupported, x.Offset, "function %s() is not supported: %s", x.Name, reason)
		return
	}
	hint := c.suggest(x.Name, func() []string { return slices.Collect(maps.Keys(c.functions)) })
	if hint != "" {
		hint += "()"
	}
	c.report(Semantic, x.Offset, "unknown function %s()%s", x.Name, hint)
}

// arity says how many arguments a function takes.
func arity(f *function) string {
	plural := func(n int) string {
		switch n {
		case 0:
			return "no arguments"
		case 1:
			return "1 argument"
		}
		return strconv.Itoa(n) + " arguments"
	}
	switch {
	case f.max == many && f.min == 0:
		return "any number of arguments"
	case f.max == many:
		return "at least " + plural(f.min)
	case f.min == f.max:
		return plural(f.min)
	}
	return strconv.Itoa(f.min) + " to " + plural(f.max)
}
