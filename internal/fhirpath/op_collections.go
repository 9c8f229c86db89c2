package fhirpath

// union is | (section "Collections").
type union struct{ binary }

func (n *union) eval(e *Evaluator, dst []Value) ([]Value, error) {
	left, err := e.operand(n.left)
	if err != nil {
		return dst, err
	}
	right, err := e.operand(n.right)
	if err != nil {
		return dst, err
	}
	dst, err = e.appendDistinct(dst, n.pos, left, right)
	e.release(left)
	e.release(right)
	return dst, err
}

// membership is in, or contains with its operands swapped: whether the single left item is in the right collection.
type membership struct{ binary }

func (n *membership) eval(e *Evaluator, dst []Value) ([]Value, error) {
	item, err := e.single(n.left, n.pos, "membership")
	if err != nil || item.kind == 0 {
		return dst, err
	}
	c, err := e.operand(n.right)
	if err != nil {
		return dst, err
	}
	found, err := e.holds(c, item, n.pos)
	e.release(c)
	return append(dst, NewBoolean(found)), err
}

// holds reports whether an item equal to v is in c.
func (e *Evaluator) holds(c []Value, v Value, pos int) (bool, error) {
	for i := range c {
		t, err := e.related(equalTo, c[i], v, pos)
		if err != nil || t == yes {
			return err == nil, err
		}
	}
	return false, nil
}

// appendDistinct appends the distinct items of the collections to dst. Items that dst already has are not compared.
func (e *Evaluator) appendDistinct(dst []Value, pos int, collections ...[]Value) ([]Value, error) {
	set := newItemSet(e, len(dst))
	for _, c := range collections {
		for i := range c {
			var err error
			if dst, _, err = set.add(dst, c[i], pos); err != nil {
				return dst, err
			}
		}
	}
	return dst, e.checkItems(pos, dst)
}
