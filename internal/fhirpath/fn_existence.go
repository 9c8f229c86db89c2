package fhirpath

// existenceFunctions are those of section "Existence".
var existenceFunctions = []*function{
	{name: "empty", eval: fnEmpty},
	{name: "exists", max: 1, args: []argumentMode{perItem}, eval: fnExists},
	{name: "all", min: 1, max: 1, args: []argumentMode{perItem}, eval: fnAll},
	{name: "allTrue", eval: booleans(func(_, falses int) bool { return falses == 0 })},
	{name: "anyTrue", eval: booleans(func(trues, _ int) bool { return trues > 0 })},
	{name: "allFalse", eval: booleans(func(trues, _ int) bool { return trues == 0 })},
	{name: "anyFalse", eval: booleans(func(_, falses int) bool { return falses > 0 })},
	{name: "subsetOf", min: 1, max: 1, eval: subset(false)},
	{name: "supersetOf", min: 1, max: 1, eval: subset(true)},
	{name: "count", eval: fnCount},
	{name: "distinct", eval: fnDistinct},
	{name: "isDistinct", eval: fnIsDistinct},
	{name: "not", eval: fnNot},
}

// fnEmpty is empty() (section "Existence").
func fnEmpty(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, NewBoolean(len(in) == 0)), nil
}

// fnExists is exists([criteria]) (section "Existence").
func fnExists(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	if len(c.args) == 0 {
		return append(dst, NewBoolean(len(in) > 0)), nil
	}
	found := false
	err := c.eachTruth(e, c.args[0], in, func(_ int, t truth) bool {
		found = t == yes
		return !found
	})
	return append(dst, NewBoolean(found)), err
}

// fnAll is all(criteria) (section "Existence").
func fnAll(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	all := true
	err := c.eachTruth(e, c.args[0], in, func(_ int, t truth) bool {
		all = t == yes
		return all
	})
	return append(dst, NewBoolean(all)), err
}

// booleans makes allTrue(), anyTrue(), allFalse() and anyFalse() (section "Existence"): a test of how many items of the
// input are true and how many are false.
func booleans(test func(trues, falses int) bool) implementation {
	return func(_ *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		trues, falses := 0, 0
		for i := range in {
			b, ok := in[i].Bool()
			switch {
			case ok && b:
				trues++
			case ok:
				falses++
			case truthOfItem(in[i]) != unknown:
				return dst, fail(c.pos, "%s needs Booleans, not %s", c.fn.label, describe(in[i]))
			}
		}
		return append(dst, NewBoolean(test(trues, falses))), nil
	}
}

// subset makes subsetOf(other), or supersetOf(other) if super is set (section "Existence").
func subset(super bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		other, err := e.operand(c.args[0])
		if err != nil {
			return dst, err
		}
		whole, part := other, in
		if super {
			whole, part = in, other
		}
		all, err := e.holdsAll(whole, part, c.pos)
		e.release(other)
		return append(dst, NewBoolean(all)), err
	}
}

// holdsAll reports whether every item of part equals an item of whole.
func (e *Evaluator) holdsAll(whole, part []Value, pos int) (bool, error) {
	set, items, err := e.setOf(whole, pos)
	if err != nil {
		return false, err
	}
	all := true
	for i := range part {
		if all, err = set.contains(items, part[i], pos); err != nil || !all {
			break
		}
	}
	e.release(items)
	return all, err
}

// setOf returns the distinct items of a collection and their set. Release the items after use.
func (e *Evaluator) setOf(c []Value, pos int) (itemSet, []Value, error) {
	items := e.borrow()
	set := newItemSet(e, 0)
	for i := range c {
		var err error
		if items, _, err = set.add(items, c[i], pos); err != nil {
			return set, nil, err
		}
	}
	return set, items, nil
}

// fnCount is count() (section "Existence").
func fnCount(_ *Evaluator, _ *invocation, in, dst []Value) ([]Value, error) {
	return append(dst, NewInteger(int32(len(in)))), nil
}

// fnDistinct is distinct() (section "Existence").
func fnDistinct(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	return e.appendDistinct(dst, c.pos, in)
}

// fnIsDistinct is isDistinct() (section "Existence").
func fnIsDistinct(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	_, items, err := e.setOf(in, c.pos)
	if err != nil {
		return dst, err
	}
	e.release(items)
	return append(dst, NewBoolean(len(items) == len(in))), nil
}

// fnNot is not() (section "Boolean logic").
func fnNot(_ *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	t, err := truthOfCollection(in, c.pos, "not()")
	return appendTruth(dst, t.not()), err
}
