package system

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func decimal(t *testing.T, text string) Decimal {
	t.Helper()
	d, err := ParseDecimal(text)
	if err != nil {
		t.Fatalf("ParseDecimal(%q): %v", text, err)
	}
	return d
}

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 60)
	tests := []struct {
		text, want string
		err        error
	}{
		{"0", "0", nil},
		{"-0", "0", nil},
		{"0.0", "0.0", nil},
		{"6.50", "6.50", nil},
		{"-6.50", "-6.50", nil},
		{"+1", "1", nil},
		{"007", "7", nil},
		{"0.001", "0.001", nil},
		{"-0.5", "-0.5", nil},
		{"1e3", "1000", nil},
		{"1E+3", "1000", nil},
		{"1.5e1", "15", nil},
		{"1.50e1", "15.0", nil},
		{"15e-1", "1.5", nil},
		{"1e-20", "0.00000000000000000001", nil},
		{"0e999999999", "0", nil},
		{"9223372036854775807", "9223372036854775807", nil},
		{"-9223372036854775808", "-9223372036854775808", nil},
		{"9223372036854775808", "9223372036854775808", nil},
		{"18446744073709551616", "18446744073709551616", nil},
		{"1.0000000000000000000", "1.0000000000000000000", nil},
		{"0.1234567890123456789012345678901234567890", "0.1234567890123456789012345678901234567890", nil},
		{long + "." + long, long + "." + long, nil},
		{"", "", ErrSyntax},
		{"-", "", ErrSyntax},
		{".5", "", ErrSyntax},
		{"5.", "", ErrSyntax},
		{"1.5.2", "", ErrSyntax},
		{"1e", "", ErrSyntax},
		{"1e+", "", ErrSyntax},
		{"1 ", "", ErrSyntax},
		{"1,5", "", ErrSyntax},
		{"NaN", "", ErrSyntax},
		{"0x10", "", ErrSyntax},
		{"1e401", "", ErrRange},
		{"0.1e-400", "", ErrRange},
		{"1e-401", "", ErrRange},
		{"1e99999999999999999999", "", ErrRange},
		{strings.Repeat("1", 900), "", ErrRange},
	}
	for _, tt := range tests {
		got, err := ParseDecimal(tt.text)
		if !errors.Is(err, tt.err) {
			t.Errorf("ParseDecimal(%q): error %v, want %v", tt.text, err, tt.err)
			continue
		}
		if err == nil && got.String() != tt.want {
			t.Errorf("ParseDecimal(%q) = %s, want %s", tt.text, got, tt.want)
		}
		if fromBytes, errBytes := ParseDecimal([]byte(tt.text)); errBytes != err || !fromBytes.Equal(got) { //nolint:errorlint // the same value
			t.Errorf("ParseDecimal([]byte(%q)) = %s, %v; as a string %s, %v", tt.text, fromBytes, errBytes, got, err)
		}
	}
}

func TestDecimalCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b       string
		order      int
		equivalent bool
	}{
		{"1.10", "1.1", 0, true},
		{"0", "0.000", 0, true},
		{"-0.0", "0", 0, true},
		{"1", "2", -1, false},
		{"-1", "1", -1, false},
		{"-1.5", "-1.25", -1, false},
		{"10", "9.999", 1, true},
		{"1.55", "1.6", -1, true},
		{"1.54", "1.6", -1, false},
		{"0.67", "0.6666666666666666666666666666666667", 1, true},
		{"-0.67", "-0.666666", -1, true},
		{"9223372036854775807", "9223372036854775807.0", 0, true},
		{"9223372036854775807", "9223372036854775808", -1, false},
		{"0.000000000000000001", "0.0000000000000000010", 0, true},
		{"1000000000000000000", "0.000000000000000001", 1, false},
		{"1e30", "1000000000000000000000000000000.00", 0, true},
	}
	for _, tt := range tests {
		a, b := decimal(t, tt.a), decimal(t, tt.b)
		if got := a.Compare(b); got != tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", a, b, got, tt.order)
		}
		if got := b.Compare(a); got != -tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", b, a, got, -tt.order)
		}
		if got := a.Equal(b); got != (tt.order == 0) {
			t.Errorf("%s = %s: got %v", a, b, got)
		}
		if got := a.Equivalent(b); got != tt.equivalent {
			t.Errorf("%s ~ %s: got %v, want %v", a, b, got, tt.equivalent)
		}
	}
}

func TestDecimalArithmetic(t *testing.T) {
	t.Parallel()
	ops := map[string]func(a, b Decimal) (Decimal, bool){
		"+": Decimal.Add, "-": Decimal.Sub, "*": Decimal.Mul, "/": Decimal.Quo,
		"div": Decimal.Div, "mod": Decimal.Mod, "log": Decimal.Log, "power": Decimal.Power,
	}
	tests := []struct{ a, op, b, want string }{ // want "": no result
		{"1.1", "+", "2.20", "3.30"},
		{"0.1", "+", "0.2", "0.3"},
		{"9223372036854775807", "+", "1", "9223372036854775808"},
		{"1", "-", "0.9", "0.1"},
		{"2.0", "*", "2.0", "4.00"},
		{"0.000000000001", "*", "0.000000000001", "0.000000000000000000000001"},
		{"123456789012", "*", "123456789012", "15241578753153483936144"},
		{"1", "/", "2", "0.5"},
		{"4.0", "/", "2.0", "2"},
		{"4.00", "/", "2.0", "2.0"},
		{"1", "/", "3", "0.3333333333333333333333333333333333"},
		{"1.2", "/", "1.8", "0.6666666666666666666666666666666667"},
		{"1", "/", "0", ""},
		{"1", "/", "0.00", ""},
		{"5", "div", "2", "2"},
		{"-5", "div", "2", "-2"},
		{"2.2", "div", "1.8", "1"},
		{"5.5", "div", "0.7", "7"},
		{"5", "div", "0", ""},
		{"5", "mod", "2", "1"},
		{"-5", "mod", "2", "-1"},
		{"5", "mod", "-1", "0"},
		{"2.2", "mod", "1.8", "0.4"},
		{"5.5", "mod", "0.7", "0.6"},
		{"5", "mod", "0", ""},
		{"1e300", "*", "1e300", ""},
		{"16", "log", "2", "4"},
		{"100.0", "log", "10.0", "2"},
		{"0", "log", "2", ""},
		{"2", "log", "1", ""},
		{"2", "log", "-2", ""},
		{"2", "power", "3", "8"},
		{"2.5", "power", "2", "6.25"},
		{"2", "power", "-1", "0.5"},
		{"-2", "power", "3", "-8"},
		{"4", "power", "0.5", "2"},
		{"-1", "power", "0.5", ""},
		{"0", "power", "0", "1"},
		{"0", "power", "-1", ""},
		{"0", "power", "2", "0"},
		{"10", "power", "1000000000", ""},
		{"0.1", "power", "1000000000", "0"},
		{"1.000000001", "power", "2147483647", "8.563283"},
	}
	for _, tt := range tests {
		got, ok := ops[tt.op](decimal(t, tt.a), decimal(t, tt.b))
		if tt.op == "power" && ok && got.Scale() > 6 {
			got, _ = got.Round(6)
		}
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s %s %s = %s, %v; want %q", tt.a, tt.op, tt.b, got, ok, tt.want)
		}
	}
}

func TestDecimalFunctions(t *testing.T) {
	t.Parallel()
	whole := func(f func(Decimal) Decimal) func(Decimal) (Decimal, bool) {
		return func(d Decimal) (Decimal, bool) { return f(d), true }
	}
	round := func(n int) func(Decimal) (Decimal, bool) {
		return func(d Decimal) (Decimal, bool) { return d.Round(n) }
	}
	funcs := map[string]func(Decimal) (Decimal, bool){
		"abs": whole(Decimal.Abs), "neg": whole(Decimal.Neg), "ceiling": whole(Decimal.Ceiling),
		"floor": whole(Decimal.Floor), "truncate": whole(Decimal.Truncate),
		"round": round(0), "round2": round(2), "round3": round(3), "round-1": round(-1),
		"sqrt": Decimal.Sqrt, "exp": Decimal.Exp, "ln": Decimal.Ln,
	}
	big := "123456789012345678901234567890"
	tests := []struct{ f, in, want string }{
		{"abs", "-5.50", "5.50"},
		{"abs", "-" + big, big},
		{"neg", "0", "0"},
		{"neg", "-9223372036854775808", "9223372036854775808"},
		{"ceiling", "1.1", "2"},
		{"ceiling", "-1.1", "-1"},
		{"ceiling", "1", "1"},
		{"ceiling", big + ".5", "123456789012345678901234567891"},
		{"floor", "2.1", "2"},
		{"floor", "-2.1", "-3"},
		{"truncate", "-1.56", "-1"},
		{"truncate", "1.00000001", "1"},
		{"truncate", big + ".9", big},
		{"round", "0.5", "1"},
		{"round", "-0.5", "-1"},
		{"round", "1.4999999999999999999999999", "1"},
		{"round", "7", "7"},
		{"round2", "0.666666", "0.67"},
		{"round2", "9.999", "10.00"},
		{"round2", "1.5", "1.5"},
		{"round3", "3.14159", "3.142"},
		{"round-1", "314", ""},
		{"sqrt", "81", "9"},
		{"sqrt", "2", "1.414213562373095048801688724209698"},
		{"sqrt", "0", "0"},
		{"sqrt", "-1", ""},
		{"exp", "0.0", "1"},
		{"exp", "1", "2.718281828459045235360287471352662"},
		{"exp", "1e9", ""},
		{"exp", "-1e9", "0"},
		{"ln", "1", "0"},
		{"ln", "2", "0.6931471805599453094172321214581766"},
		{"ln", "0", ""},
		{"ln", "-1", ""},
	}
	for _, tt := range tests {
		got, ok := funcs[tt.f](decimal(t, tt.in))
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s(%s) = %s, %v; want %q", tt.f, tt.in, got, ok, tt.want)
		}
	}
}

func TestDecimalWhole(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text   string
		value  int64
		ok     bool
		fits32 bool
	}{
		{"0.00", 0, true, true},
		{"12.0", 12, true, true},
		{"12.5", 0, false, false},
		{"2147483647", math.MaxInt32, true, true},
		{"2147483648", math.MaxInt32 + 1, true, false},
		{"-2147483648", math.MinInt32, true, true},
		{"9223372036854775807.000", math.MaxInt64, true, false},
		{"9223372036854775808", 0, false, false},
	}
	for _, tt := range tests {
		d := decimal(t, tt.text)
		if got, ok := d.Int64(); got != tt.value || ok != tt.ok {
			t.Errorf("%s: Int64 is %d, %v; want %d, %v", tt.text, got, ok, tt.value, tt.ok)
		}
		if got, ok := d.Integer(); ok != tt.fits32 || ok && int64(got) != tt.value {
			t.Errorf("%s: Integer is %d, %v; want %d, %v", tt.text, got, ok, tt.value, tt.fits32)
		}
		if got := d.IsInteger(); got != (tt.text != "12.5") {
			t.Errorf("%s: IsInteger is %v", tt.text, got)
		}
	}
}

func TestDecimalBoundaries(t *testing.T) {
	t.Parallel()
	none := math.MinInt
	tests := []struct {
		text      string
		precision int
		low, high string
	}{
		{"1.587", none, "1.58650000", "1.58750000"},
		{"1.587", 6, "1.586500", "1.587500"},
		{"1.587", 2, "1.58", "1.59"},
		{"1.587", 0, "1", "2"},
		{"1.587", -1, "", ""},
		{"1.587", 32, "", ""},
		{"1.587", 31, "1.5865" + strings.Repeat("0", 27), "1.5875" + strings.Repeat("0", 27)},
		{"-1.587", none, "-1.58750000", "-1.58650000"},
		{"-1.587", 6, "-1.587500", "-1.586500"},
		{"-1.587", 2, "-1.59", "-1.58"},
		{"-1.587", 0, "-2", "-1"},
		{"1", none, "0.50000000", "1.50000000"},
		{"1", 0, "0", "2"},
		{"1", 5, "0.50000", "1.50000"},
		{"0", none, "-0.50000000", "0.50000000"},
		{"1.0", none, "0.95000000", "1.05000000"},
		{"12.500", 4, "12.4995", "12.5005"},
		{"120", 2, "119.50", "120.50"},
		{"-120", 2, "-120.50", "-119.50"},
		{"0.0034", 1, "0.0", "0.0"},
		{"-0.0034", 1, "0.0", "0.0"},
		{"1.1234567891", none, "1.12345678905", "1.12345678915"},
	}
	for _, tt := range tests {
		var precision *int
		if tt.precision != none {
			precision = &tt.precision
		}
		d := decimal(t, tt.text)
		low, ok := d.Boundary(precision, false)
		if ok != (tt.low != "") || ok && low.String() != tt.low {
			t.Errorf("%s.lowBoundary(%d) = %s, %v; want %q", tt.text, tt.precision, low, ok, tt.low)
		}
		high, ok := d.Boundary(precision, true)
		if ok != (tt.high != "") || ok && high.String() != tt.high {
			t.Errorf("%s.highBoundary(%d) = %s, %v; want %q", tt.text, tt.precision, high, ok, tt.high)
		}
	}
}

func TestIntegerArithmetic(t *testing.T) {
	t.Parallel()
	const least, most = math.MinInt64, math.MaxInt64
	tests := []struct {
		name string
		op   func(a, b int64) (int64, bool)
		a, b int64
		want int64
		ok   bool
	}{
		{"add", AddInt64, 1, 2, 3, true},
		{"add", AddInt64, most, 0, most, true},
		{"add", AddInt64, most, 1, 0, false},
		{"add", AddInt64, least, -1, 0, false},
		{"sub", SubInt64, 1, 2, -1, true},
		{"sub", SubInt64, least, 1, 0, false},
		{"sub", SubInt64, 0, least, 0, false},
		{"sub", SubInt64, -1, least, most, true},
		{"mul", MulInt64, -3, 4, -12, true},
		{"mul", MulInt64, least, 1, least, true},
		{"mul", MulInt64, least, -1, 0, false},
		{"mul", MulInt64, 1 << 32, 1 << 31, 0, false},
		{"mul", MulInt64, 1 << 32, -(1 << 31), least, true},
		{"mul", MulInt64, most, most, 0, false},
	}
	for _, tt := range tests {
		got, ok := tt.op(tt.a, tt.b)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s(%d, %d) = %d, %v; want %d, %v", tt.name, tt.a, tt.b, got, ok, tt.want, tt.ok)
		}
	}
}

func TestDecimalAppendTextAllocates(t *testing.T) {
	d := decimal(t, "-123.4500")
	buf := make([]byte, 0, 64)
	text := []byte("6.50")
	if n := testing.AllocsPerRun(100, func() {
		buf = d.AppendText(buf[:0])
		if _, err := ParseDecimal(text); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestNewDecimal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		coef  int64
		scale int
		want  string
	}{
		{650, 2, "6.50"},
		{5, 0, "5"},
		{-5, 20, "-0.00000000000000000005"},
		{7, -3, "7000"},
		{7, -1000, "0"},
		{0, 500, "0." + strings.Repeat("0", 400)},
	}
	for _, tt := range tests {
		if got := NewDecimal(tt.coef, tt.scale).String(); got != tt.want {
			t.Errorf("NewDecimal(%d, %d) = %s, want %s", tt.coef, tt.scale, got, tt.want)
		}
	}
}
