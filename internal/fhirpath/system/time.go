package system

// Time is a System.Time: a time of day given to the precision of an hour down to a fraction of a second (nine
// digits are kept), without time zone. The zero value is not a time. Times written the same way are equal
// with ==.
type Time struct {
	nano                 int32
	hour, minute, second uint8
	precision            Precision // Hour to Second
	digits               uint8     // of the fraction of a second
}

// ParseTime reads hh, hh:mm, hh:mm:ss or hh:mm:ss.f…: FHIR's time and FHIRPath's literals without the @T.
// Errors match ErrSyntax or ErrRange; 24:00 is out of range.
func ParseTime[T ~string | ~[]byte](text T) (Time, error) {
	t, next, err := scanTime(text, 0)
	if err != nil {
		return Time{}, err
	}
	if next != len(text) {
		return Time{}, ErrSyntax
	}
	return t, nil
}

// Digits is the result of precision(): the number of digits given (2, 4, 6, 9).
func (t Time) Digits() int { return 2*int(t.precision-Day) + int(t.digits) }

// Hour returns the hour (hourOf).
func (t Time) Hour() (hour int, ok bool) { return int(t.hour), t.precision >= Hour }

// Minute returns the minute (minuteOf); ok is false when it is not given.
func (t Time) Minute() (minute int, ok bool) { return int(t.minute), t.precision >= Minute }

// Second returns the second without its fraction (secondOf); ok is false when it is not given.
func (t Time) Second() (second int, ok bool) { return int(t.second), t.precision >= Second }

// Millisecond returns the milliseconds of the fraction (millisecondOf); ok is false when there is none.
func (t Time) Millisecond() (ms int, ok bool) { return int(t.nano / 1_000_000), t.digits > 0 }

// AppendText appends hh, hh:mm, hh:mm:ss or hh:mm:ss.f….
func (t Time) AppendText(dst []byte) []byte {
	dst = append2(dst, t.hour)
	if t.precision >= Minute {
		dst = append2(append(dst, ':'), t.minute)
	}
	if t.precision >= Second {
		dst = append2(append(dst, ':'), t.second)
	}
	if t.digits > 0 {
		dst = append(dst, '.')
		rest := uint64(t.nano)
		for i := fractionMax - 1; i >= fractionMax-int(t.digits); i-- {
			dst = append(dst, byte('0'+rest/pow10[i]%10))
		}
	}
	return dst
}

// String returns the text that AppendText appends.
func (t Time) String() string { return string(t.AppendText(nil)) }

func (t Time) seconds() int64 {
	return int64(t.hour)*3600 + int64(t.minute)*60 + int64(t.second)
}

// Compare returns -1, 0 or 1; known is false when the answer depends on a component that only one of them has.
// Seconds and their fraction are one component (section "Comparison").
func (t Time) Compare(o Time) (order int, known bool) {
	common := min(t.precision, o.precision)
	a, b := t.truncate(common), o.truncate(common)
	if common == Second {
		a, b = t, o
	}
	if c := (moment{a.seconds(), a.nano}).compare(moment{b.seconds(), b.nano}); c != 0 {
		return c, true
	}
	return 0, t.precision == o.precision
}

// Equal reports whether both are the same time of day; known is false as for Compare.
func (t Time) Equal(o Time) (equal, known bool) {
	order, known := t.Compare(o)
	return known && order == 0, known
}

// Equivalent reports whether both are the same time of day with the same precision.
func (t Time) Equivalent(o Time) bool {
	equal, _ := t.Equal(o)
	return equal
}

// truncate leaves out everything below a precision of Hour to Millisecond.
func (t Time) truncate(p Precision) Time {
	if p < Minute {
		t.minute = 0
	}
	if p < Second {
		t.second = 0
	}
	if p < Millisecond {
		t.nano, t.digits = 0, 0
	} else if t.digits > 3 {
		t.nano, t.digits = t.nano-t.nano%1_000_000, 3
	}
	t.precision = min(t.precision, p, Second)
	return t
}

// Boundary returns the first time of the given precision (2, 4, 6 or 9 digits; nil is 9) that t can stand for, or the
// last one if high is set. ok is false for any other precision.
func (t Time) Boundary(precision *int, high bool) (boundary Time, ok bool) {
	digits := 9
	if precision != nil {
		digits = *precision
	}
	digits += 8
	p, ok := datePrecision(&digits, 0)
	if !ok || p < Hour {
		return Time{}, false
	}
	v := DateTime{year: 1, month: 1, day: 1}
	v.setTime(t)
	b, _ := v.fill(high).truncate(p).Time()
	return b, true
}

// Add returns the time of day moved by a time-valued quantity, going round at midnight (section "Date/Time
// Arithmetic"). err matches ErrUnit unless the unit is one of hours, minutes, seconds or milliseconds.
func (t Time) Add(q Quantity) (moved Time, err error) {
	unit, ok := q.duration()
	if !ok || unit < Hour || unit == week {
		return Time{}, ErrUnit
	}
	v := DateTime{year: 2000, month: 1, day: 1}
	v.setTime(t)
	// Whole days change nothing; leaving them out keeps the sum in range.
	q.Value, ok = q.Value.Mod(DecimalFromInt(unitsPerDay(unit)))
	if !ok {
		return Time{}, ErrUnit
	}
	m, _, err := v.Add(q)
	if err != nil {
		return Time{}, err
	}
	moved, _ = m.Time()
	return moved, nil
}
