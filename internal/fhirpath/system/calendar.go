package system

// Precision is the last component of a Date, DateTime or Time that is given.
type Precision uint8

// Precisions in falling size of the component. Seconds and their fraction are one precision in comparisons
// (section "Equals").
const (
	Year Precision = iota + 1
	Month
	Day
	Hour
	Minute
	Second
	Millisecond
)

const (
	secondsPerDay = 24 * 60 * 60
	nanosPerSec   = 1_000_000_000
	maxYear       = 9999
	fractionMax   = 9 // digits of a fraction of a second that are kept
)

// daysInMonth returns the length of a month of the proleptic Gregorian calendar.
func daysInMonth(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil returns the number of days from 1970-01-01 to the given day.
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(int64(year), 400)
	yoe := int64(year) - era*400
	doy := int64((153*(month-3)+2)/5 + day - 1)
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(days int64) (year, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = int(yoe + era*400)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// number reads exactly width digits at i.
func number[T ~string | ~[]byte](text T, i, width int) (int, bool) {
	if i+width > len(text) {
		return 0, false
	}
	v := 0
	for k := i; k < i+width; k++ {
		if !isDigit(text[k]) {
			return 0, false
		}
		v = v*10 + int(text[k]-'0')
	}
	return v, true
}

func hasByte[T ~string | ~[]byte](text T, i int, c byte) bool { return i < len(text) && text[i] == c }

// field reads two digits at i, a number from low to high.
func field[T ~string | ~[]byte](text T, i, low, high int) (uint8, error) {
	v, ok := number(text, i, 2)
	switch {
	case !ok:
		return 0, ErrSyntax
	case v < low || v > high:
		return 0, ErrRange
	}
	return uint8(v), nil
}

// scanDate reads YYYY, YYYY-MM or YYYY-MM-DD from the start of text.
func scanDate[T ~string | ~[]byte](text T) (d Date, next int, err error) {
	year, ok := number(text, 0, 4)
	if !ok {
		return Date{}, 0, ErrSyntax
	}
	d.year = int16(year)
	if year == 0 {
		return Date{}, 0, ErrRange
	}
	if !hasByte(text, 4, '-') {
		return d, 4, nil
	}
	if d.month, err = field(text, 5, 1, 12); err != nil {
		return Date{}, 0, err
	}
	if !hasByte(text, 7, '-') {
		return d, 7, nil
	}
	if d.day, err = field(text, 8, 1, daysInMonth(year, int(d.month))); err != nil {
		return Date{}, 0, err
	}
	return d, 10, nil
}

// scanTime reads hh, hh:mm, hh:mm:ss or hh:mm:ss.f… at i.
func scanTime[T ~string | ~[]byte](text T, i int) (t Time, next int, err error) {
	if t.hour, err = field(text, i, 0, 23); err != nil {
		return Time{}, 0, err
	}
	t.precision = Hour
	if !hasByte(text, i+2, ':') {
		return t, i + 2, nil
	}
	if t.minute, err = field(text, i+3, 0, 59); err != nil {
		return Time{}, 0, err
	}
	t.precision = Minute
	if !hasByte(text, i+5, ':') {
		return t, i + 5, nil
	}
	if t.second, err = field(text, i+6, 0, 60); err != nil { // FHIR allows leap seconds
		return Time{}, 0, err
	}
	t.precision = Second
	i += 8
	if !hasByte(text, i, '.') {
		return t, i, nil
	}
	i++
	start := i
	for ; i < len(text) && isDigit(text[i]); i++ {
		if t.digits < fractionMax {
			t.nano = t.nano*10 + int32(text[i]-'0')
			t.digits++
		}
	}
	if i == start {
		return Time{}, 0, ErrSyntax
	}
	t.nano *= int32(pow10[fractionMax-t.digits])
	return t, i, nil
}

// scanZone reads Z, +hh:mm or -hh:mm at i, or nothing.
func scanZone[T ~string | ~[]byte](text T, i int) (kind zoneKind, offset int16, next int, err error) {
	if i >= len(text) {
		return zoneAbsent, 0, i, nil
	}
	switch text[i] {
	case 'Z':
		return zoneUTC, 0, i + 1, nil
	case '+':
		kind = zonePlus
	case '-':
		kind = zoneMinus
	default:
		return zoneAbsent, 0, i, nil
	}
	hour, ok := number(text, i+1, 2)
	if !ok || !hasByte(text, i+3, ':') {
		return zoneAbsent, 0, 0, ErrSyntax
	}
	minute, ok := number(text, i+4, 2)
	if !ok {
		return zoneAbsent, 0, 0, ErrSyntax
	}
	if minute > 59 || hour*60+minute > 14*60 {
		return zoneAbsent, 0, 0, ErrRange
	}
	offset = int16(hour*60 + minute)
	if kind == zoneMinus {
		offset = -offset
	}
	return kind, offset, i + 6, nil
}

func append2[T uint8 | int](dst []byte, v T) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

func append4(dst []byte, v int) []byte { return append2(append2(dst, v/100), v%100) }
