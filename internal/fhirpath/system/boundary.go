package system

const (
	boundaryDefault = 8
	boundaryMax     = 31
)

// LowBoundary returns the least number that d can stand for as it is written (1.0 stands for 0.95 to 1.05), with
// the given number of digits after the point (0 to 31; nil is 8, or as many as the boundary has). ok is false for
// any other number.
//
// Where the boundary has more digits than are asked for, the bound next to zero is cut off and the other one is
// rounded to the nearest, as HL7's implementation and test suite do.
func (d Decimal) LowBoundary(precision *int) (boundary Decimal, ok bool) {
	if d.Sign() <= 0 {
		return d.outer(precision, -1)
	}
	return d.inner(precision, 1)
}

// HighBoundary returns the greatest number that d can stand for as it is written; see LowBoundary.
func (d Decimal) HighBoundary(precision *int) (boundary Decimal, ok bool) {
	if d.Sign() < 0 {
		return d.inner(precision, -1)
	}
	return d.outer(precision, 1)
}

// inner returns the boundary next to zero.
func (d Decimal) inner(precision *int, sign int64) (Decimal, bool) {
	b, ok := d.Sub(d.half(sign))
	return d.finish(b, ok, precision, towardsZero)
}

// outer returns the boundary away from zero.
func (d Decimal) outer(precision *int, sign int64) (Decimal, bool) {
	b, ok := d.Add(d.half(sign))
	return d.finish(b, ok, precision, toNearest)
}

// half returns half of the unit of d's last digit, with the given sign.
func (d Decimal) half(sign int64) Decimal { return NewDecimal(sign*5, d.Scale()+1) }

func (d Decimal) finish(b Decimal, ok bool, precision *int, mode rounding) (Decimal, bool) {
	n := max(boundaryDefault, d.Scale()+1)
	if precision != nil {
		n = *precision
		if n > boundaryMax {
			return Decimal{}, false
		}
	}
	if !ok || n < 0 {
		return Decimal{}, false
	}
	return b.rounded(n, mode)
}
