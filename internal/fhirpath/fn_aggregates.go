package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// aggregateFunctions are those of chapter "Aggregates".
var aggregateFunctions = []*function{
	{name: "aggregate", min: 1, max: 2, args: []argumentMode{perItemWithTotal, evaluated}, eval: fnAggregate},
	{name: "sum", eval: fnSum},
	{name: "min", eval: extreme(-1)},
	{name: "max", eval: extreme(1)},
	{name: "avg", eval: fnAvg},
}

// fnAggregate is aggregate(aggregator [, init]) (section "aggregate").
func fnAggregate(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	total := e.borrow()
	if len(c.args) > 1 {
		init, err := e.operand(c.args[1])
		if err != nil {
			return dst, err
		}
		total = append(total, init...)
		e.release(init)
	}
	outer := e.scope
	for i := range in {
		e.scope = scope{this: in[i : i+1 : i+1], index: i, total: total, vars: outer.vars}
		result, err := c.args[0].eval(e, e.borrow())
		if err != nil {
			return dst, err
		}
		total = append(total[:0], result...)
		e.release(result)
		if err := e.checkItems(c.pos, total); err != nil {
			return dst, err
		}
	}
	e.scope = outer
	dst = append(dst, total...)
	e.release(total)
	return dst, nil
}

// sum adds the items of the input, which must be of one type.
func (c *invocation) sum(e *Evaluator, in []Value) (total Value, ok bool, err error) {
	for i := range in {
		v, ok, err := c.numberItem(e, in[i:i+1])
		if err != nil || !ok {
			return total, false, err
		}
		if i == 0 {
			total = v
			continue
		}
		if err := c.sameType(in[i-1], in[i]); err != nil {
			return total, false, err
		}
		if total, ok, err = e.calculate(syntax.OpAdd, total, v, c.pos); err != nil || !ok {
			return total, false, err
		}
	}
	return total, len(in) > 0, nil
}

// sameType fails if two items of the input are of different types. JSON numbers without a model have no type.
func (c *invocation) sameType(a, b Value) error {
	ka, kb := a.SystemKind(), b.SystemKind()
	if ka == kb || untypedNumber(a, ka) || untypedNumber(b, kb) {
		return nil
	}
	return fail(c.pos, "%s needs items of one type, not %s and %s", c.fn.label, describe(a), describe(b))
}

func untypedNumber(v Value, k Kind) bool {
	return v.kind == Element && v.typ == 0 && (k == Integer || k == Decimal)
}

// fnSum is sum() (section "sum").
func fnSum(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	total, ok, err := c.sum(e, in)
	if err != nil || !ok {
		return dst, err
	}
	return append(dst, total), nil
}

// fnAvg is avg() (section "avg").
func fnAvg(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	total, ok, err := c.sum(e, in)
	if err != nil || !ok {
		return dst, err
	}
	n := system.DecimalFromInt(int64(len(in)))
	if total.kind == Quantity {
		q := total.sys.(system.Quantity)
		if q.Value, ok = q.Value.Quo(n); ok {
			dst = append(dst, NewQuantity(q))
		}
		return dst, nil
	}
	d, _ := total.Decimal()
	if d, ok = d.Quo(n); ok {
		dst = append(dst, NewDecimal(d))
	}
	return dst, nil
}

// extreme makes min(), for the sign -1, and max(), for 1 (sections "min" and "max"). The result is empty if the order
// of two items is not known.
func extreme(sign int) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		if len(in) == 0 {
			return dst, nil
		}
		best := in[0]
		for i := range in {
			if !in[i].valueless() && !best.valueless() {
				if err := c.sameType(best, in[i]); err != nil {
					return dst, err
				}
			}
			order, known, err := e.compare(in[i], best, c.pos, c.fn.label)
			if err != nil || !known {
				return dst, err
			}
			if order == sign {
				best = in[i]
			}
		}
		return append(dst, best), nil
	}
}
