package fhirpath

// The functions of this file read the single items that most functions need, from the input or an argument. ok is
// false if there is none: the result of the function is empty then.

// one returns the only item of the input.
func (c *invocation) onlyItem(in []Value) (v Value, ok bool, err error) {
	switch len(in) {
	case 0:
		return v, false, nil
	case 1:
		return in[0], !in[0].valueless(), nil
	}
	return v, false, fail(c.pos, "%s needs a single item, not several", c.fn.label)
}

// text returns the only item of the input as a string.
func (c *invocation) textItem(in []Value) (s string, ok bool, err error) {
	v, ok, err := c.onlyItem(in)
	if err != nil || !ok {
		return "", false, err
	}
	if v.SystemKind() != String {
		return "", false, fail(c.pos, "%s needs a String, not %s", c.fn.label, describe(v))
	}
	s, ok = v.Text()
	return s, ok, nil
}

// arg evaluates an argument as a single item.
func (c *invocation) arg(e *Evaluator, i int) (v Value, ok bool, err error) {
	v, err = e.single(c.args[i], c.pos, c.fn.label)
	return v, err == nil && v.kind != 0 && !v.valueless(), err
}

// textArg evaluates an argument as a string.
func (c *invocation) textArg(e *Evaluator, i int) (s string, ok bool, err error) {
	v, ok, err := c.arg(e, i)
	if err != nil || !ok {
		return "", false, err
	}
	if v.SystemKind() != String {
		return "", false, fail(c.pos, "%s needs a String as argument, not %s", c.fn.label, describe(v))
	}
	s, ok = v.Text()
	return s, ok, nil
}

// integerArg evaluates an argument as an integer.
func (c *invocation) integerArg(e *Evaluator, i int) (n int64, ok bool, err error) {
	return e.integerOf(c.args[i], c.pos, c.fn.label)
}

// integerOf evaluates an operation as an integer.
func (e *Evaluator) integerOf(n operation, pos int, what string) (i int64, ok bool, err error) {
	v, err := e.single(n, pos, what)
	if err != nil || v.kind == 0 || v.valueless() {
		return 0, false, err
	}
	if i, ok = v.Int64(); !ok {
		return 0, false, fail(pos, "%s needs an Integer, not %s", what, describe(v))
	}
	return i, true, nil
}

// each evaluates the argument arg with each item of in as $this, and calls visit with the item's index and the result,
// which is valid only during the call. visit returns false to stop.
func (c *invocation) each(e *Evaluator, arg operation, in []Value, visit func(i int, result []Value) (bool, error)) error {
	outer := e.scope
	for i := range in {
		e.scope.this, e.scope.index, e.scope.vars = in[i:i+1:i+1], i, outer.vars
		result, err := arg.eval(e, e.borrow())
		if err != nil {
			return err
		}
		more, err := visit(i, result)
		e.release(result)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	e.scope = outer
	return nil
}

// eachTruth is each for a criterion.
func (c *invocation) eachTruth(e *Evaluator, arg operation, in []Value, visit func(i int, t truth) bool) error {
	return c.each(e, arg, in, func(i int, result []Value) (bool, error) {
		t, err := truthOfCollection(result, c.pos, c.fn.label)
		return err == nil && visit(i, t), err
	})
}
