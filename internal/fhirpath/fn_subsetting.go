package fhirpath

// subsettingFunctions are those of sections "Subsetting" and "Combining".
var subsettingFunctions = []*function{
	{name: "single", eval: fnSingle},
	{name: "first", eval: part(func(in []Value) []Value { return in[:min(1, len(in))] })},
	{name: "last", eval: part(func(in []Value) []Value { return in[max(0, len(in)-1):] })},
	{name: "tail", eval: part(func(in []Value) []Value { return in[min(1, len(in)):] })},
	{name: "skip", min: 1, max: 1, eval: partAt(func(in []Value, n int) []Value { return in[n:] })},
	{name: "take", min: 1, max: 1, eval: partAt(func(in []Value, n int) []Value { return in[:n] })},
	{name: "intersect", min: 1, max: 1, eval: fnIntersect},
	{name: "exclude", min: 1, max: 1, eval: fnExclude},
	{name: "union", min: 1, max: 1, eval: fnUnion},
	{name: "combine", min: 1, max: 2, eval: fnCombine},
}

// fnSingle is single() (section "Subsetting").
func fnSingle(_ *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	if len(in) > 1 {
		return dst, fail(c.pos, "single() needs a single item, not several")
	}
	return append(dst, in...), nil
}

// part makes first(), last() and tail() (section "Subsetting").
func part(of func(in []Value) []Value) implementation {
	return func(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
		return append(dst, of(in)...), nil
	}
}

// partAt makes skip(num) and take(num) (section "Subsetting"). The number is brought into the range 0 to len(in).
func partAt(of func(in []Value, n int) []Value) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		n, ok, err := c.integerArg(e, 0)
		if err != nil || !ok {
			return dst, err
		}
		return append(dst, of(in, int(max(0, min(n, int64(len(in))))))...), nil
	}
}

// eachFound calls visit for each item of the input, and reports whether the argument has an item that equals it.
func (c *invocation) eachFound(e *Evaluator, in []Value, visit func(v Value, found bool) error) error {
	other, err := e.operand(c.args[0])
	if err != nil {
		return err
	}
	set, items, err := e.setOf(other, c.pos)
	if err != nil {
		return err
	}
	for i := range in {
		found, err := set.contains(items, in[i], c.pos)
		if err == nil {
			err = visit(in[i], found)
		}
		if err != nil {
			return err
		}
	}
	e.release(items)
	e.release(other)
	return nil
}

// fnIntersect is intersect(other) (section "Subsetting").
func fnIntersect(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	result := newItemSet(e, len(dst))
	err := c.eachFound(e, in, func(v Value, found bool) (err error) {
		if found {
			dst, _, err = result.add(dst, v, c.pos)
		}
		return err
	})
	return dst, err
}

// fnExclude is exclude(other) (section "Subsetting").
func fnExclude(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	err := c.eachFound(e, in, func(v Value, found bool) error {
		if !found {
			dst = append(dst, v)
		}
		return nil
	})
	return dst, err
}

// fnUnion is union(other) (section "Combining").
func fnUnion(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	other, err := e.operand(c.args[0])
	if err != nil {
		return dst, err
	}
	dst, err = e.appendDistinct(dst, c.pos, in, other)
	e.release(other)
	return dst, err
}

// fnCombine is combine(other [, preserveOrder]) (section "Combining"). Order is always preserved.
func fnCombine(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	if len(c.args) > 1 {
		if _, err := e.truth(c.args[1], c.pos, "combine()"); err != nil {
			return dst, err
		}
	}
	vars := e.scope.vars
	dst, err := c.args[0].eval(e, append(dst, in...))
	e.scope.vars = vars
	return dst, err
}
