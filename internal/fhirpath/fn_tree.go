package fhirpath

// treeFunctions are those of section "Tree navigation".
var treeFunctions = []*function{
	{name: "children", eval: fnChildren},
	{name: "descendants", eval: fnDescendants},
}

// fnChildren is children() (section "Tree navigation").
func fnChildren(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		var err error
		if dst, err = e.appendChildren(dst, in[i], c.pos); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (e *Evaluator) appendChildren(dst []Value, v Value, pos int) ([]Value, error) {
	if v.kind != Element {
		return dst, nil
	}
	before := len(dst)
	dst = v.doc.children(dst, v)
	if err := e.checkItems(pos, dst); err != nil {
		return dst, err
	}
	return dst, e.step(pos, 1+len(dst)-before)
}

// fnDescendants is descendants() (section "Tree navigation"): every node below the items of the input, once for each
// way to it.
func fnDescendants(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	next := len(dst)
	dst, err := fnChildren(e, c, in, dst)
	for ; err == nil && next < len(dst); next++ {
		dst, err = e.appendChildren(dst, dst[next], c.pos)
	}
	return dst, err
}
