package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// utilityFunctions are those of section "Utility functions", except dates and boundaries.
var utilityFunctions = []*function{
	{name: "trace", min: 1, max: 2, args: []argumentMode{evaluated, perItem}, eval: fnTrace},
	{name: "now", eval: fnNow},
	{name: "timeOfDay", eval: fnTimeOfDay},
	{name: "today", eval: fnToday},
	{name: "pathname", max: 1, eval: fnPathname},
	{
		name: "defineVariable", min: 1, max: 2, args: []argumentMode{evaluated, onInput},
		eval: fnDefineVariable, check: checkDefineVariable,
	},
}

// fnTrace is trace(name [, projection]) (section "Utility functions").
func fnTrace(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	name, _, err := c.textArg(e, 0)
	if err != nil {
		return dst, err
	}
	traced := in
	if len(c.args) > 1 {
		traced = e.borrow()
		err := c.each(e, c.args[1], in, func(_ int, result []Value) (bool, error) {
			traced = append(traced, result...)
			return true, e.checkItems(c.pos, traced)
		})
		if err != nil {
			return dst, err
		}
		defer func() { e.release(traced) }()
	}
	if e.config.Trace != nil {
		e.config.Trace(name, Collection(traced))
	}
	return append(dst, in...), nil
}

// dateTime returns the time of this evaluation.
func (e *Evaluator) dateTime() system.DateTime {
	t := e.today()
	_, offset := t.Zone()
	d, _ := system.NewDateTime(t.Unix(), int32(t.Nanosecond()), offset/60) // no clock is out of range
	return d
}

// fnNow is now() (section "Current date and time functions").
func fnNow(e *Evaluator, _ *invocation, _, dst []Value) ([]Value, error) {
	return append(dst, NewDateTime(e.dateTime())), nil
}

// fnTimeOfDay is timeOfDay() (section "Current date and time functions").
func fnTimeOfDay(e *Evaluator, _ *invocation, _, dst []Value) ([]Value, error) {
	t, ok := e.dateTime().Time()
	if !ok {
		return dst, nil
	}
	return append(dst, NewTime(t)), nil
}

// fnToday is today() (section "Current date and time functions").
func fnToday(e *Evaluator, _ *invocation, _, dst []Value) ([]Value, error) {
	return append(dst, NewDate(e.dateTime().Date())), nil
}

// checkDefineVariable makes the variable visible to the rest of the chain.
func checkDefineVariable(c *compiler, n *invocation, x *syntax.Call) {
	name, ok := constantText(n.args[0])
	switch {
	case !ok:
		name = dynamic
	case name == "":
		c.report(Semantic, x.Args[0].Pos(), "defineVariable() needs a name")
		return
	case c.taken(name):
		c.report(Semantic, x.Args[0].Pos(), "variable %%%s is defined already", name)
		return
	}
	depth := 1
	if c.vars != nil {
		depth += c.vars.depth
	}
	if depth > maxVariables {
		c.report(Limit, x.Offset, "more than %d variables are defined", maxVariables)
		return
	}
	c.vars = &binding{name, c.vars, depth}
}

// taken reports whether defineVariable cannot use a name.
func (c *compiler) taken(name string) bool {
	if _, constant := c.constants[name]; constant || builtin(name) {
		return true
	}
	if _, declared := c.variables[name]; declared {
		return true
	}
	for b := c.vars; b != nil; b = b.next {
		if b.name == name {
			return true
		}
	}
	return false
}

// fnDefineVariable is defineVariable(name [, projection]) (section "Utility functions"). The projection is
// evaluated once, with the input as $this.
func fnDefineVariable(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	name, ok, err := c.textArg(e, 0)
	if err != nil {
		return dst, err
	}
	if !ok || name == "" {
		return dst, fail(c.pos, "defineVariable() needs a name")
	}
	for v := e.scope.vars; v != nil; v = v.next {
		e.work++
		if v.name == name {
			return dst, fail(c.pos, "variable is defined already")
		}
	}
	defined := in
	if len(c.args) > 1 {
		outer := e.scope
		e.scope.this = in
		if defined, err = e.operand(c.args[1]); err != nil {
			return dst, err
		}
		defer e.release(defined)
		e.scope = outer
	}
	e.scope.vars = &variable{name, e.keep(defined), e.scope.vars}
	return append(dst, in...), nil
}
