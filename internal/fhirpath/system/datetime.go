package system

// DateTime is a System.DateTime: a point in time given to the precision of a year down to a fraction of a
// second (nine digits are kept), with or without time zone offset. The zero value is not a DateTime.
// DateTimes written the same way are equal with ==.
type DateTime struct {
	nano                             int32
	year, offset                     int16 // offset from UTC in minutes
	month, day, hour, minute, second uint8
	precision                        Precision // Year to Second
	digits                           uint8     // of the fraction of a second
	zone                             zoneKind
}

type zoneKind uint8

const (
	zoneAbsent zoneKind = iota
	zoneUTC             // Z
	zonePlus
	zoneMinus
)

// ParseDateTime reads the forms of FHIR's dateTime and instant and of FHIRPath's literals without the @:
// YYYY, YYYY-MM or YYYY-MM-DD, each also with a T at the end, or YYYY-MM-DDThh[:mm[:ss[.f…]]] with Z, +hh:mm,
// -hh:mm or no time zone. Errors match ErrSyntax or ErrRange.
func ParseDateTime[T ~string | ~[]byte](text T) (DateTime, error) {
	d, i, err := scanDate(text)
	if err != nil {
		return DateTime{}, err
	}
	v := d.DateTime()
	if i == len(text) {
		return v, nil
	}
	if text[i] != 'T' {
		return DateTime{}, ErrSyntax
	}
	i++
	if i == len(text) {
		return v, nil
	}
	if d.day == 0 {
		return DateTime{}, ErrSyntax
	}
	t, i, err := scanTime(text, i)
	if err != nil {
		return DateTime{}, err
	}
	v.setTime(t)
	v.zone, v.offset, i, err = scanZone(text, i)
	if err != nil {
		return DateTime{}, err
	}
	if i != len(text) {
		return DateTime{}, ErrSyntax
	}
	return v, nil
}

// NewDateTime returns the point in time that lies nanos (0 to 999,999,999) after unix seconds of the Unix epoch,
// to the millisecond, in the time zone of the given offset from UTC in minutes. ok is false when the offset is
// beyond 14 hours or the year is not one of 1 to 9999.
func NewDateTime(unix int64, nanos int32, offset int) (v DateTime, ok bool) {
	if offset < -14*60 || offset > 14*60 {
		return DateTime{}, false
	}
	v.precision, v.digits = Second, 3
	v.offset = int16(offset)
	switch {
	case offset == 0:
		v.zone = zoneUTC
	case offset > 0:
		v.zone = zonePlus
	default:
		v.zone = zoneMinus
	}
	ok = v.setLocal(unix+int64(offset)*60, nanos-nanos%1_000_000)
	return v, ok
}

func (v *DateTime) setTime(t Time) {
	v.hour, v.minute, v.second, v.nano = t.hour, t.minute, t.second, t.nano
	v.digits, v.precision = t.digits, t.precision
}

// Precision returns the last component that is given; Millisecond when there is a fraction of a second.
func (v DateTime) Precision() Precision {
	if v.digits > 0 {
		return Millisecond
	}
	return v.precision
}

// Digits is the result of precision(): the number of digits given, without those of the time zone.
func (v DateTime) Digits() int { return 2 + 2*int(v.precision) + int(v.digits) }

// Year returns the year (yearOf).
func (v DateTime) Year() (year int, ok bool) { return int(v.year), v.precision >= Year }

// Month returns the month (monthOf); ok is false when it is not given.
func (v DateTime) Month() (month int, ok bool) { return int(v.month), v.precision >= Month }

// Day returns the day of the month (dayOf); ok is false when it is not given.
func (v DateTime) Day() (day int, ok bool) { return int(v.day), v.precision >= Day }

// Hour returns the hour (hourOf); ok is false when it is not given.
func (v DateTime) Hour() (hour int, ok bool) { return int(v.hour), v.precision >= Hour }

// Minute returns the minute (minuteOf); ok is false when it is not given.
func (v DateTime) Minute() (minute int, ok bool) { return int(v.minute), v.precision >= Minute }

// Second returns the second without its fraction (secondOf); ok is false when it is not given.
func (v DateTime) Second() (second int, ok bool) { return int(v.second), v.precision >= Second }

// Millisecond returns the milliseconds of the fraction (millisecondOf); ok is false when there is none.
func (v DateTime) Millisecond() (ms int, ok bool) { return int(v.nano / 1_000_000), v.digits > 0 }

// TimezoneOffset returns the time zone's offset from UTC in hours (timezoneOffsetOf); ok is false without one.
func (v DateTime) TimezoneOffset() (hours Decimal, ok bool) {
	if v.zone == zoneAbsent {
		return Decimal{}, false
	}
	// Offsets that are no multiple of three minutes have no finite decimal form and are rounded.
	h, _ := DecimalFromInt(int64(v.offset)).Quo(DecimalFromInt(60))
	if h.Scale() == 0 {
		return Decimal{coef: h.coef * 10, scale: 1}, true
	}
	return h, true
}

// Zoned reports whether a time zone is given.
func (v DateTime) Zoned() bool { return v.zone != zoneAbsent }

// Date returns the date of the DateTime (dateOf), as precise as v but not beyond the day.
func (v DateTime) Date() Date { return Date{year: v.year, month: v.month, day: v.day} }

// Time returns the time of the DateTime (timeOf); ok is false when it has none.
func (v DateTime) Time() (t Time, ok bool) {
	if v.precision < Hour {
		return Time{}, false
	}
	return Time{
		nano: v.nano, hour: v.hour, minute: v.minute, second: v.second,
		precision: v.precision, digits: v.digits,
	}, true
}

// AppendText appends the DateTime as FHIR writes it, to the precision it has; a literal's T after a date alone
// is left out.
func (v DateTime) AppendText(dst []byte) []byte {
	dst = v.Date().AppendText(dst)
	t, ok := v.Time()
	if !ok {
		return dst
	}
	dst = t.AppendText(append(dst, 'T'))
	switch v.zone {
	case zoneUTC:
		return append(dst, 'Z')
	case zonePlus:
		dst = append(dst, '+')
	case zoneMinus:
		dst = append(dst, '-')
	default:
		return dst
	}
	off := int(v.offset)
	if off < 0 {
		off = -off
	}
	return append2(append(append2(dst, off/60), ':'), off%60)
}

// String returns the text that AppendText appends.
func (v DateTime) String() string { return string(v.AppendText(nil)) }

// local returns the seconds from the Unix epoch to the first moment v stands for, as if in UTC.
func (v DateTime) localSeconds() int64 {
	days := daysFromCivil(int(v.year), int(max(v.month, 1)), int(max(v.day, 1)))
	return days*secondsPerDay + int64(v.hour)*3600 + int64(v.minute)*60 + int64(v.second)
}

// setLocal sets all components from seconds since the Unix epoch; ok is false outside of the years 1 to 9999.
func (v *DateTime) setLocal(sec int64, nano int32) bool {
	days := floorDiv(sec, secondsPerDay)
	rest := int(sec - days*secondsPerDay)
	if days < -719162 || days > 2932896 { // 0001-01-01, 9999-12-31
		return false
	}
	year, month, day := civilFromDays(days)
	v.year, v.month, v.day = int16(year), uint8(month), uint8(day)
	v.hour, v.minute, v.second = uint8(rest/3600), uint8(rest/60%60), uint8(rest%60)
	v.nano = nano
	return true
}

// moment is a point on the time line of UTC.
type moment struct {
	sec  int64
	nano int32
}

func (m moment) compare(o moment) int {
	if c := compareInt(m.sec, o.sec); c != 0 {
		return c
	}
	return compareInt(m.nano, o.nano)
}

// first returns the first moment v stands for, in UTC when a time zone is given.
func (v DateTime) first() moment { return moment{v.localSeconds() - int64(v.offset)*60, v.nano} }

// span returns the first and the last moment v may stand for. Without time zone, where the other has one
// (open), v may stand for the same local time anywhere from UTC-12:00 to UTC+14:00.
func (v DateTime) span(open bool) (first, last moment) {
	first = v.first()
	last = v.fill(true).first()
	if v.precision == Second {
		last = first
	}
	if open {
		first.sec -= 14 * 3600
		last.sec += 12 * 3600
	}
	return first, last
}

// Compare returns -1, 0 or 1 after normalising time zones; known is false when the answer depends on what is
// not given: a component that only one of them has, or the time zone of one of them. Seconds and their fraction
// are one component (section "Comparison").
func (v DateTime) Compare(o DateTime) (order int, known bool) {
	sameHours := v.precision != Hour || (v.offset-o.offset)%60 == 0 // 10+05:30 is half of 04Z and half of 05Z
	if v.precision == o.precision && v.Zoned() == o.Zoned() && sameHours {
		return v.first().compare(o.first()), true
	}
	differ := v.Zoned() != o.Zoned()
	vFirst, vLast := v.span(differ && !v.Zoned())
	oFirst, oLast := o.span(differ && !o.Zoned())
	switch {
	case vLast.compare(oFirst) < 0:
		return -1, true
	case vFirst.compare(oLast) > 0:
		return 1, true
	}
	return 0, false
}

// Equal reports whether both are the same point in time; known is false as for Compare.
func (v DateTime) Equal(o DateTime) (equal, known bool) {
	order, known := v.Compare(o)
	return known && order == 0, known
}

// Equivalent reports whether both are known to be the same point in time with the same precision.
func (v DateTime) Equivalent(o DateTime) bool {
	equal, _ := v.Equal(o)
	return equal
}
