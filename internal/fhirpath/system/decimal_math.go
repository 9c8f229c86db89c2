package system

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// The contexts of arithmetic are only read. arith rounds results, working carries guard digits through the
// functions that have no exact result.
var (
	arith   = newContext(decimalPrecision)
	working = newContext(decimalPrecision + 12)
)

func newContext(precision uint32) *apd.Context {
	return &apd.Context{
		Precision:   precision,
		MaxExponent: 2 * maxDigits,
		MinExponent: -2 * maxDigits,
		Rounding:    apd.RoundHalfUp,
		Traps: apd.SystemOverflow | apd.SystemUnderflow | apd.Overflow | apd.DivisionUndefined |
			apd.DivisionByZero | apd.DivisionImpossible | apd.InvalidOperation,
	}
}

type operation func(d, x, y *apd.Decimal) (apd.Condition, error)

func (d Decimal) viaAPD(o Decimal, op operation) (Decimal, bool) {
	var x, y, r apd.Decimal
	if _, err := op(&r, d.apd(&x), o.apd(&y)); err != nil {
		return Decimal{}, false
	}
	return fromAPD(&r)
}

// align brings both coefficients to the same scale; ok is false when one would leave int64.
func align(a, b Decimal) (x, y int64, scale int32, ok bool) {
	if a.big != nil || b.big != nil {
		return 0, 0, 0, false
	}
	if a.scale == b.scale {
		return a.coef, b.coef, a.scale, true
	}
	scale = max(a.scale, b.scale)
	x, okX := scaleUp(a.coef, scale-a.scale)
	y, okY := scaleUp(b.coef, scale-b.scale)
	return x, y, scale, okX && okY
}

func scaleUp(v int64, n int32) (int64, bool) {
	if n == 0 {
		return v, true
	}
	hi, lo := mulPow10(abs64(v), n)
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if v < 0 {
		return -int64(lo), true
	}
	return int64(lo), true
}

// Add returns d + o. ok is false when the result is out of range.
func (d Decimal) Add(o Decimal) (sum Decimal, ok bool) {
	if x, y, scale, ok := align(d, o); ok {
		if s, ok := AddInt64(x, y); ok {
			return Decimal{coef: s, scale: scale}, true
		}
	}
	return d.viaAPD(o, arith.Add)
}

// Sub returns d - o. ok is false when the result is out of range.
func (d Decimal) Sub(o Decimal) (difference Decimal, ok bool) { return d.Add(o.Neg()) }

// Mul returns d * o. ok is false when the result is out of range.
func (d Decimal) Mul(o Decimal) (product Decimal, ok bool) {
	if d.big == nil && o.big == nil && d.scale+o.scale <= fastScale {
		if p, ok := MulInt64(d.coef, o.coef); ok {
			return Decimal{coef: p, scale: d.scale + o.scale}, true
		}
	}
	return d.viaAPD(o, arith.Mul)
}

// Quo returns d / o, exact where 34 digits hold it and rounded to them otherwise. ok is false for division by
// zero and when the result is out of range.
func (d Decimal) Quo(o Decimal) (quotient Decimal, ok bool) {
	if o.IsZero() {
		return Decimal{}, false
	}
	keep := max(0, d.Scale()-o.Scale())
	if x, y, _, ok := align(d, o); ok && x%y == 0 && (x != math.MinInt64 || y != -1) {
		if c, ok := scaleUp(x/y, int32(keep)); ok {
			return Decimal{coef: c, scale: int32(keep)}, true
		}
	}
	q, ok := d.viaAPD(o, arith.Quo)
	if !ok {
		return Decimal{}, false
	}
	return q.reduce(keep), true
}

// Div returns the whole part of d / o, rounded towards zero (operator div). ok is false for division by zero
// and when the result has more than 34 digits.
func (d Decimal) Div(o Decimal) (quotient Decimal, ok bool) {
	if o.IsZero() {
		return Decimal{}, false
	}
	if x, y, _, ok := align(d, o); ok && (x != math.MinInt64 || y != -1) {
		return Decimal{coef: x / y}, true
	}
	return d.viaAPD(o, arith.QuoInteger)
}

// Mod returns the remainder of d div o; it has the sign of d. ok is false for division by zero and when the
// quotient has more than 34 digits.
func (d Decimal) Mod(o Decimal) (remainder Decimal, ok bool) {
	if o.IsZero() {
		return Decimal{}, false
	}
	if x, y, scale, ok := align(d, o); ok && y != -1 {
		return Decimal{coef: x % y, scale: scale}, true
	}
	return d.viaAPD(o, arith.Rem)
}

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if d.big == nil && d.coef != math.MinInt64 {
		d.coef = -d.coef
		return d
	}
	var buf, r apd.Decimal
	r.Neg(d.apd(&buf))
	n, _ := fromAPD(&r)
	return n
}

// Abs returns the absolute value.
func (d Decimal) Abs() Decimal {
	if d.Sign() < 0 {
		return d.Neg()
	}
	return d
}

// Truncate returns the whole part of d, rounded towards zero.
func (d Decimal) Truncate() Decimal {
	r, _ := d.rounded(0, towardsZero)
	return r
}

// Ceiling returns the smallest whole number that is not less than d.
func (d Decimal) Ceiling() Decimal {
	r, _ := d.rounded(0, upwards)
	return r
}

// Floor returns the largest whole number that is not greater than d.
func (d Decimal) Floor() Decimal {
	r, _ := d.rounded(0, downwards)
	return r
}

// Round rounds to n digits after the point, halves away from zero; a Decimal with fewer digits stays as it is.
// ok is false when n is negative.
func (d Decimal) Round(n int) (rounded Decimal, ok bool) {
	if n < 0 {
		return Decimal{}, false
	}
	if n >= d.Scale() {
		return d, true
	}
	return d.rounded(n, toNearest)
}

type rounding uint8

const (
	towardsZero rounding = iota
	upwards
	downwards
	toNearest // halves away from zero
)

// away reports whether a quotient is to move away from zero, given the sign of the number and how twice the rest
// compares with the divisor.
func (m rounding) away(sign, half int) bool {
	switch m {
	case upwards:
		return sign > 0
	case downwards:
		return sign < 0
	case toNearest:
		return half >= 0
	}
	return false
}

// rounded returns d with exactly n digits after the point.
func (d Decimal) rounded(n int, mode rounding) (Decimal, bool) {
	drop := d.Scale() - n
	if d.big == nil && drop >= 0 {
		p := pow10[drop]
		q, r := abs64(d.coef)/p, abs64(d.coef)%p
		if r != 0 && mode.away(d.Sign(), compareInt(r, p-r)) {
			q++
		}
		if q <= math.MaxInt64 {
			c := int64(q)
			if d.coef < 0 {
				c = -c
			}
			return Decimal{coef: c, scale: int32(n)}, true
		}
	}
	var buf, r apd.Decimal
	r.Set(d.apd(&buf))
	r.Exponent = int32(-n)
	var p, rest apd.BigInt
	p.Exp(apd.NewBigInt(10), apd.NewBigInt(int64(max(drop, -drop))), nil)
	if drop <= 0 {
		r.Coeff.Mul(&r.Coeff, &p)
		return fromAPD(&r)
	}
	r.Coeff.QuoRem(&r.Coeff, &p, &rest)
	if rest.Sign() != 0 {
		left := new(apd.BigInt).Sub(&p, &rest)
		if mode.away(d.Sign(), rest.Cmp(left)) {
			r.Coeff.Add(&r.Coeff, apd.NewBigInt(1))
		}
	}
	return fromAPD(&r)
}

// function computes op with guard digits and rounds the result to 34 significant digits.
func (d Decimal) applyRounded(op func(d, x *apd.Decimal) (apd.Condition, error)) (Decimal, bool) {
	var buf, r apd.Decimal
	if _, err := op(&r, d.apd(&buf)); err != nil {
		return Decimal{}, false
	}
	return roundResult(&r)
}

func roundResult(r *apd.Decimal) (Decimal, bool) {
	if _, err := arith.Round(r, r); err != nil {
		return Decimal{}, false
	}
	v, ok := fromAPD(r)
	if !ok {
		return Decimal{}, false
	}
	return v.reduce(0), true
}

// Sqrt returns the square root. ok is false when d is negative.
func (d Decimal) Sqrt() (root Decimal, ok bool) {
	if d.Sign() < 0 {
		return Decimal{}, false
	}
	return d.applyRounded(working.Sqrt)
}

// Exp returns e to the power of d. ok is false when the result is out of range.
func (d Decimal) Exp() (power Decimal, ok bool) {
	switch f := d.Float64(); {
	case f > 1000:
		return Decimal{}, false
	case f < -1000:
		return Decimal{}, true
	}
	return d.applyRounded(working.Exp)
}

// Ln returns the natural logarithm. ok is false when d is not greater than zero.
func (d Decimal) Ln() (logarithm Decimal, ok bool) {
	if d.Sign() <= 0 {
		return Decimal{}, false
	}
	return d.applyRounded(working.Ln)
}

// Log returns the logarithm of d to the given base. ok is false when d or base is not greater than zero, or
// base is 1.
func (d Decimal) Log(base Decimal) (logarithm Decimal, ok bool) {
	if d.Sign() <= 0 || base.Sign() <= 0 {
		return Decimal{}, false
	}
	var buf, x, y, r apd.Decimal
	if _, err := working.Ln(&x, d.apd(&buf)); err != nil {
		return Decimal{}, false
	}
	if _, err := working.Ln(&y, base.apd(&buf)); err != nil || y.IsZero() {
		return Decimal{}, false
	}
	if _, err := working.Quo(&r, &x, &y); err != nil {
		return Decimal{}, false
	}
	return roundResult(&r)
}

// Power returns d to the power of exponent. ok is false when the result is not a real number or is out of range.
func (d Decimal) Power(exponent Decimal) (power Decimal, ok bool) {
	n, whole := exponent.Int64()
	switch {
	case exponent.IsZero():
		return Decimal{coef: 1}, true
	case d.IsZero():
		return Decimal{}, exponent.Sign() > 0
	case d.Sign() < 0 && !exponent.IsInteger():
		return Decimal{}, false
	}
	// The size of the result bounds the work.
	size := math.Log10(math.Abs(d.Float64())) * exponent.Float64()
	switch {
	case math.IsNaN(size) || size > maxDigits-maxScale:
		return Decimal{}, false
	case size < -maxScale:
		return Decimal{}, true
	}
	if whole && n > 0 && n <= 64 {
		if p, ok := d.powerSmall(int(n)); ok {
			return p, true
		}
	}
	var x, y, base, r apd.Decimal
	if _, err := working.Round(&base, d.apd(&x)); err != nil { // apd would carry all digits through
		return Decimal{}, false
	}
	if _, err := working.Pow(&r, &base, exponent.apd(&y)); err != nil {
		return Decimal{}, false
	}
	return roundResult(&r)
}

// powerSmall multiplies in the int64 form; ok is false when the result leaves it.
func (d Decimal) powerSmall(n int) (Decimal, bool) {
	r := Decimal{coef: 1}
	for range n {
		if d.big != nil || r.scale+d.scale > fastScale {
			return Decimal{}, false
		}
		p, ok := MulInt64(r.coef, d.coef)
		if !ok {
			return Decimal{}, false
		}
		r = Decimal{coef: p, scale: r.scale + d.scale}
	}
	return r, true
}

// AddInt64 returns a + b; ok is false on overflow.
func AddInt64(a, b int64) (sum int64, ok bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

// SubInt64 returns a - b; ok is false on overflow.
func SubInt64(a, b int64) (difference int64, ok bool) {
	s := a - b
	return s, (s < a) == (b > 0)
}

// MulInt64 returns a * b; ok is false on overflow.
func MulInt64(a, b int64) (product int64, ok bool) {
	hi, lo := bits.Mul64(abs64(a), abs64(b))
	if hi != 0 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), lo <= 1<<63
	}
	return int64(lo), lo <= math.MaxInt64
}

// Int32 returns v as an Integer; ok is false when it is out of the range of 32 bits.
func Int32(v int64) (integer int32, ok bool) {
	return int32(v), v >= math.MinInt32 && v <= math.MaxInt32
}
