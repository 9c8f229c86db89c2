package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// boundaryFunctions are lowBoundary, highBoundary and precision of section "Utility functions", and comparable
// of section "Comparison".
var boundaryFunctions = []*function{
	{name: "lowBoundary", max: 1, eval: boundary(false)},
	{name: "highBoundary", max: 1, eval: boundary(true)},
	{name: "precision", eval: fnPrecision},
	{name: "comparable", min: 1, max: 1, eval: fnComparable},
}

// boundary makes lowBoundary([precision]) and highBoundary([precision]) (section "Utility functions"). For a FHIR
// Period it is the boundary of its start or end, as SQL on FHIR specifies.
func boundary(high bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.onlyItem(in)
		if err != nil || !ok {
			return dst, err
		}
		var precision *int
		if len(c.args) > 0 {
			n, given, err := c.integerArg(e, 0)
			if err != nil || !given {
				return dst, err
			}
			digits := int(max(-1, min(n, 1000)))
			precision = &digits
		}
		if v.TypeCode() == "Period" {
			name := "start"
			if high {
				name = "end"
			}
			ends := navigate(e.borrow(), v, name)
			defer e.release(ends)
			if len(ends) != 1 || ends[0].valueless() {
				return dst, nil
			}
			v = ends[0]
		}
		if err := e.step(c.pos, longSteps); err != nil {
			return dst, err
		}
		result, ok, defined := boundaryOf(v, high, precision)
		if !defined {
			return dst, fail(c.pos, "%s is not defined for %s", c.fn.label, describe(v))
		}
		if ok {
			dst = append(dst, result)
		}
		return dst, nil
	}
}

// boundaryOf returns a boundary of a value; defined is false if the type has none.
func boundaryOf(v Value, high bool, precision *int) (result Value, ok, defined bool) {
	s, ok := v.System()
	if !ok {
		return s, false, v.SystemKind() != 0
	}
	if s.kind == Integer || s.kind == Long {
		s = NewDecimal(system.DecimalFromInt(s.num))
	}
	switch x := s.sys.(type) {
	case system.Decimal:
		return systemBoundary(x, high, precision, NewDecimal)
	case system.Date:
		return systemBoundary(x, high, precision, NewDate)
	case system.DateTime:
		return systemBoundary(x, high, precision, NewDateTime)
	case system.Time:
		return systemBoundary(x, high, precision, NewTime)
	case system.Quantity:
		return systemBoundary(x, high, precision, NewQuantity)
	}
	return s, false, false
}

// systemBoundary is boundaryOf for a System type.
func systemBoundary[T interface{ Boundary(*int, bool) (T, bool) }](x T, high bool, precision *int, make func(T) Value) (result Value, ok, defined bool) {
	x, ok = x.Boundary(precision, high)
	return make(x), ok, true
}

// fnPrecision is precision() (section "Utility functions").
func fnPrecision(_ *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	v, ok, err := c.onlyItem(in)
	if err != nil || !ok {
		return dst, err
	}
	if v, ok = v.System(); !ok {
		return dst, nil
	}
	var n int
	switch x := v.sys.(type) {
	case system.Decimal:
		n = x.Scale()
	case system.Date:
		n = x.Digits()
	case system.DateTime:
		n = x.Digits()
	case system.Time:
		n = x.Digits()
	default:
		if v.kind != Integer && v.kind != Long {
			return dst, fail(c.pos, "precision() is not defined for %s", describe(v))
		}
	}
	return append(dst, NewInteger(int32(n))), nil
}

// fnComparable is comparable(other) (section "Comparison"). It is empty unless both are single Quantities.
func fnComparable(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	others, err := e.operand(c.args[0])
	if err != nil {
		return dst, err
	}
	defer e.release(others)
	if len(in) != 1 || len(others) != 1 {
		return dst, nil
	}
	v, other := in[0], others[0]
	if err := e.costly(c.pos, Quantity, v, other, 1); err != nil {
		return dst, err
	}
	a, ok := v.Quantity()
	b, okOther := other.Quantity()
	if !ok || !okOther {
		return dst, nil
	}
	return append(dst, NewBoolean(a.Comparable(b))), nil
}
