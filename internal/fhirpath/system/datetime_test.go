package system

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func dateTime(t testing.TB, text string) DateTime {
	t.Helper()
	v, err := ParseDateTime(text)
	if err != nil {
		t.Fatalf("ParseDateTime(%q): %v", text, err)
	}
	return v
}

func date(t testing.TB, text string) Date {
	t.Helper()
	v, err := ParseDate(text)
	if err != nil {
		t.Fatalf("ParseDate(%q): %v", text, err)
	}
	return v
}

func clock(t testing.TB, text string) Time {
	t.Helper()
	v, err := ParseTime(text)
	if err != nil {
		t.Fatalf("ParseTime(%q): %v", text, err)
	}
	return v
}

func TestParseDateTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, want string
		digits     int
		err        error
	}{
		{"2015", "2015", 4, nil},
		{"2015T", "2015", 4, nil},
		{"2015-02", "2015-02", 6, nil},
		{"2015-02T", "2015-02", 6, nil},
		{"2015-02-04", "2015-02-04", 8, nil},
		{"2015-02-04T", "2015-02-04", 8, nil},
		{"2015-02-04T14", "2015-02-04T14", 10, nil},
		{"2015-02-04T14+02:00", "2015-02-04T14+02:00", 10, nil},
		{"2015-02-04T14:34", "2015-02-04T14:34", 12, nil},
		{"2015-02-04T14:34:28", "2015-02-04T14:34:28", 14, nil},
		{"2015-02-04T14:34:28Z", "2015-02-04T14:34:28Z", 14, nil},
		{"2015-02-04T14:34:28.1", "2015-02-04T14:34:28.1", 15, nil},
		{"2015-02-04T14:34:28.123", "2015-02-04T14:34:28.123", 17, nil},
		{"2015-02-04T14:34:28.123456789-05:30", "2015-02-04T14:34:28.123456789-05:30", 23, nil},
		{"2015-02-04T14:34:28.1234567891", "2015-02-04T14:34:28.123456789", 23, nil},
		{"2015-02-04T14:34:28+00:00", "2015-02-04T14:34:28+00:00", 14, nil},
		{"2015-02-04T14:34:28-00:00", "2015-02-04T14:34:28-00:00", 14, nil},
		{"2015-02-04T14:34:28+14:00", "2015-02-04T14:34:28+14:00", 14, nil},
		{"2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z", 14, nil},
		{"2000-02-29", "2000-02-29", 8, nil},
		{"0001-01-01", "0001-01-01", 8, nil},
		{"0000", "", 0, ErrRange},
		{"2015-02-30", "", 0, ErrRange},
		{"1900-02-29", "", 0, ErrRange},
		{"2015-00", "", 0, ErrRange},
		{"2015-13", "", 0, ErrRange},
		{"2015-04-31", "", 0, ErrRange},
		{"2015-02-04T24:00", "", 0, ErrRange},
		{"2015-02-04T23:60", "", 0, ErrRange},
		{"2015-02-04T23:00:61", "", 0, ErrRange},
		{"2015-02-04T14:34:28+14:01", "", 0, ErrRange},
		{"2015-02-04T14:34:28+10:60", "", 0, ErrRange},
		{"", "", 0, ErrSyntax},
		{"15", "", 0, ErrSyntax},
		{"20150204", "", 0, ErrSyntax},
		{"2015-2-4", "", 0, ErrSyntax},
		{"2015-02-04 14:34", "", 0, ErrSyntax},
		{"2015-02T14", "", 0, ErrSyntax},
		{"2015-02-04T1", "", 0, ErrSyntax},
		{"2015-02-04T14:3", "", 0, ErrSyntax},
		{"2015-02-04T14:34:28.", "", 0, ErrSyntax},
		{"2015-02-04T14:34:28+1:00", "", 0, ErrSyntax},
		{"2015-02-04T14:34:28+10", "", 0, ErrSyntax},
		{"2015-02-04T14:34:28z", "", 0, ErrSyntax},
		{"2015-02-04TZ", "", 0, ErrSyntax},
		{"-2015", "", 0, ErrSyntax},
	}
	for _, tt := range tests {
		got, err := ParseDateTime([]byte(tt.text))
		if !errors.Is(err, tt.err) {
			t.Errorf("ParseDateTime(%q): error %v, want %v", tt.text, err, tt.err)
			continue
		}
		if err != nil {
			continue
		}
		if got.String() != tt.want || got.Digits() != tt.digits {
			t.Errorf("ParseDateTime(%q) = %s with %d digits, want %s with %d", tt.text, got, got.Digits(), tt.want, tt.digits)
		}
	}
}

func TestParseDateAndTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2015", "2015-02", "2015-02-04"} {
		if got := date(t, text); got.String() != text || got.Digits() != map[int]int{4: 4, 7: 6, 10: 8}[len(text)] {
			t.Errorf("ParseDate(%q) = %s with %d digits", text, got, got.Digits())
		}
	}
	for _, text := range []string{"", "2015-", "2015T", "2015-02-04T14", "2015-02-30", "2015-02-041"} {
		if got, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) = %s, want an error", text, got)
		}
	}
	for text, digits := range map[string]int{"14": 2, "14:34": 4, "14:34:28": 6, "14:34:28.1": 7, "14:34:28.123": 9} {
		if got := clock(t, text); got.String() != text || got.Digits() != digits {
			t.Errorf("ParseTime(%q) = %s with %d digits, want %d", text, got, got.Digits(), digits)
		}
	}
	for _, text := range []string{"", "T14", "1", "24", "24:00", "14:60", "14:34:28Z", "14:34:28+10:00", "14:", "14:34:28."} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("ParseTime(%q) = %s, want an error", text, got)
		}
	}
}

func TestDateTimeCompare(t *testing.T) {
	t.Parallel()
	const unknown = 9
	tests := []struct {
		a, b  string
		order int
	}{
		{"2012", "2012", 0},
		{"2012", "2013", -1},
		{"2012-01", "2012", unknown},
		{"2012-01", "2013", -1},
		{"2018-03", "2018-03-01", unknown},
		{"2018-04", "2018-03-01", 1},
		{"2012-01-01T10:30", "2012-01-01T10:30", 0},
		{"2012-01-01T10:30", "2012-01-01T10:31", -1},
		{"2012-01-01T10:30:31", "2012-01-01T10:30", unknown},
		{"2012-01-01T10:30:31", "2012-01-01T10:29", 1},
		{"2012-01-01T10:30:31.0", "2012-01-01T10:30:31", 0},
		{"2012-01-01T10:30:31.1", "2012-01-01T10:30:31", 1},
		{"2012-01-01T10:30:31.1", "2012-01-01T10:30:31.100", 0},
		{"2012-01-01T10", "2012-01-01T10:30", unknown},
		{"2012-04-15", "2012-04-15T10:00:00", unknown},
		{"2012-04-16", "2012-04-15T10:00:00", 1},
		{"2017-11-05T01:30:00.0-04:00", "2017-11-05T01:15:00.0-05:00", -1},
		{"2017-11-05T01:30:00.0-04:00", "2017-11-05T00:30:00.0-05:00", 0},
		{"2012-04-15T15:00:00+02:00", "2012-04-15T16:00:00+03:00", 0},
		{"2012-04-15T15:00:00Z", "2012-04-15T15:00:00+00:00", 0},
		{"2012-04-15T15:00:00Z", "2012-04-15T10:00:00", unknown},
		{"2012-04-15T15:00:00Z", "2012-04-16T05:00:00", unknown},
		{"2012-04-15T15:00:00Z", "2012-04-16T05:00:01", -1},
		{"2012-04-15T15:00:00Z", "2012-04-15T02:59:59", 1},
		{"1974-12-25", "1974-12-25T12:34:00-10:00", unknown},
		{"1974-12-25", "2026-11-23T00:00:00.000Z", -1},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", 0},
		{"2012-01-01T10:30+05:30", "2012-01-01T05:00:30Z", unknown},
		{"2012-01-01T10:30+05:30", "2012-01-01T05:01:00Z", -1},
	}
	for _, tt := range tests {
		a, b := dateTime(t, tt.a), dateTime(t, tt.b)
		got, known := a.Compare(b)
		if !known {
			got = unknown
		}
		if got != tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", a, b, got, tt.order)
		}
		if back, knownBack := b.Compare(a); knownBack != known || known && back != -got {
			t.Errorf("%s compared with %s: got %d, %v; the other way %d, %v", b, a, back, knownBack, got, known)
		}
		if got := a.Equivalent(b); got != (tt.order == 0) {
			t.Errorf("%s ~ %s: got %v", a, b, got)
		}
		if equal, known := a.Equal(b); known != (tt.order != unknown) || equal != (tt.order == 0) {
			t.Errorf("%s = %s: got %v, %v", a, b, equal, known)
		}
	}
}

func TestDateCompare(t *testing.T) {
	t.Parallel()
	const unknown = 9
	tests := []struct {
		a, b  string
		order int
	}{
		{"2012", "2012", 0},
		{"2012", "2013", -1},
		{"2012", "2012-01", unknown},
		{"2012-02", "2012-01", 1},
		{"2012-02", "2012-02", 0},
		{"2012-02", "2012-02-01", unknown},
		{"2012-02", "2012-03-01", -1},
		{"2012-02-01", "2012-02-02", -1},
		{"2012-02-01", "2012-02-01", 0},
	}
	for _, tt := range tests {
		a, b := date(t, tt.a), date(t, tt.b)
		got, known := a.Compare(b)
		if !known {
			got = unknown
		}
		if got != tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", a, b, got, tt.order)
		}
		if equal, known := b.Equal(a); known != (tt.order != unknown) || equal != (tt.order == 0) || equal != a.Equivalent(b) {
			t.Errorf("%s = %s: got %v, %v", b, a, equal, known)
		}
		if order, ok := a.DateTime().Compare(b.DateTime()); ok != known || ok && order != got {
			t.Errorf("%s compared with %s as DateTimes: got %d, %v", a, b, order, ok)
		}
	}
}

func TestTimeCompare(t *testing.T) {
	t.Parallel()
	const unknown = 9
	tests := []struct {
		a, b  string
		order int
	}{
		{"10", "10", 0},
		{"10", "10:30", unknown},
		{"10", "11:30", -1},
		{"10:30", "10:30:00", unknown},
		{"10:31", "10:30:00", 1},
		{"10:30:00", "10:30:00.0", 0},
		{"10:30:00", "10:30:00.001", -1},
		{"12:00:01", "12:00:00", 1},
	}
	for _, tt := range tests {
		a, b := clock(t, tt.a), clock(t, tt.b)
		got, known := a.Compare(b)
		if !known {
			got = unknown
		}
		if got != tt.order {
			t.Errorf("%s compared with %s: got %d, want %d", a, b, got, tt.order)
		}
		if equal, _ := a.Equal(b); equal != (tt.order == 0) || equal != b.Equivalent(a) {
			t.Errorf("%s = %s: got %v", a, b, equal)
		}
	}
}

func TestComponents(t *testing.T) {
	t.Parallel()
	full := dateTime(t, "2014-01-05T10:30:40.002-07:30")
	absent := math.MinInt
	get := func(f func() (int, bool)) int {
		v, ok := f()
		if !ok {
			return absent
		}
		return v
	}
	bare, day := dateTime(t, "2014"), date(t, "2014-01")
	at := clock(t, "10:30")
	tests := []struct {
		name string
		f    func() (int, bool)
		want int
	}{
		{"yearOf", full.Year, 2014},
		{"monthOf", full.Month, 1},
		{"dayOf", full.Day, 5},
		{"hourOf", full.Hour, 10},
		{"minuteOf", full.Minute, 30},
		{"secondOf", full.Second, 40},
		{"millisecondOf", full.Millisecond, 2},
		{"yearOf partial", bare.Year, 2014},
		{"monthOf partial", bare.Month, absent},
		{"dayOf partial", bare.Day, absent},
		{"hourOf partial", bare.Hour, absent},
		{"minuteOf partial", bare.Minute, absent},
		{"secondOf partial", bare.Second, absent},
		{"millisecondOf partial", bare.Millisecond, absent},
		{"Date yearOf", day.DateTime().Year, 2014},
		{"Date monthOf", day.DateTime().Month, 1},
		{"Date dayOf", day.DateTime().Day, absent},
		{"Time hourOf", at.Hour, 10},
		{"Time minuteOf", at.Minute, 30},
		{"Time secondOf", at.Second, absent},
		{"Time millisecondOf", at.Millisecond, absent},
	}
	for _, tt := range tests {
		if got := get(tt.f); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := full.Date().String(); got != "2014-01-05" {
		t.Errorf("dateOf: got %s", got)
	}
	if got, ok := full.Time(); !ok || got.String() != "10:30:40.002" {
		t.Errorf("timeOf: got %s, %v", got, ok)
	}
	if got, ok := bare.Time(); ok {
		t.Errorf("timeOf of a year: got %s", got)
	}
	for text, want := range map[string]string{
		"2014-01-05T10:30:40.002-07:30": "-7.5", "2012-01-01T12:30:00.000-07:00": "-7.0",
		"2012-01-01T12:30:00.000+08:45": "8.75", "2012-01-01T12:30:00Z": "0.0", "2012-01-01T12:30:00": "",
	} {
		got, ok := dateTime(t, text).TimezoneOffset()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s.timezoneOffsetOf() = %s, %v; want %q", text, got, ok, want)
		}
	}
}

func TestPrecision(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Precision{
		"2015": Year, "2015-02": Month, "2015-02-04": Day, "2015-02-04T10": Hour, "2015-02-04T10:30": Minute,
		"2015-02-04T10:30:00": Second, "2015-02-04T10:30:00.0": Millisecond,
	} {
		v := dateTime(t, text)
		if got := v.Precision(); got != want {
			t.Errorf("%s has the precision %d, want %d", text, got, want)
		}
	}
}

func drawDateTime(t *rapid.T, label string) DateTime {
	v, ok := NewDateTime(rapid.Int64Range(-62135596800+86400, 253402300799-86400).Draw(t, label),
		rapid.Int32Range(0, nanosPerSec-1).Draw(t, label+" nanos"), rapid.IntRange(-840, 840).Draw(t, label+" offset"))
	if !ok {
		t.Fatalf("%s is out of range", label)
	}
	return v
}

func TestDateTimeAgainstTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDateTime(t, "a"), drawDateTime(t, "b")
		x, errX := time.Parse(time.RFC3339Nano, a.String())
		y, errY := time.Parse(time.RFC3339Nano, b.String())
		if errX != nil || errY != nil {
			t.Fatalf("%s, %s: %v, %v", a, b, errX, errY)
		}
		back, err := ParseDateTime(a.String())
		if err != nil || back != a {
			t.Fatalf("%s is read as %s, %v", a, back, err)
		}
		if got, known := a.Compare(b); !known || got != x.Compare(y) {
			t.Fatalf("%s compared with %s: got %d, %v; want %d", a, b, got, known, x.Compare(y))
		}
		n := rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "n")
		for unit, want := range map[string]time.Time{
			"milliseconds": x.Add(time.Duration(n) * time.Millisecond),
			"seconds":      x.Add(time.Duration(n) * time.Second),
			"minutes":      x.Add(time.Duration(n) * time.Minute),
			"hours":        x.Add(time.Duration(n) * time.Hour),
			"days":         x.AddDate(0, 0, int(n)),
			"weeks":        x.AddDate(0, 0, 7*int(n)),
		} {
			got, ok, err := a.Add(Quantity{Value: DecimalFromInt(n), Unit: unit, Calendar: true})
			if err != nil {
				t.Fatalf("%s + %d %s: %v", a, n, unit, err)
			}
			if inRange := want.Year() >= 1 && want.Year() <= 9999; ok != inRange {
				t.Fatalf("%s + %d %s: ok is %v, want %v", a, n, unit, ok, inRange)
			}
			if wantText := want.Format("2006-01-02T15:04:05.000Z07:00"); ok && got.String() != wantText {
				t.Fatalf("%s + %d %s = %s, want %s", a, n, unit, got, wantText)
			}
		}
	})
}

func FuzzParseDateTime(f *testing.F) {
	for _, s := range []string{"2015", "2015T", "2015-02-04T14:34:28.123+10:00", "2015-02-04T14:34Z", "9999-12-31"} {
		f.Add(s)
	}
	one := 17
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseTime(s); err == nil {
			if back, err := ParseTime(d.String()); err != nil || back != d {
				t.Fatalf("time %q is written as %s and read as %s, %v", s, d, back, err)
			}
		}
		v, err := ParseDateTime(s)
		if err != nil {
			return
		}
		back, err := ParseDateTime(v.String())
		if err != nil || back != v {
			t.Fatalf("%q is written as %s and read as %s, %v", s, v, back, err)
		}
		low, okLow := v.Boundary(&one, false)
		high, okHigh := v.Boundary(&one, true)
		if !okLow || !okHigh {
			t.Fatalf("%q has no boundaries", s)
		}
		if order, known := low.Compare(high); !known || order > 0 {
			t.Fatalf("%q has the boundaries %s and %s", s, low, high)
		}
	})
}
