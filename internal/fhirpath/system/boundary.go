package system

const (
	boundaryDefault = 8
	boundaryMax     = 31
)

// Boundary returns the lowest number that d can stand for as it is written (1.0 stands for 0.95 to 1.05), or the
// highest if high is set, with precision digits after the decimal point (0 to 31). A nil precision means 8 digits, or
// as many as the boundary has if those are more. ok is false for any other precision.
//
// If the boundary has more digits than that, the boundary nearer to zero is truncated and the other one is rounded to
// the nearest, as in HL7's implementation and test suite.
func (d Decimal) Boundary(precision *int, high bool) (boundary Decimal, ok bool) {
	digits := max(boundaryDefault, d.Scale()+1)
	if precision != nil {
		if digits = *precision; digits < 0 || digits > boundaryMax {
			return Decimal{}, false
		}
	}
	sign, mode := -1, toNearest
	if high {
		sign = 1
	}
	if sign*d.Sign() < 0 {
		mode = towardsZero
	}
	b, ok := d.Add(NewDecimal(int64(5*sign), d.Scale()+1)) // half a unit of the last digit
	if !ok {
		return Decimal{}, false
	}
	return b.rounded(digits, mode)
}
