package system

import (
	"math"
	"testing"
)

func TestStringConversions(t *testing.T) {
	t.Parallel()
	text := func(v interface{ String() string }, ok bool) string {
		if !ok {
			return ""
		}
		return v.String()
	}
	funcs := map[string]func(string) string{
		"toBoolean": func(s string) string {
			v, ok := StringToBoolean(s)
			if !ok {
				return ""
			}
			return map[bool]string{true: "true", false: "false"}[v]
		},
		"toInteger": func(s string) string {
			v, ok := StringToInteger(s)
			return text(DecimalFromInt(int64(v)), ok)
		},
		"toLong": func(s string) string {
			v, ok := StringToLong(s)
			return text(DecimalFromInt(v), ok)
		},
		"toDecimal":  func(s string) string { v, ok := StringToDecimal(s); return text(v, ok) },
		"toDate":     func(s string) string { v, ok := StringToDate(s); return text(v, ok) },
		"toDateTime": func(s string) string { v, ok := StringToDateTime(s); return text(v, ok) },
		"toTime":     func(s string) string { v, ok := StringToTime(s); return text(v, ok) },
		"toQuantity": func(s string) string { v, ok := StringToQuantity(s); return text(v, ok) },
	}
	tests := []struct{ f, in, want string }{
		{"toBoolean", "true", "true"},
		{"toBoolean", "TRUE", "true"},
		{"toBoolean", "T", "true"},
		{"toBoolean", "Yes", "true"},
		{"toBoolean", "y", "true"},
		{"toBoolean", "1", "true"},
		{"toBoolean", "1.0", "true"},
		{"toBoolean", "False", "false"},
		{"toBoolean", "f", "false"},
		{"toBoolean", "no", "false"},
		{"toBoolean", "N", "false"},
		{"toBoolean", "0", "false"},
		{"toBoolean", "0.0", "false"},
		{"toBoolean", "1.00", ""},
		{"toBoolean", "+1", ""},
		{"toBoolean", "on", ""},
		{"toBoolean", "", ""},
		{"toBoolean", " true", ""},
		{"toBoolean", "falsehood", ""},
		{"toInteger", "1", "1"},
		{"toInteger", "-1", "-1"},
		{"toInteger", "+1", "1"},
		{"toInteger", "007", "7"},
		{"toInteger", "2147483647", "2147483647"},
		{"toInteger", "-2147483648", "-2147483648"},
		{"toInteger", "2147483648", ""},
		{"toInteger", "1.0", ""},
		{"toInteger", "a", ""},
		{"toInteger", "", ""},
		{"toInteger", "-", ""},
		{"toInteger", " 1", ""},
		{"toInteger", "1e3", ""},
		{"toLong", "9223372036854775807", "9223372036854775807"},
		{"toLong", "-9223372036854775808", "-9223372036854775808"},
		{"toLong", "9223372036854775808", ""},
		{"toLong", "-9223372036854775809", ""},
		{"toLong", "100000000000000000000", ""},
		{"toDecimal", "1", "1"},
		{"toDecimal", "+1.10", "1.10"},
		{"toDecimal", "-0.5", "-0.5"},
		{"toDecimal", "1.a", ""},
		{"toDecimal", "1e3", ""},
		{"toDecimal", ".5", ""},
		{"toDecimal", "5.", ""},
		{"toDate", "2015", "2015"},
		{"toDate", "2015-02", "2015-02"},
		{"toDate", "2015-02-04", "2015-02-04"},
		{"toDate", "2015-02-30", ""},
		{"toDate", "2015-02-04T14:34", ""},
		{"toDate", "04-02-2015", ""},
		{"toDateTime", "2015", "2015"},
		{"toDateTime", "2015-02-04T14", "2015-02-04T14"},
		{"toDateTime", "2015-02-04T14:34:28.123+10:00", "2015-02-04T14:34:28.123+10:00"},
		{"toDateTime", "2015T", ""},
		{"toDateTime", "2015-02-30T10:00:00Z", ""},
		{"toTime", "14", "14"},
		{"toTime", "14:34:28.123", "14:34:28.123"},
		{"toTime", "T14:34", ""},
		{"toTime", "24:00", ""},
		{"toQuantity", "1", "1 '1'"},
		{"toQuantity", "1.0", "1.0 '1'"},
		{"toQuantity", "1 day", "1 day"},
		{"toQuantity", "4 days", "4 days"},
		{"toQuantity", "4days", "4 days"},
		{"toQuantity", "1 'wk'", "1 'wk'"},
		{"toQuantity", "+10.1  'mg'", "10.1 'mg'"},
		{"toQuantity", "10 'mm[Hg]'", "10 'mm[Hg]'"},
		{"toQuantity", "1 '[in_i'H2O]'", "1 '[in_i'H2O]'"},
		{"toQuantity", "1 wk", ""},
		{"toQuantity", "1.a", ""},
		{"toQuantity", "1 ''", ""},
		{"toQuantity", "1 'mg", ""},
		{"toQuantity", "day", ""},
		{"toQuantity", "", ""},
		{"toQuantity", " 1", ""},
		{"toQuantity", "1 day ", ""},
		{"toQuantity", "1e3 'mg'", ""},
	}
	for _, tt := range tests {
		if got := funcs[tt.f](tt.in); got != tt.want {
			t.Errorf("%q.%s() = %q, want %q", tt.in, tt.f, got, tt.want)
		}
	}
}

func TestNumberConversions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in        int64
		value, ok bool
	}{{1, true, true}, {0, false, true}, {2, false, false}, {-1, false, false}} {
		if value, ok := IntegerToBoolean(tt.in); value != tt.value || ok != tt.ok {
			t.Errorf("%d.toBoolean() = %v, %v; want %v, %v", tt.in, value, ok, tt.value, tt.ok)
		}
	}
	for _, tt := range []struct {
		in        string
		value, ok bool
	}{{"1.0", true, true}, {"0.00", false, true}, {"1.5", false, false}, {"2", false, false}, {"1e30", false, false}} {
		if value, ok := DecimalToBoolean(decimal(t, tt.in)); value != tt.value || ok != tt.ok {
			t.Errorf("%s.toBoolean() = %v, %v; want %v, %v", tt.in, value, ok, tt.value, tt.ok)
		}
	}
	for in, want := range map[int64]bool{math.MaxInt32: true, math.MaxInt32 + 1: false, math.MinInt32: true, math.MinInt32 - 1: false} {
		if _, ok := Int32(in); ok != want {
			t.Errorf("Int32(%d): ok is %v, want %v", in, ok, want)
		}
	}
	for in, want := range map[bool]string{true: "1.0", false: "0.0"} {
		if got := BooleanToDecimal(in).String(); got != want {
			t.Errorf("%v.toDecimal() = %s, want %s", in, got, want)
		}
		if got := BooleanToQuantity(in).String(); got != want+" '1'" {
			t.Errorf("%v.toQuantity() = %s, want %s '1'", in, got, want)
		}
	}
	if got := DecimalToQuantity(decimal(t, "5.50")).String(); got != "5.50 '1'" {
		t.Errorf("5.50.toQuantity() = %s", got)
	}
	if got := decimal(t, "-2.5").Float64(); got != -2.5 {
		t.Errorf("Float64 of -2.5 is %v", got)
	}
}
