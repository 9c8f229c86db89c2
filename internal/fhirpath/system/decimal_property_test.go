package system

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// drawDecimal gives numbers of both the int64 and the large form.
func drawDecimal(t *rapid.T, label string) Decimal {
	coef := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-10_000, 10_000)).Draw(t, label)
	d := NewDecimal(coef, rapid.IntRange(0, 18).Draw(t, label+" scale"))
	if rapid.Bool().Draw(t, label+" large") {
		if p, ok := d.Mul(DecimalFromInt(rapid.Int64().Draw(t, label+" factor"))); ok {
			return p
		}
	}
	return d
}

func TestDecimalArithmeticAgainstRat(t *testing.T) {
	t.Parallel()
	// The most that rounding to 34 digits may move a result, relative to it.
	tolerance := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(33), nil))
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDecimal(t, "a"), drawDecimal(t, "b")
		x, y := a.rat(), b.rat()
		check := func(op string, got Decimal, ok bool, want *big.Rat) {
			t.Helper()
			if !ok {
				t.Fatalf("%s %s %s has no result", a, op, b)
			}
			diff := new(big.Rat).Sub(got.rat(), want)
			limit := new(big.Rat).Mul(tolerance, new(big.Rat).Abs(want))
			if diff.Abs(diff).Cmp(limit) > 0 {
				t.Fatalf("%s %s %s = %s, want %s", a, op, b, got, want.FloatString(40))
			}
		}
		got, ok := a.Add(b)
		check("+", got, ok, new(big.Rat).Add(x, y))
		got, ok = a.Sub(b)
		check("-", got, ok, new(big.Rat).Sub(x, y))
		got, ok = a.Mul(b)
		check("*", got, ok, new(big.Rat).Mul(x, y))
		if order := a.Compare(b); order != x.Cmp(y) {
			t.Fatalf("%s compared with %s: got %d, want %d", a, b, order, x.Cmp(y))
		}
		if b.IsZero() {
			return
		}
		got, ok = a.Quo(b)
		check("/", got, ok, new(big.Rat).Quo(x, y))
		quotient := new(big.Rat).Quo(x, y)
		whole := new(big.Int).Quo(quotient.Num(), quotient.Denom())
		if len(new(big.Int).Abs(whole).String()) > decimalPrecision {
			return
		}
		got, ok = a.Div(b)
		check("div", got, ok, new(big.Rat).SetInt(whole))
		got, ok = a.Mod(b)
		check("mod", got, ok, new(big.Rat).Sub(x, new(big.Rat).Mul(y, new(big.Rat).SetInt(whole))))
	})
}

func TestDecimalTextIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecimal(t, "d")
		back, err := ParseDecimal(d.String())
		if err != nil || !back.Equal(d) || back.Scale() != d.Scale() {
			t.Fatalf("%s is read as %s (scale %d, want %d), %v", d, back, back.Scale(), d.Scale(), err)
		}
	})
}

func TestDecimalRoundingAgainstRat(t *testing.T) {
	t.Parallel()
	half := big.NewRat(1, 2)
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecimal(t, "d")
		n := rapid.IntRange(0, 20).Draw(t, "n")
		unit := ratPower(big.NewRat(1, 10), n)
		scaled := new(big.Rat).Quo(new(big.Rat).Abs(d.rat()), unit)
		scaled.Add(scaled, half)
		want := new(big.Rat).SetInt(new(big.Int).Quo(scaled.Num(), scaled.Denom()))
		want.Mul(want, unit)
		if d.Sign() < 0 {
			want.Neg(want)
		}
		got, ok := d.Round(n)
		if !ok || got.rat().Cmp(want) != 0 {
			t.Fatalf("%s.round(%d) = %s, %v; want %s", d, n, got, ok, want.FloatString(n))
		}
		floor, ceiling := d.Floor(), d.Ceiling()
		if floor.Compare(d) > 0 || ceiling.Compare(d) < 0 || !floor.IsInteger() || !ceiling.IsInteger() {
			t.Fatalf("%s lies between %s and %s", d, floor, ceiling)
		}
		gap, _ := ceiling.Sub(floor)
		if want := map[bool]int64{true: 0, false: 1}[d.IsInteger()]; !gap.Equal(DecimalFromInt(want)) {
			t.Fatalf("%s: ceiling %s less floor %s is %s, want %d", d, ceiling, floor, gap, want)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "1e3", "9223372036854775808.1", "1e-400", "+00.10E-2", "1e", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		text := d.String()
		back, err := ParseDecimal(text)
		if err != nil || !back.Equal(d) || back.String() != text {
			t.Fatalf("%q is written as %q and read as %s, %v", s, text, back, err)
		}
		want, ok := new(big.Rat).SetString(s)
		if ok && d.rat().Cmp(want) != 0 {
			t.Fatalf("%q is read as %s", s, text)
		}
	})
}
