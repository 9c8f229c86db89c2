package system

import (
	"errors"
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
)

// Limits of a Decimal. A value with more digits on either side of the point is refused by ParseDecimal and is
// no result (ok is false) of an operation; arithmetic rounds to DecimalPrecision significant digits.
const (
	decimalPrecision = 34
	maxScale         = 400
	maxDigits        = 800
	fastScale        = 18   // greatest scale of the int64 form
	maxNumber        = 4096 // bytes of the text of a number
)

// ErrSyntax is matched by errors of the parsers of this package for text of the wrong form; ErrRange for text of
// the right form whose value lies outside the type. The errors never hold the text itself.
var (
	ErrSyntax = errors.New("system: text does not have the form of the type")
	ErrRange  = errors.New("system: value is out of range")
)

// Decimal is a System.Decimal: an exact decimal number that keeps the number of digits after the point with
// which it was written. The zero value is 0. Values are immutable and may be shared.
//
// Use Equal or Compare, not ==: the same number may be held in several forms.
type Decimal struct {
	coef  int64 // value is coef / 10^scale while big is nil
	scale int32
	big   *apd.Decimal // never written after creation; its exponent is <= 0
}

// NewDecimal returns coef / 10^scale with scale digits after the point; a negative scale multiplies. Digits after
// the point beyond the type's limit are rounded away, and a number beyond its range gives 0.
func NewDecimal(coef int64, scale int) Decimal {
	if scale >= 0 && scale <= fastScale {
		return Decimal{coef: coef, scale: int32(scale)}
	}
	if d, ok := fromAPD(apd.New(coef, int32(max(-maxScale, min(-scale, maxScale))))); ok {
		return d
	}
	return Decimal{}
}

// DecimalFromInt returns v as a Decimal without a fraction.
func DecimalFromInt(v int64) Decimal { return Decimal{coef: v} }

// ParseDecimal reads a decimal number: an optional sign, digits, an optional fraction and an optional exponent,
// which is the form of JSON numbers and of FHIRPath's literals. The digits after the point are kept; an
// exponent moves the point (1.50e1 is 15.0). Errors match ErrSyntax or ErrRange.
func ParseDecimal[T ~string | ~[]byte](text T) (Decimal, error) {
	return parseDecimal(text, true)
}

func parseDecimal[T ~string | ~[]byte](text T, exponent bool) (Decimal, error) {
	i, n := 0, len(text)
	if n > maxNumber {
		return Decimal{}, ErrRange
	}
	neg := false
	if i < n && (text[i] == '-' || text[i] == '+') {
		neg = text[i] == '-'
		i++
	}
	first := i
	var coef uint64
	fits := true
	digits, scale := 0, 0
	for ; i < n && isDigit(text[i]); i++ {
		coef, fits = pushDigit(coef, text[i], fits)
		digits++
	}
	if digits == 0 {
		return Decimal{}, ErrSyntax
	}
	if i < n && text[i] == '.' {
		i++
		for ; i < n && isDigit(text[i]); i++ {
			coef, fits = pushDigit(coef, text[i], fits)
			scale++
		}
		if scale == 0 {
			return Decimal{}, ErrSyntax
		}
	}
	mantissa := i
	exp := 0
	if exponent && i < n && (text[i] == 'e' || text[i] == 'E') {
		var ok bool
		if exp, i, ok = parseExponent(text, i+1); !ok {
			return Decimal{}, ErrSyntax
		}
	}
	if i != n {
		return Decimal{}, ErrSyntax
	}
	if mantissa-first > maxDigits || exp > maxScale || exp < -maxScale {
		if fits && coef == 0 && exp != 0 {
			return Decimal{}, nil
		}
		return Decimal{}, ErrRange
	}
	scale -= exp
	if fits && scale >= 0 && scale <= fastScale && coef <= math.MaxInt64 {
		v := int64(coef)
		if neg {
			v = -v
		}
		return Decimal{coef: v, scale: int32(scale)}, nil
	}
	return parseBig(string(text[first:mantissa]), neg, scale)
}

func parseExponent[T ~string | ~[]byte](text T, i int) (exp, next int, ok bool) {
	neg := false
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		neg = text[i] == '-'
		i++
	}
	start := i
	for ; i < len(text) && isDigit(text[i]); i++ {
		if exp <= maxScale {
			exp = exp*10 + int(text[i]-'0')
		}
	}
	if neg {
		exp = -exp
	}
	return exp, i, i > start
}

func parseBig(mantissa string, neg bool, scale int) (Decimal, error) {
	if scale > maxScale {
		return Decimal{}, ErrRange
	}
	digits := make([]byte, 0, len(mantissa))
	for i := range len(mantissa) {
		if mantissa[i] != '.' {
			digits = append(digits, mantissa[i])
		}
	}
	var a apd.Decimal
	if _, ok := a.Coeff.SetString(string(digits), 10); !ok {
		return Decimal{}, ErrSyntax
	}
	a.Exponent = int32(-scale)
	a.Negative = neg && a.Coeff.Sign() != 0
	d, ok := fromAPD(&a)
	if !ok {
		return Decimal{}, ErrRange
	}
	return d, nil
}

func pushDigit(coef uint64, c byte, fits bool) (uint64, bool) {
	if !fits || coef > (math.MaxUint64-9)/10 {
		return coef, false
	}
	return coef*10 + uint64(c-'0'), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// fromAPD takes over a, which the caller must not use any more. ok is false when a is not finite or has more
// digits before the point than the type holds; digits after the point beyond the limit are rounded away.
func fromAPD(a *apd.Decimal) (d Decimal, ok bool) {
	if a.Form != apd.Finite {
		return Decimal{}, false
	}
	if a.Coeff.Sign() == 0 {
		a.Negative = false
		a.Exponent = max(min(a.Exponent, 0), -maxScale)
	}
	if a.NumDigits()+int64(a.Exponent) > maxDigits-maxScale {
		return Decimal{}, false
	}
	if a.Exponent < -maxScale {
		return Decimal{scale: -a.Exponent, big: a}.rounded(maxScale, toNearest)
	}
	if a.Exponent > 0 {
		var p apd.BigInt
		p.Exp(apd.NewBigInt(10), apd.NewBigInt(int64(a.Exponent)), nil)
		a.Coeff.Mul(&a.Coeff, &p)
		a.Exponent = 0
	}
	if a.Exponent >= -fastScale && a.Coeff.IsInt64() {
		v := a.Coeff.Int64()
		if a.Negative {
			v = -v
		}
		return Decimal{coef: v, scale: -a.Exponent}, true
	}
	return Decimal{scale: -a.Exponent, big: a}, true
}

// apd returns d in apd's form; buf is used when d is in the int64 form. The result must not be modified.
func (d Decimal) apd(buf *apd.Decimal) *apd.Decimal {
	if d.big != nil {
		return d.big
	}
	return buf.SetFinite(d.coef, -d.scale)
}

// Scale returns the number of digits after the point, trailing zeros included. This is also FHIRPath's
// precision() of a Decimal.
func (d Decimal) Scale() int { return int(d.scale) }

// Digits returns how many digits the number has, and 0 if they fit a machine word: operations on longer ones are
// slower.
func (d Decimal) Digits() int {
	if d.big == nil {
		return 0
	}
	return int(d.big.NumDigits())
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.big != nil:
		return d.big.Sign()
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

// IsZero reports whether the value is zero.
func (d Decimal) IsZero() bool { return d.Sign() == 0 }

// IsInteger reports whether the value is a whole number, however it is written.
func (d Decimal) IsInteger() bool {
	_, scale := d.trimmed()
	return scale == 0
}

// trimmed returns d without trailing zeros after the point, and the scale that remains.
func (d Decimal) trimmed() (Decimal, int) {
	if d.big == nil {
		for d.scale > 0 && d.coef%10 == 0 {
			d.coef /= 10
			d.scale--
		}
		return d, int(d.scale)
	}
	r := d.reduce(0)
	return r, r.Scale()
}

// reduce removes trailing zeros after the point as long as more than keep digits remain there.
func (d Decimal) reduce(keep int) Decimal {
	if d.big == nil {
		for int(d.scale) > keep && d.coef%10 == 0 {
			d.coef /= 10
			d.scale--
		}
		return d
	}
	var a apd.Decimal
	a.Reduce(d.big)
	r, ok := Decimal{scale: -a.Exponent, big: &a}.rounded(max(keep, -int(a.Exponent)), towardsZero)
	if !ok {
		return d
	}
	return r
}

// Int64 returns the value as an int64; ok is false when it has a fraction or is out of range.
func (d Decimal) Int64() (v int64, ok bool) {
	t, scale := d.trimmed()
	if scale != 0 || t.big != nil {
		return 0, false
	}
	return t.coef, true
}

// Integer returns the value as an Integer (32 bits); ok is false when it has a fraction or is out of range.
func (d Decimal) Integer() (v int32, ok bool) {
	w, ok := d.Int64()
	if !ok || w < math.MinInt32 || w > math.MaxInt32 {
		return 0, false
	}
	return int32(w), true
}

// Float64 returns the nearest float64.
func (d Decimal) Float64() float64 {
	var buf apd.Decimal
	f, err := d.apd(&buf).Float64()
	if err != nil {
		return math.NaN()
	}
	return f
}

// AppendText appends the number in plain digits, with the digits after the point it was written with and never
// an exponent.
func (d Decimal) AppendText(dst []byte) []byte {
	if d.big != nil {
		return d.big.Append(dst, 'f')
	}
	u := uint64(d.coef)
	if d.coef < 0 {
		dst = append(dst, '-')
		u = -u
	}
	var buf [40]byte
	i := len(buf)
	for k := int32(0); u > 0 || k <= d.scale; k++ {
		if k == d.scale && k > 0 {
			i--
			buf[i] = '.'
		}
		i--
		buf[i] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, buf[i:]...)
}

// String returns the text that AppendText appends.
func (d Decimal) String() string { return string(d.AppendText(nil)) }

// Equal reports whether both are the same number: trailing zeros do not matter (section "Equals").
func (d Decimal) Equal(o Decimal) bool { return d.Compare(o) == 0 }

// Compare returns -1, 0 or 1 as d is less than, equal to or greater than o.
func (d Decimal) Compare(o Decimal) int {
	if d.big == nil && o.big == nil {
		return compareSmall(d, o)
	}
	var x, y apd.Decimal
	return d.apd(&x).Cmp(o.apd(&y))
}

func compareSmall(a, b Decimal) int {
	if a.scale == b.scale {
		return compareInt(a.coef, b.coef)
	}
	sa, sb := a.Sign(), b.Sign()
	if sa != sb {
		return compareInt(int64(sa), int64(sb))
	}
	ha, la := mulPow10(abs64(a.coef), max(b.scale-a.scale, 0))
	hb, lb := mulPow10(abs64(b.coef), max(a.scale-b.scale, 0))
	switch {
	case ha == hb && la == lb:
		return 0
	case ha < hb || (ha == hb && la < lb):
		return -sa
	}
	return sa
}

func compareInt[T int64 | int32 | int | uint8 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func mulPow10(v uint64, n int32) (hi, lo uint64) { return bits.Mul64(v, pow10[n]) }

func abs64(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// Equivalent compares after rounding both to the digits of the one with fewer of them after the point, trailing
// zeros not counted (section "Equivalent").
func (d Decimal) Equivalent(o Decimal) bool {
	if d.Equal(o) {
		return true
	}
	_, sa := d.trimmed()
	_, sb := o.trimmed()
	n := min(sa, sb)
	a, okA := d.Round(n)
	b, okB := o.Round(n)
	return okA && okB && a.Equal(b)
}

// pow10 holds the powers of ten that fit a uint64; it is never modified.
var pow10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}
