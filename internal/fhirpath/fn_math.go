package fhirpath

import "github.com/researchflow/researchflow/internal/fhirpath/system"

// transcendental is the number of steps that logarithms, powers and roots count for: with 34 digits they take much
// longer than any other function.
const transcendental = 3_000

// mathFunctions are those of section "Math".
var mathFunctions = []*function{
	{name: "abs", eval: fnAbs},
	{name: "ceiling", eval: whole(system.Decimal.Ceiling)},
	{name: "floor", eval: whole(system.Decimal.Floor)},
	{name: "truncate", eval: whole(system.Decimal.Truncate)},
	{name: "exp", eval: decimalFunction(system.Decimal.Exp)},
	{name: "ln", eval: decimalFunction(system.Decimal.Ln)},
	{name: "sqrt", eval: decimalFunction(system.Decimal.Sqrt)},
	{name: "log", min: 1, max: 1, eval: fnLog},
	{name: "power", min: 1, max: 1, eval: fnPower},
	{name: "round", max: 1, eval: fnRound},
}

// numberItem returns the only item of the input, a number or Quantity, as a System value.
func (c *invocation) numberItem(e *Evaluator, in []Value) (v Value, ok bool, err error) {
	v, ok, err = c.onlyItem(in)
	if err != nil || !ok {
		return v, false, err
	}
	if v.digits() > 18 {
		if err := e.step(c.pos, longSteps); err != nil {
			return v, false, err
		}
	}
	switch v.SystemKind() {
	case Integer, Long, Decimal, Quantity:
		v, ok = v.System()
		return v, ok, nil
	}
	return v, false, fail(c.pos, "%s is not defined for %s", c.fn.label, describe(v))
}

// decimal returns the only item of the input, a number, as a Decimal.
func (c *invocation) decimal(e *Evaluator, in []Value) (d system.Decimal, ok bool, err error) {
	v, ok, err := c.numberItem(e, in)
	if err != nil || !ok {
		return d, false, err
	}
	if v.kind == Quantity {
		return d, false, fail(c.pos, "%s is not defined for %s", c.fn.label, describe(v))
	}
	d, ok = v.Decimal()
	return d, ok, nil
}

// decimalArg evaluates an argument as a Decimal.
func (c *invocation) decimalArg(e *Evaluator, i int) (v Value, d system.Decimal, ok bool, err error) {
	v, ok, err = c.arg(e, i)
	if err != nil || !ok {
		return v, d, false, err
	}
	if d, ok = v.Decimal(); !ok {
		return v, d, false, fail(c.pos, "%s needs a number as argument, not %s", c.fn.label, describe(v))
	}
	return v, d, true, nil
}

// fnAbs is abs() (section "Math").
func fnAbs(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.numberItem(e, in)
	if err != nil || !ok {
		return dst, err
	}
	switch {
	case v.kind == Decimal:
		v = NewDecimal(v.sys.(system.Decimal).Abs())
	case v.kind == Quantity:
		v = NewQuantity(v.sys.(system.Quantity).Abs())
	case v.num < 0:
		v, ok = negate(v)
	}
	if ok {
		dst = append(dst, v)
	}
	return dst, nil
}

// whole makes ceiling(), floor() and truncate() (section "Math").
func whole(apply func(system.Decimal) system.Decimal) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.numberItem(e, in)
		if err != nil || !ok {
			return dst, err
		}
		switch v.kind {
		case Decimal:
			n, ok := apply(v.sys.(system.Decimal)).Integer()
			if !ok {
				return dst, nil
			}
			v = NewInteger(n)
		case Quantity:
			q := v.sys.(system.Quantity)
			q.Value = apply(q.Value)
			v = NewQuantity(q)
		}
		return append(dst, v), nil
	}
}

// decimalFunction makes exp(), ln() and sqrt() (section "Math"). A result that cannot be represented is empty.
func decimalFunction(apply func(system.Decimal) (system.Decimal, bool)) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		d, ok, err := c.decimal(e, in)
		if err != nil || !ok {
			return dst, err
		}
		if d, ok = apply(d); ok {
			dst = append(dst, NewDecimal(d))
		}
		return dst, e.step(c.pos, transcendental)
	}
}

// fnLog is log(base) (section "Math").
func fnLog(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	d, ok, err := c.decimal(e, in)
	if err != nil {
		return dst, err
	}
	_, base, given, err := c.decimalArg(e, 0)
	if err != nil || !ok || !given {
		return dst, err
	}
	if d.Sign() <= 0 || base.Sign() <= 0 {
		return dst, fail(c.pos, "log() needs a number and a base greater than zero")
	}
	if d, ok = d.Log(base); ok {
		dst = append(dst, NewDecimal(d))
	}
	return dst, e.step(c.pos, transcendental)
}

// fnPower is power(exponent) (section "Math"). For Integers the result is an Integer if it can be one, as in FHIRPath
// 2.0.
func fnPower(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.numberItem(e, in)
	if err != nil {
		return dst, err
	}
	exponent, n, given, err := c.decimalArg(e, 0)
	if err != nil || !ok || !given {
		return dst, err
	}
	d, ok := v.Decimal()
	if !ok || v.kind == Quantity {
		return dst, fail(c.pos, "power() is not defined for %s", describe(v))
	}
	integers := v.kind == Integer && exponent.SystemKind() == Integer && n.Sign() >= 0
	if err := e.step(c.pos, transcendental); err != nil {
		return dst, err
	}
	if d, ok = d.Power(n); !ok {
		return dst, nil
	}
	result := NewDecimal(d)
	if integers {
		if i, fits := d.Integer(); fits {
			result = NewInteger(i)
		}
	}
	return append(dst, result), nil
}

// fnRound is round([precision]) (section "Math").
func fnRound(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.numberItem(e, in)
	if err != nil {
		return dst, err
	}
	precision, given := int64(0), true
	if len(c.args) > 0 {
		if precision, given, err = c.integerArg(e, 0); err != nil {
			return dst, err
		}
	}
	if !ok || !given {
		return dst, nil
	}
	if precision < 0 {
		return dst, fail(c.pos, "round() needs a precision of at least 0")
	}
	if v.kind == Quantity {
		q := v.sys.(system.Quantity)
		if q.Value, ok = q.Value.Round(int(min(precision, 1000))); ok {
			dst = append(dst, NewQuantity(q))
		}
		return dst, nil
	}
	d, _ := v.Decimal()
	if d, ok = d.Round(int(min(precision, 1000))); ok {
		dst = append(dst, NewDecimal(d))
	}
	return dst, nil
}
