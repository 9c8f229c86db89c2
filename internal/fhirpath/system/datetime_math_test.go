package system

import (
	"errors"
	"testing"
)

func TestDateArithmetic(t *testing.T) {
	t.Parallel()
	tests := []struct{ date, op, quantity, want string }{ // want "": empty, "error": no unit for a date
		{"1973-12-25", "+", "7 days", "1974-01-01"},
		{"1973-12-25", "+", "7.9 days", "1974-01-01"},
		{"1973-12-25", "+", "1 week", "1974-01-01"},
		{"1973-12-25", "+", "1 'wk'", "1974-01-01"},
		{"1973-12-25", "+", "1 'd'", "1973-12-26"},
		{"1973-12-25", "+", "1 month", "1974-01-25"},
		{"1973-12-25", "+", "1 year", "1974-12-25"},
		{"1974-12-25", "-", "1 'month'", "1974-11-25"},
		{"1973-12-25", "+", "1 'mo'", "error"},
		{"1973-12-25", "+", "1 'a'", "error"},
		{"1974-12-25", "-", "1 'cm'", "error"},
		{"1974-12-25", "-", "1", "error"},
		{"2019-03-01", "+", "24 months", "2021-03-01"},
		{"2019-03-01", "+", "23 hours", "2019-03-01"},
		{"2019-03-01", "+", "24 hours", "2019-03-02"},
		{"2019-03-01", "-", "24 hours", "2019-02-28"},
		{"2026-01-31", "+", "1 month", "2026-02-28"},
		{"2024-01-31", "+", "1 month", "2024-02-29"},
		{"2016-02-29", "+", "1 year", "2017-02-28"},
		{"2016-02-29", "-", "1 year", "2015-02-28"},
		{"2016-03-31", "-", "1 month", "2016-02-29"},
		{"2016-01-15", "-", "13 months", "2014-12-15"},
		{"2014", "+", "24 months", "2016"},
		{"2014", "+", "23 months", "2015"},
		{"2014", "+", "11 months", "2014"},
		{"2014", "-", "11 months", "2014"},
		{"2016", "+", "365 days", "2017"},
		{"2016", "+", "364 days", "2016"},
		{"2016", "+", "53 weeks", "2017"},
		{"2016", "+", "8760 hours", "2017"},
		{"2026-02", "+", "5 weeks", "2026-03"},
		{"2026-02", "+", "4 weeks", "2026-02"},
		{"2026-02", "-", "60 days", "2025-12"},
		{"9999-12-31", "+", "1 day", ""},
		{"9999", "+", "1 year", ""},
		{"0001-01-01", "-", "1 day", ""},
		{"2014", "+", "99999999999999999999 years", ""},
		{"2014-01-01", "+", "99999999999999999999 weeks", ""},
	}
	for _, tt := range tests {
		d, q := date(t, tt.date), quantity(t, tt.quantity)
		got, ok, err := d.Add(q)
		if tt.op == "-" {
			got, ok, err = d.Add(q.Neg())
		}
		check(t, tt.date+" "+tt.op+" "+tt.quantity, got.String(), ok, err, tt.want)
	}
}

func check(t *testing.T, what, got string, ok bool, err error, want string) {
	t.Helper()
	if want == "error" {
		if !errors.Is(err, ErrUnit) {
			t.Errorf("%s: error %v, want %v", what, err, ErrUnit)
		}
		return
	}
	if err != nil || ok != (want != "") || ok && got != want {
		t.Errorf("%s = %s, %v, %v; want %q", what, got, ok, err, want)
	}
}

func TestDateTimeArithmetic(t *testing.T) {
	t.Parallel()
	const base = "1973-12-25T00:00:00.000+10:00"
	tests := []struct{ at, op, quantity, want string }{
		{base, "+", "7.7 days", "1974-01-01T00:00:00.000+10:00"},
		{base, "+", "1 second", "1973-12-25T00:00:01.000+10:00"},
		{base, "+", "10 milliseconds", "1973-12-25T00:00:00.010+10:00"},
		{base, "+", "10 'ms'", "1973-12-25T00:00:00.010+10:00"},
		{base, "+", "42.53 seconds", "1973-12-25T00:00:42.530+10:00"},
		{base, "+", "0.1 's'", "1973-12-25T00:00:00.100+10:00"},
		{base, "-", "0.001 's'", "1973-12-24T23:59:59.999+10:00"},
		{base, "+", "1 'min'", "1973-12-25T00:01:00.000+10:00"},
		{base, "+", "1.9 minutes", "1973-12-25T00:01:00.000+10:00"},
		{base, "+", "1 'h'", "1973-12-25T01:00:00.000+10:00"},
		{base, "+", "1 month", "1974-01-25T00:00:00.000+10:00"},
		{base, "+", "1 'mo'", "error"},
		{base, "+", "1 'mg'", "error"},
		{"2014-01-01T10:00:00", "+", "1.5 hours", "2014-01-01T11:00:00"},
		{"2014-01-01T10:00:00", "+", "500 milliseconds", "2014-01-01T10:00:00.500"},
		{"2014-01-01T10:00:00", "+", "1000 milliseconds", "2014-01-01T10:00:01"},
		{"2014-01-01T10:00:00.5", "+", "0.25 seconds", "2014-01-01T10:00:00.750"},
		{"2014-01-01T10:00", "+", "90 seconds", "2014-01-01T10:01"},
		{"2014-01-01T10", "+", "90 minutes", "2014-01-01T11"},
		{"2014-01-01T23", "+", "1 hour", "2014-01-02T00"},
		{"2014-01-01T", "+", "25 hours", "2014-01-02"},
		{"2014", "+", "13 months", "2015"},
		{"9999-12-31T23:59:59Z", "+", "1 second", ""},
		{"0001-01-01T00:00:00Z", "-", "1 millisecond", ""},
		{"2014-01-01T10:00:00Z", "+", "1000000000000000000000 seconds", ""},
	}
	for _, tt := range tests {
		v, q := dateTime(t, tt.at), quantity(t, tt.quantity)
		got, ok, err := v.Add(q)
		if tt.op == "-" {
			got, ok, err = v.Add(q.Neg())
		}
		check(t, tt.at+" "+tt.op+" "+tt.quantity, got.String(), ok, err, tt.want)
	}
}

func TestTimeArithmetic(t *testing.T) {
	t.Parallel()
	tests := []struct{ at, op, quantity, want string }{
		{"01:00:00", "+", "2 hours", "03:00:00"},
		{"23:00:00", "+", "2 hours", "01:00:00"},
		{"23:00:00", "+", "50 hours", "01:00:00"},
		{"01:00:00", "+", "48 hours", "01:00:00"},
		{"01:00:00", "-", "2 hours", "23:00:00"},
		{"00:30:00", "-", "1 hour", "23:30:00"},
		{"10:00:00.000", "+", "0.5 's'", "10:00:00.500"},
		{"10:00", "+", "90 seconds", "10:01"},
		{"10", "+", "59 minutes", "10"},
		{"10:00:00", "+", "1 day", "error"},
		{"10:00:00", "+", "1 week", "error"},
		{"10:00:00", "+", "1 'wk'", "error"},
		{"10:00:00", "+", "1 month", "error"},
		{"10:00:00", "+", "1 'cm'", "error"},
	}
	for _, tt := range tests {
		v, q := clock(t, tt.at), quantity(t, tt.quantity)
		got, err := v.Add(q)
		if tt.op == "-" {
			got, err = v.Add(q.Neg())
		}
		check(t, tt.at+" "+tt.op+" "+tt.quantity, got.String(), true, err, tt.want)
	}
}

func TestDateTimeBoundaries(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, text string
		precision  int // 0: none given
		low, high  string
	}{
		{"date", "2014", 6, "2014-01", "2014-12"},
		{"date", "2014", 0, "2014-01-01", "2014-12-31"},
		{"date", "1970-06", 0, "1970-06-01", "1970-06-30"},
		{"date", "2016-02", 8, "2016-02-01", "2016-02-29"},
		{"date", "2014-05-06", 4, "2014", "2014"},
		{"date", "2014-05-06", 10, "", ""},
		{"date", "2014", 5, "", ""},
		{"dateTime", "2014-01-01T08", 17, "2014-01-01T08:00:00.000+14:00", "2014-01-01T08:59:59.999-12:00"},
		{"dateTime", "2014-01-01T08:05-05:00", 17, "2014-01-01T08:05:00.000-05:00", "2014-01-01T08:05:59.999-05:00"},
		{"dateTime", "2014-01-01T08", 8, "2014-01-01", "2014-01-01"},
		{"dateTime", "2010-10-10", 0, "2010-10-10T00:00:00.000+14:00", "2010-10-10T23:59:59.999-12:00"},
		{"dateTime", "2010", 0, "2010-01-01T00:00:00.000+14:00", "2010-12-31T23:59:59.999-12:00"},
		{"dateTime", "2010", 10, "2010-01-01T00+14:00", "2010-12-31T23-12:00"},
		{"dateTime", "2010", 6, "2010-01", "2010-12"},
		{"dateTime", "2010-10-10T10:10:10Z", 0, "2010-10-10T10:10:10.000Z", "2010-10-10T10:10:10.999Z"},
		{"dateTime", "2010-10-10T10:10:10.5Z", 0, "2010-10-10T10:10:10.500Z", "2010-10-10T10:10:10.599Z"},
		{"dateTime", "2010-10-10T10:10:10.123456Z", 0, "2010-10-10T10:10:10.123Z", "2010-10-10T10:10:10.123Z"},
		{"dateTime", "2010-10-10T10:10:10.123Z", 12, "2010-10-10T10:10Z", "2010-10-10T10:10Z"},
		{"dateTime", "2010", 18, "", ""},
		{"time", "10:30", 9, "10:30:00.000", "10:30:59.999"},
		{"time", "12:34:00", 0, "12:34:00.000", "12:34:00.999"},
		{"time", "12", 4, "12:00", "12:59"},
		{"time", "12:34:56", 2, "12", "12"},
		{"time", "12", 8, "", ""},
		{"time", "12", -4, "", ""},
	}
	for _, tt := range tests {
		var p *int
		if tt.precision != 0 {
			p = &tt.precision
		}
		var low, high string
		var okLow, okHigh bool
		switch tt.kind {
		case "date":
			l, ok := date(t, tt.text).Boundary(p, false)
			h, ok2 := date(t, tt.text).Boundary(p, true)
			low, high, okLow, okHigh = l.String(), h.String(), ok, ok2
		case "dateTime":
			l, ok := dateTime(t, tt.text).Boundary(p, false)
			h, ok2 := dateTime(t, tt.text).Boundary(p, true)
			low, high, okLow, okHigh = l.String(), h.String(), ok, ok2
		default:
			l, ok := clock(t, tt.text).Boundary(p, false)
			h, ok2 := clock(t, tt.text).Boundary(p, true)
			low, high, okLow, okHigh = l.String(), h.String(), ok, ok2
		}
		check(t, tt.text+".lowBoundary()", low, okLow, nil, tt.low)
		check(t, tt.text+".highBoundary()", high, okHigh, nil, tt.high)
	}
}
