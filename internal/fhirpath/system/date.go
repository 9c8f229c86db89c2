package system

// Date is a System.Date: a year, a month of a year or a day, without time zone. The zero value is not a date.
// Dates with the same components are equal with ==.
type Date struct {
	year       int16
	month, day uint8 // 0: not given
}

// ParseDate reads YYYY, YYYY-MM or YYYY-MM-DD. A day the calendar does not have is an ErrRange.
func ParseDate[T ~string | ~[]byte](text T) (Date, error) {
	d, next, err := scanDate(text)
	if err != nil {
		return Date{}, err
	}
	if next != len(text) {
		return Date{}, ErrSyntax
	}
	return d, nil
}

// Precision returns Year, Month or Day.
func (d Date) Precision() Precision {
	switch {
	case d.day != 0:
		return Day
	case d.month != 0:
		return Month
	}
	return Year
}

// Digits is the result of precision(): the number of digits given (4, 6 or 8).
func (d Date) Digits() int { return 2 + 2*int(d.Precision()) }

// DateTime returns the date as a DateTime of the same precision without time zone: the implicit conversion of
// section "Conversion".
func (d Date) DateTime() DateTime {
	return DateTime{year: d.year, month: d.month, day: d.day, precision: d.Precision()}
}

// AppendText appends YYYY, YYYY-MM or YYYY-MM-DD.
func (d Date) AppendText(dst []byte) []byte {
	dst = append4(dst, int(d.year))
	if d.month != 0 {
		dst = append2(append(dst, '-'), d.month)
	}
	if d.day != 0 {
		dst = append2(append(dst, '-'), d.day)
	}
	return dst
}

// String returns the text that AppendText appends.
func (d Date) String() string { return string(d.AppendText(nil)) }

// Compare returns -1, 0 or 1; known is false when the answer depends on a component that only one of them has
// (section "Comparison").
func (d Date) Compare(o Date) (order int, known bool) {
	if d.year != o.year {
		return compareInt(int(d.year), int(o.year)), true
	}
	if d.month == 0 || o.month == 0 {
		return 0, d.month == o.month
	}
	if d.month != o.month {
		return compareInt(d.month, o.month), true
	}
	if d.day == 0 || o.day == 0 {
		return 0, d.day == o.day
	}
	return compareInt(d.day, o.day), true
}

// Equal reports whether both are the same date; known is false when one is more precise than the other and the
// components both have are the same.
func (d Date) Equal(o Date) (equal, known bool) {
	order, known := d.Compare(o)
	return known && order == 0, known
}

// Equivalent reports whether both are the same date of the same precision.
func (d Date) Equivalent(o Date) bool { return d == o }

// Add returns the date moved by a time-valued quantity (section "Date/Time Arithmetic"). Units smaller than the
// date's precision are turned into whole units of that precision; months and years keep the day where the month
// has it and take the month's last day otherwise. ok is false when the result leaves the years 1 to 9999; err
// matches ErrUnit when the quantity is not a duration that can be added.
func (d Date) Add(q Quantity) (moved Date, ok bool, err error) {
	m, ok, err := d.DateTime().Add(q)
	return m.Date(), ok, err
}

// Boundary returns the first date of the given precision (4, 6 or 8 digits; nil is 8) that d can stand for, or the last
// one if high is set. ok is false for any other precision.
func (d Date) Boundary(precision *int, high bool) (boundary Date, ok bool) {
	p, ok := datePrecision(precision, 8)
	if !ok || p > Day {
		return Date{}, false
	}
	return d.DateTime().fill(high).truncate(p).Date(), true
}

// datePrecision turns a number of digits into a Precision.
func datePrecision(digits *int, byDefault int) (Precision, bool) {
	n := byDefault
	if digits != nil {
		n = *digits
	}
	switch n {
	case 4:
		return Year, true
	case 6:
		return Month, true
	case 8:
		return Day, true
	case 10:
		return Hour, true
	case 12:
		return Minute, true
	case 14:
		return Second, true
	case 17:
		return Millisecond, true
	}
	return 0, false
}
