package fhirpath

// subsettingFunctions are those of sections "Subsetting" and "Combining".
var subsettingFunctions = []*function{
	{name: "single", eval: fnSingle},
	{name: "first", eval: fnFirst},
	{name: "last", eval: fnLast},
	{name: "tail", eval: fnTail},
	{name: "skip", min: 1, max: 1, eval: fnSkip},
	{name: "take", min: 1, max: 1, eval: fnTake},
	{name: "intersect", min: 1, max: 1, eval: fnIntersect},
	{name: "exclude", min: 1, max: 1, eval: fnExclude},
	{name: "union", min: 1, max: 1, eval: fnUnion},
	{name: "combine", min: 1, max: 2, eval: fnCombine},
}

// fnSingle is single() (section "Subsetting").
func fnSingle(_ *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	if len(in) > 1 {
		return dst, fail(c.pos, "single() wants a single item, not several")
	}
	return append(dst, in...), nil
}

// fnFirst is first() (section "Subsetting").
func fnFirst(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, in[:min(1, len(in))]...), nil
}

// fnLast is last() (section "Subsetting").
func fnLast(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, in[max(0, len(in)-1):]...), nil
}

// fnTail is tail() (section "Subsetting").
func fnTail(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, in[min(1, len(in)):]...), nil
}

// fnSkip is skip(num) (section "Subsetting").
func fnSkip(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	n, ok, err := c.integerArg(e, 0)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, in[clamp(n, len(in)):]...), nil
}

// fnTake is take(num) (section "Subsetting").
func fnTake(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	n, ok, err := c.integerArg(e, 0)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, in[:clamp(n, len(in))]...), nil
}

// clamp brings n into the range 0 to length.
func clamp(n int64, length int) int { return int(max(0, min(n, int64(length)))) }

// fnIntersect is intersect(other) (section "Subsetting").
func fnIntersect(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	other, err := e.operand(c.args[0])
	if err != nil {
		return dst, err
	}
	set, items, err := e.setOf(other, c.pos)
	if err != nil {
		return dst, err
	}
	result := newItemSet(e, len(dst))
	for i := range in {
		found, err := set.contains(items, in[i], c.pos)
		if err == nil && found {
			dst, _, err = result.add(dst, in[i], c.pos)
		}
		if err != nil {
			return dst, err
		}
	}
	e.release(items)
	e.release(other)
	return dst, nil
}

// fnExclude is exclude(other) (section "Subsetting").
func fnExclude(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	other, err := e.operand(c.args[0])
	if err != nil {
		return dst, err
	}
	set, items, err := e.setOf(other, c.pos)
	if err != nil {
		return dst, err
	}
	for i := range in {
		found, err := set.contains(items, in[i], c.pos)
		if err != nil {
			return dst, err
		}
		if !found {
			dst = append(dst, in[i])
		}
	}
	e.release(items)
	e.release(other)
	return dst, nil
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
