package system

import (
	"errors"
	"strings"
	"testing"
)

func TestParseUnit(t *testing.T) {
	t.Parallel()
	valid := []string{
		"1", "m", "cm", "kg", "ug", "mL", "dL", "L", "l", "mmol/L", "mg/dL", "10*3/uL", "10*-3", "10^9/L", "m2", "m-2", "s-1",
		"/min", "{beats}/min", "{INR}", "kg/m2", "mm[Hg]", "cm[H2O]", "[in_i'H2O]", "m[IU]/mL", "[iU]/L", "U/L", "kU/L", "ukat/L",
		"%", "%{HbA1c}", "mg{creat}", "g.m/s2", "kg.m-1.s-2", "(mg/dL)/h", "mL/min/(173.10*-2.m2)", "mL/min/{1.73_m2}",
		"Cel", "[degF]", "K", "[pH]", "[lb_av]", "[oz_av]", "[ft_i]", "g%", "meq/L", "mosm/kg", "Gy", "mSv", "KiBy", "dag",
		"[PRU]", "L/min", "nmol/min/mg", "ng/mL{FEU}", "pmol", "100", "2.m", "m[H2O]", "10.uN.s/(cm5.m2)", "a", "mo", "wk", "d", "h",
	}
	for _, code := range valid {
		if _, err := parseUnit(code); err != nil {
			t.Errorf("ParseUnit(%q): %v", code, err)
		}
	}
	invalid := []string{
		"", " ", "lbs", "mg/", "mg//dL", "mg.", ".mg", "(mg", "mg)", "{open", "m0", "m25", "10*61", "0", "00", "kkg", "k[lb_av]",
		"inch", "mcg", "year", "mmHg", "m g", "mg/dL ", "m--2", "m+-2", "µg", "\u2103", "1234567890123456789", "m2m",
		strings.Repeat("(", 17) + "m" + strings.Repeat(")", 17), strings.Repeat("m.", 150) + "m",
	}
	for _, code := range invalid {
		if _, err := parseUnit(code); !errors.Is(err, ErrUnit) {
			t.Errorf("ParseUnit(%q): error %v, want %v", code, err, ErrUnit)
		}
	}
}

func TestUnitTable(t *testing.T) {
	t.Parallel()
	lines := 0
	for line := range strings.Lines(unitTable) {
		symbol, _, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		lines++
		u, err := parseUnit(symbol)
		if err != nil {
			t.Errorf("ParseUnit(%q): %v", symbol, err)
			continue
		}
		if u.factor.Sign() <= 0 {
			t.Errorf("%s has the factor %v", symbol, u.factor)
		}
	}
	if got := len(buildAtoms()); got != lines {
		t.Errorf("got %d units of %d lines: a symbol is there twice", got, lines)
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	tests := []struct{ quantity, unit, want string }{ // want "": no conversion
		{"52 'cm'", "m", "0.52 'm'"},
		{"1 '[ft_i]'", "cm", "30.48 'cm'"},
		{"1 '[mi_i]'", "km", "1.609344 'km'"},
		{"1 '[lb_av]'", "kg", "0.45359237 'kg'"},
		{"1 '[oz_av]'", "g", "28.349523125 'g'"},
		{"37.0 'Cel'", "[degF]", "98.6 '[degF]'"},
		{"98.6 '[degF]'", "Cel", "37 'Cel'"},
		{"0 'K'", "Cel", "-273.15 'Cel'"},
		{"1000 'mCel'", "K", "274.15 'K'"},
		{"1 'atm'", "kPa", "101.325 'kPa'"},
		{"760 'mm[Hg]'", "kPa", "101.32472 'kPa'"},
		{"1 'bar'", "mbar", "1000 'mbar'"},
		{"1 'kcal'", "J", "4184 'J'"},
		{"1 'mol'", "mmol", "1000 'mmol'"},
		{"1 'meq/L'", "mmol/L", "1 'mmol/L'"},
		{"5.5 'g/dL'", "g/L", "55 'g/L'"},
		{"5.5 'g%'", "g/L", "55 'g/L'"},
		{"1 'ukat'", "U", "60 'U'"},
		{"60 '/min'", "Hz", "1 'Hz'"},
		{"1 'L'", "cm3", "1000 'cm3'"},
		{"1 '[tsp_us]'", "mL", "4.92892159375 'mL'"},
		{"180 'deg'", "rad", "3.141592653589793238462643383279503 'rad'"},
		{"24 'm'", "kg", ""},
		{"24 'm'", "nonsense", ""},
		{"24 'nonsense'", "m", ""},
		{"24 'nonsense'", "nonsense", "24 'nonsense'"},
		{"45", "m", "45 'm'"},
		{"1 'a'", "d", "365.25 'd'"},
		{"1 'wk'", "d", "7 'd'"},
		{"1 'mo'", "d", "30.4375 'd'"},
		{"7 days", "wk", "1 'wk'"},
		{"1 year", "a", "1 'a'"},
		{"1 year", "month", "12 month"},
		{"1 month", "days", "30 days"},
		{"182.5 days", "a", "0.5 'a'"},
		{"365.25 'd'", "year", "1 year"},
		{"90 'min'", "hours", "1.5 hours"},
		{"2 'cm'", "days", ""},
	}
	for _, tt := range tests {
		got, ok := quantity(t, tt.quantity).Convert(tt.unit)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s in %s: got %s, %v; want %q", tt.quantity, tt.unit, got, ok, tt.want)
		}
	}
}

func TestQuantityArithmetic(t *testing.T) {
	t.Parallel()
	ops := map[string]func(a, b Quantity) (Quantity, bool){
		"+": Quantity.Add, "-": Quantity.Sub, "*": Quantity.Mul, "/": Quantity.Quo,
	}
	tests := []struct{ a, op, b, want string }{ // want "": empty
		{"3 'm'", "+", "3 'cm'", "303 'cm'"},
		{"3 'cm'", "+", "3 'm'", "303 'cm'"},
		{"3 'm'", "-", "3 'cm'", "297 'cm'"},
		{"1.5 'mg'", "+", "1.50 'mg'", "3.00 'mg'"},
		{"2 minutes", "+", "60 seconds", "180 seconds"},
		{"1 year", "+", "6 months", ""},
		{"1 year", "+", "12 'mo'", ""},
		{"3 'kg'", "+", "3 'cm'", ""},
		{"2.0 'cm'", "*", "2.0 'm'", "0.04 'm2'"},
		{"12 'cm'", "*", "3 'cm'", "36 'cm2'"},
		{"3 'cm'", "*", "12 'cm2'", "36 'cm3'"},
		{"10 'm/s'", "*", "10 's'", "100 'm'"},
		{"3", "*", "2 'cm'", "6 'cm'"},
		{"2 'cm'", "*", "3", "6 'cm'"},
		{"2 days", "*", "3", "6 days"},
		{"12 day", "*", "45 'm'", ""},
		{"12 'cm2'", "/", "3 'cm'", "4 'cm'"},
		{"4.0 'g'", "/", "2.0 'm'", "2 'g/m'"},
		{"1.0 'm'", "/", "1.0 'm'", "1 '1'"},
		{"60", "/", "1 's'", "60 '/s'"},
		{"60 's'", "/", "2", "30 's'"},
		{"1 'm'", "/", "1 'cm'", "100 '1'"},
		{"120 'mg/dL'", "*", "2 'L'", "2400 'mg'"},
		{"60 'm'", "/", "1 minute", ""},
		{"1 'm'", "/", "0 's'", ""},
		{"1 'm'", "*", "1 'lbs'", ""},
		{"1 'Cel'", "*", "2 'm'", ""},
		{"1 '{cells}/uL'", "*", "2 'uL'", "2 '{cells}'"},
	}
	for _, tt := range tests {
		got, ok := ops[tt.op](quantity(t, tt.a), quantity(t, tt.b))
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s %s %s = %s, %v; want %q", tt.a, tt.op, tt.b, got, ok, tt.want)
		}
	}
}

func TestQuantityCompare(t *testing.T) {
	t.Parallel()
	const unknown = 9
	tests := []struct {
		a, b       string
		order      int
		comparable bool
	}{
		{"6 days", "1 week", -1, true},
		{"10 seconds", "1 's'", 1, true},
		{"6 months", "1 year", -1, true},
		{"1 year", "1 'a'", unknown, false},
		{"2 'm'", "20 'cm'", 1, true},
		{"1 'cm'", "1 '[in_i]'", -1, true},
		{"1 'cm'", "1 's'", unknown, false},
		{"1", "2", -1, true},
		{"2 '1'", "3", -1, true},
		{"1 'lbs'", "2 'lbs'", -1, true},
		{"1 'lbs'", "2 'kg'", unknown, false},
		{"185 '[lb_av]'", "100 'kg'", -1, true},
	}
	for _, tt := range tests {
		a, b := quantity(t, tt.a), quantity(t, tt.b)
		got, known := a.Compare(b)
		if !known {
			got = unknown
		}
		if got != tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", a, b, got, tt.order)
		}
		if got := a.Comparable(b); got != tt.comparable {
			t.Errorf("%s.comparable(%s): got %v", a, b, got)
		}
	}
}

func TestQuantityBoundaries(t *testing.T) {
	t.Parallel()
	eight := 8
	q := quantity(t, "1.587 'cm'")
	if low, ok := q.Boundary(&eight, false); !ok || low.String() != "1.58650000 'cm'" {
		t.Errorf("lowBoundary: got %s, %v", low, ok)
	}
	if high, ok := q.Boundary(&eight, true); !ok || high.String() != "1.58750000 'cm'" {
		t.Errorf("highBoundary: got %s, %v", high, ok)
	}
	if got := quantity(t, "-1.5 days").Abs().String(); got != "1.5 days" {
		t.Errorf("abs: got %s", got)
	}
}

func TestCalendarUnit(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"year": "year", "years": "year", "months": "month", "weeks": "week", "days": "day", "hours": "hour",
		"minutes": "minute", "seconds": "second", "milliseconds": "millisecond", "d": "", "Year": "", "": "",
	} {
		if got, ok := CalendarUnit(word); got != want || ok != (want != "") {
			t.Errorf("CalendarUnit(%q) = %q, %v; want %q", word, got, ok, want)
		}
	}
	for code, want := range map[string]string{"a": "year", "mo": "month", "d": "day", "h": "hour", "min": "minute", "s": "second", "wk": "", "m": ""} {
		if got, ok := CalendarUnitOf(code); got != want || ok != (want != "") {
			t.Errorf("CalendarUnitOf(%q) = %q, %v; want %q", code, got, ok, want)
		}
	}
}

func FuzzParseUnit(f *testing.F) {
	for _, s := range []string{"mg/dL", "10*3/uL", "(m.s)2", "{a}", "/min", "m[Hg]", "kg.m-1.s-2", "mL/min/(173.10*-2.m2)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseUnit(s)
		if err != nil {
			return
		}
		if u.factor.Sign() <= 0 || !u.commensurable(u) {
			t.Fatalf("%q has the factor %v", s, u.factor)
		}
		code, scale := u.product(unitOne(), 1)
		// Powers that are joined may leave the range of exponents and of numbers; what is small does not.
		small := len(code) <= maxUnitLength
		for _, term := range u.terms {
			small = small && len(u.terms) <= 4 && term.exp <= 3 && term.exp >= -3
		}
		again, err := parseUnit(code)
		if small && err != nil {
			t.Fatalf("%q is written as %q, which cannot be read", s, code)
		}
		if err == nil && !again.commensurable(u) {
			t.Fatalf("%q is written as %q, which measures another thing", s, code)
		}
		if _, ok := scale.apply(DecimalFromInt(1)); small && !ok {
			t.Fatalf("%q has a scale out of range", s)
		}
	})
}

func FuzzParseQuantity(f *testing.F) {
	for _, s := range []string{"1", "4 days", "1.50 'mg'", "-1 'm[H2O]'", "1 ''", "1wk", "+3 'a b'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseQuantity(s)
		if err != nil {
			return
		}
		back, err := ParseQuantity(q.String())
		if err != nil || back.String() != q.String() || !back.Value.Equal(q.Value) {
			t.Fatalf("%q is written as %q and read as %q, %v", s, q, back, err)
		}
		if equal, known := q.Equal(back); known && !equal || !known {
			t.Fatalf("%q is not equal to itself", s)
		}
	})
}
