package fhirpath

import (
	"slices"

	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
)

// filteringFunctions are those of section "Filtering and projection".
var filteringFunctions = []*function{
	{name: "where", min: 1, max: 1, args: []argumentMode{perItem}, eval: fnWhere},
	{name: "select", min: 1, max: 1, args: []argumentMode{perItem}, eval: fnSelect},
	{name: "sort", max: many, args: []argumentMode{perItem}, eval: fnSort, check: checkSort},
	{name: "repeat", min: 1, max: 1, args: []argumentMode{perItem}, eval: fnRepeat},
	{name: "repeatAll", min: 1, max: 1, args: []argumentMode{perItem}, eval: fnRepeatAll},
	{name: "ofType", min: 1, max: 1, args: []argumentMode{typeName}, eval: fnOfType},
	{name: "coalesce", min: 1, max: many, eval: fnCoalesce},
}

// fnWhere is where(criteria) (section "Filtering and projection").
func fnWhere(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	err := c.eachTruth(e, c.args[0], in, func(i int, t truth) bool {
		if t == yes {
			dst = append(dst, in[i])
		}
		return true
	})
	return dst, err
}

// fnSelect is select(projection) (section "Filtering and projection").
func fnSelect(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	outer := e.scope
	for i := range in {
		e.scope.this, e.scope.index, e.scope.vars = in[i:i+1:i+1], i, outer.vars
		var err error
		if dst, err = c.args[0].eval(e, dst); err != nil {
			return dst, err
		}
		if err := e.checkItems(c.pos, dst); err != nil {
			return dst, err
		}
	}
	e.scope = outer
	return dst, nil
}

// fnRepeat is repeat(projection) (section "Filtering and projection"): items are added once.
func fnRepeat(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	set := newItemSet(e, len(dst))
	return c.repeat(e, in, dst, func(dst []Value, v Value) ([]Value, error) {
		dst, _, err := set.add(dst, v, c.pos)
		return dst, err
	})
}

// fnRepeatAll is repeatAll(projection) (section "Filtering and projection"): every item is added.
func fnRepeatAll(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	return c.repeat(e, in, dst, func(dst []Value, v Value) ([]Value, error) {
		return append(dst, v), e.step(c.pos, 1)
	})
}

// repeat projects the input, then the items that this added, and so on until none are added.
func (c *invocation) repeat(e *Evaluator, in, dst []Value, add func([]Value, Value) ([]Value, error)) ([]Value, error) {
	start := len(dst)
	project := func(items []Value) error {
		return c.each(e, c.args[0], items, func(_ int, result []Value) (bool, error) {
			for i := range result {
				var err error
				if dst, err = add(dst, result[i]); err != nil {
					return false, err
				}
			}
			return true, e.checkItems(c.pos, dst)
		})
	}
	if err := project(in); err != nil {
		return dst, err
	}
	for next := start; next < len(dst); {
		round := dst[next:] // unchanged while dst grows
		next = len(dst)
		if err := project(round); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// fnOfType is ofType(type) (section "Filtering and projection").
func fnOfType(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	for i := range in {
		if c.spec.selects(e.prog.schema, in[i]) {
			dst = append(dst, in[i])
		}
	}
	return dst, nil
}

// fnCoalesce is coalesce(value, ...) (section "Filtering and projection").
func fnCoalesce(e *Evaluator, c *invocation, _, dst []Value) ([]Value, error) {
	vars := e.scope.vars
	for _, arg := range c.args {
		before := len(dst)
		var err error
		dst, err = arg.eval(e, dst)
		e.scope.vars = vars
		if err != nil || len(dst) > before {
			return dst, err
		}
	}
	return dst, nil
}

// sortKey is the direction of a key of sort().
type sortKey struct {
	descending bool
	// negated is the form -key: it reverses the order of the values, but empty keys, which have no sign, stay first.
	negated bool
}

// checkSort finds the direction of each key.
func checkSort(c *compiler, n *invocation, x *syntax.Call) {
	keys := make([]sortKey, len(x.Args))
	for i, arg := range x.Args {
		keys[i].descending = i < len(x.Descending) && x.Descending[i]
		if sign, ok := arg.(*syntax.Unary); ok && sign.Op == syntax.OpSub {
			keys[i].negated = true
			n.args[i] = c.operand(sign.X)
		}
	}
	n.prepared = keys
}

// fnSort is sort([key [asc|desc], ...]) (section "Filtering and projection"). Items whose order is not known, such as
// dates of different precision, keep the order they have. A key after the first is evaluated only for items whose
// earlier keys are equal.
func fnSort(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	s := sorting{e: e, c: c, in: in, keys: c.prepared.([]sortKey), cells: in}
	width := max(1, len(s.keys))
	if err := e.step(c.pos, width*len(in)); err != nil {
		return dst, err
	}
	if len(s.keys) > 0 {
		s.cells, s.known = make([]Value, width*len(in)), make([]bool, width*len(in))
		for i := range in {
			if _, err := s.cell(i, 0); err != nil {
				return dst, err
			}
		}
	} else {
		s.keys = make([]sortKey, 1)
		if slices.ContainsFunc(in, Value.valueless) { // their keys are empty
			s.cells = slices.Clone(in)
			for i, v := range in {
				if v.valueless() {
					s.cells[i] = Value{}
				}
			}
		}
	}
	order := make([]int, len(in)) // indexes of the items
	for i := range order {
		order[i] = i
	}
	var failed error
	slices.SortStableFunc(order, func(a, b int) (sign int) {
		if failed == nil {
			sign, failed = s.compare(a, b)
		}
		return sign
	})
	for _, i := range order {
		dst = append(dst, in[i])
	}
	return dst, failed
}

// sorting is the state of one sort.
type sorting struct {
	e    *Evaluator
	c    *invocation
	in   []Value
	keys []sortKey
	// cells are the keys of the items, item by item; known marks those that have been evaluated, nil means all.
	cells []Value
	known []bool
}

// cell returns a key of an item; the zero Value is empty.
func (s *sorting) cell(item, key int) (*Value, error) {
	at := item*len(s.keys) + key
	if s.known == nil || s.known[at] {
		return &s.cells[at], nil
	}
	s.known[at] = true
	err := s.c.each(s.e, s.c.args[key], s.in[item:item+1], func(_ int, result []Value) (bool, error) {
		if len(result) > 1 {
			return false, fail(s.c.pos, "a key of sort() must be a single item, not several")
		}
		if len(result) == 1 && !result[0].valueless() {
			s.cells[at] = result[0]
		}
		return true, nil
	})
	return &s.cells[at], err
}

// compare orders two items by the first of their keys that differ.
func (s *sorting) compare(a, b int) (order int, err error) {
	for k, key := range s.keys {
		x, err := s.cell(a, k)
		if err != nil {
			return 0, err
		}
		y, err := s.cell(b, k)
		if err != nil {
			return 0, err
		}
		order, equal, err := s.e.sortOrder(key, x, y, s.c.pos)
		if err != nil || !equal {
			return order, err
		}
	}
	return 0, nil
}

// sortOrder compares two keys; the zero Value, which is empty, comes before all others. Keys whose order is not known
// are not equal.
func (e *Evaluator) sortOrder(key sortKey, a, b *Value, pos int) (order int, equal bool, err error) {
	if err := e.step(pos, 1); err != nil {
		return 0, false, err
	}
	switch {
	case a.kind == 0 && b.kind == 0:
		return 0, true, nil
	case a.kind == 0:
		order = -1
	case b.kind == 0:
		order = 1
	default:
		var known bool
		if order, known, err = e.compare(*a, *b, pos, "sort()"); err != nil {
			return 0, false, err
		}
		equal = known && order == 0
		if key.negated {
			order = -order
		}
	}
	if key.descending {
		order = -order
	}
	return order, equal, nil
}
