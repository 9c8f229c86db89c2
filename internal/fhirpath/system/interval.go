package system

// Duration returns how many whole calendar periods of a unit (year, month, week, day, hour, minute, second or
// millisecond) lie between v and o, negative where o is before v (function duration). ok is false when one of them is
// less precise than the unit, when only one has a time zone and the unit is an hour or less, and for other units.
func (v DateTime) Duration(o DateTime, unit string) (n int64, ok bool) {
	p, ok := calendarUnit(unit)
	if !ok {
		return 0, false
	}
	if v, o, ok = v.alongside(o, p); !ok {
		return 0, false
	}
	from, to, sign := v, o, int64(1)
	if from.millis() > to.millis() {
		from, to, sign = o, v, -1
	}
	switch p {
	case Year:
		n = from.wholeMonths(to, 12)
	case Month:
		n = from.wholeMonths(to, 1)
	default:
		n = (to.millis() - from.millis()) / millisOf(p)
	}
	return sign * n, true
}

// wholeMonths returns how often v can be moved by a number of months without passing o, which is not before v.
func (v DateTime) wholeMonths(o DateTime, months int64) int64 {
	n := (int64(o.year)*12 + int64(o.month) - int64(v.year)*12 - int64(v.month)) / months
	if moved, ok, _ := v.addMonths(n * months); !ok || moved.millis() > o.millis() {
		n--
	}
	return n
}

// Difference returns how many boundaries of a unit lie between v and o, negative where o is before v (function
// difference). Weeks begin on Sunday. ok is false as for Duration.
func (v DateTime) Difference(o DateTime, unit string) (n int64, ok bool) {
	p, ok := calendarUnit(unit)
	if !ok {
		return 0, false
	}
	if v, o, ok = v.alongside(o, p); !ok {
		return 0, false
	}
	return o.period(p) - v.period(p), true
}

// period returns the number of the period of a unit that v lies in.
func (v DateTime) period(p Precision) int64 {
	switch p {
	case Year:
		return int64(v.year)
	case Month:
		return int64(v.year)*12 + int64(v.month)
	case week:
		const sunday = 4 // days from a Sunday to 1970-01-01
		return floorDiv(floorDiv(v.localSeconds(), secondsPerDay)+sunday, 7)
	}
	return floorDiv(v.millis(), millisOf(p))
}

// alongside returns both values with the precision of the less precise one and, for units from an hour down, in one
// time zone. ok is false when that leaves less than the unit wants.
func (v DateTime) alongside(o DateTime, unit Precision) (a, b DateTime, ok bool) {
	wanted := unit
	if unit == week {
		wanted = Day
	}
	if v.Precision() < wanted || o.Precision() < wanted {
		return v, o, false
	}
	if unit >= Hour && unit != week {
		if v.Zoned() != o.Zoned() || !o.setLocal(o.localSeconds()+int64(v.offset-o.offset)*60, o.nano) {
			return v, o, false
		}
	}
	p := min(v.Precision(), o.Precision())
	return v.truncate(p), o.truncate(p), true
}

// millis returns the milliseconds from the Unix epoch to v as if in UTC.
func (v DateTime) millis() int64 { return v.localSeconds()*1000 + int64(v.nano/1_000_000) }

// millisOf returns the length of a unit of a fixed length.
func millisOf(p Precision) int64 {
	if p == week {
		return 7 * millisOf(Day)
	}
	if p == Day {
		return secondsPerDay * 1000
	}
	return secondsPerDay * 1000 / unitsPerDay(p)
}

// DateTime returns the time on the first day of the year 1, for use with another one.
func (t Time) DateTime() DateTime {
	v := DateTime{year: 1, month: 1, day: 1}
	v.setTime(t)
	return v
}
