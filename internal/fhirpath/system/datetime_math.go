package system

import "math"

// fill returns v with every component it does not give set to the least (or, for high, the greatest) value it
// can have, to the millisecond. The time zone is left alone.
func (v DateTime) fill(high bool) DateTime {
	r := v
	switch {
	case v.precision < Month && high:
		r.month = 12
	case v.precision < Month:
		r.month = 1
	}
	switch {
	case v.precision < Day && high:
		r.day = uint8(daysInMonth(int(v.year), int(r.month)))
	case v.precision < Day:
		r.day = 1
	}
	if high {
		if v.precision < Hour {
			r.hour = 23
		}
		if v.precision < Minute {
			r.minute = 59
		}
		if v.precision < Second {
			r.second = 59
		}
		r.nano += int32(int64(nanosPerSec)/int64(pow10[v.digits])) - 1
		r.nano -= r.nano % int32(pow10[max(0, fractionMax-max(int(v.digits), 3))])
	}
	r.precision = Second
	r.digits = max(v.digits, 3)
	return r
}

// truncate leaves out everything below a precision; of the fraction of a second at most milliseconds stay.
func (v DateTime) truncate(p Precision) DateTime {
	if t, ok := v.Time(); ok && p >= Hour {
		v.setTime(t.truncate(p))
		return v
	}
	v.hour, v.minute, v.second, v.nano, v.digits = 0, 0, 0, 0, 0
	v.zone, v.offset = zoneAbsent, 0
	if p < Month {
		v.month = 0
	}
	if p < Day {
		v.day = 0
	}
	v.precision = min(v.precision, p)
	return v
}

// Boundary returns the first DateTime of the given precision (4, 6, 8, 10, 12, 14 or 17 digits; nil is 17) that v can
// stand for, or the last one if high is set. If v has no time zone, a result with a time has +14:00, or -12:00 if high
// is set. ok is false for any other precision.
func (v DateTime) Boundary(precision *int, high bool) (boundary DateTime, ok bool) {
	p, ok := datePrecision(precision, 17)
	if !ok {
		return DateTime{}, false
	}
	b := v.fill(high).truncate(p)
	if p >= Hour && !b.Zoned() {
		b.zone, b.offset = zonePlus, 14*60
		if high {
			b.zone, b.offset = zoneMinus, -12*60
		}
	}
	return b, true
}

// Add returns v moved by a time-valued quantity (section "Date/Time Arithmetic"): years and months by the
// calendar, taking the last day of a month that does not have v's day, the others by their length. Fractions
// count for seconds and milliseconds only. Units smaller than v's precision are turned into whole units of it.
// ok is false when the result leaves the years 1 to 9999; err matches ErrUnit when the unit is not a calendar
// duration, the name of one, or a UCUM unit of a fixed length from 'ms' to 'wk'.
func (v DateTime) Add(q Quantity) (moved DateTime, ok bool, err error) {
	unit, known := q.duration()
	if !known {
		return DateTime{}, false, ErrUnit
	}
	amount := q.Value
	if unit == week {
		unit = Day
		if amount, ok = amount.Truncate().Mul(DecimalFromInt(7)); !ok {
			return DateTime{}, false, nil
		}
	}
	if unit < Second {
		amount = amount.Truncate()
	}
	if unit > v.precision && v.precision < Second {
		unit, amount = coarsen(unit, v.precision, amount)
	}
	if unit >= Second {
		return v.addSeconds(unit, amount)
	}
	n, ok := amount.Int64()
	if !ok || n > math.MaxInt32*100 || n < -math.MaxInt32*100 {
		return DateTime{}, false, nil
	}
	switch unit {
	case Year:
		return v.addMonths(n * 12)
	case Month:
		return v.addMonths(n)
	case Day:
		n *= secondsPerDay
	case Hour:
		n *= 3600
	default:
		n *= 60
	}
	return v.shift(n, v.nano)
}

// coarsen turns an amount of a unit into whole units of a coarser one: 12 months or 365 days a year, 30 days a
// month.
func coarsen(unit, to Precision, amount Decimal) (Precision, Decimal) {
	for unit > to {
		size := int64(60)
		switch {
		case unit == Millisecond:
			size = 1000
		case unit == Hour:
			size = 24
		case unit == Day && to == Year:
			size, unit = 365, Month
		case unit == Day:
			size = 30
		case unit == Month:
			size = 12
		}
		amount, _ = amount.Div(DecimalFromInt(size)) // fails only for a divisor of zero
		unit--
	}
	return unit, amount
}

func (v DateTime) addMonths(n int64) (DateTime, bool, error) {
	total := int64(v.year)*12 + int64(max(v.month, 1)) - 1 + n
	year, month := floorDiv(total, 12), int(total-floorDiv(total, 12)*12)+1
	if year < 1 || year > maxYear {
		return DateTime{}, false, nil
	}
	v.year = int16(year)
	if v.precision >= Month {
		v.month = uint8(month)
	}
	if v.precision >= Day {
		v.day = min(v.day, uint8(daysInMonth(int(year), month)))
	}
	return v, true, nil
}

func (v DateTime) addSeconds(unit Precision, amount Decimal) (DateTime, bool, error) {
	scale := int64(nanosPerSec)
	if unit == Millisecond {
		scale = 1_000_000
	}
	nanos, ok := amount.Mul(DecimalFromInt(scale))
	if !ok {
		return DateTime{}, false, nil
	}
	seconds := nanos.Truncate()
	sec, ok := seconds.Div(DecimalFromInt(nanosPerSec))
	if !ok {
		return DateTime{}, false, nil
	}
	rest, ok := seconds.Mod(DecimalFromInt(nanosPerSec))
	if !ok {
		return DateTime{}, false, nil
	}
	n, ok := sec.Int64()
	if !ok || n > math.MaxInt64/4 || n < -math.MaxInt64/4 {
		return DateTime{}, false, nil
	}
	r, _ := rest.Int64()
	nano := int64(v.nano) + r
	n += floorDiv(nano, nanosPerSec)
	nano -= floorDiv(nano, nanosPerSec) * nanosPerSec
	moved, ok, err := v.shift(n, int32(nano))
	for moved.digits < fractionMax && nano%int64(pow10[fractionMax-moved.digits]) != 0 {
		moved.digits = min(moved.digits/3*3+3, fractionMax)
	}
	return moved, ok, err
}

// shift moves v by whole seconds, keeping its precision.
func (v DateTime) shift(sec int64, nano int32) (DateTime, bool, error) {
	r := v
	if !r.setLocal(v.localSeconds()+sec, nano) {
		return DateTime{}, false, nil
	}
	if v.precision < Second {
		r = r.clear()
	}
	return r, true, nil
}

// clear sets the components below v's precision to zero.
func (v DateTime) clear() DateTime {
	if v.precision < Second {
		v.second, v.nano = 0, 0
	}
	if v.precision < Minute {
		v.minute = 0
	}
	if v.precision < Hour {
		v.hour = 0
	}
	return v
}
