package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// dateTimeFunctions are those of sections "Extract Date/DateTime/Time components" and "Date and Time Interval
// Functions".
var dateTimeFunctions = []*function{
	{name: "yearOf", eval: component(system.DateTime.Year, nil)},
	{name: "monthOf", eval: component(system.DateTime.Month, nil)},
	{name: "dayOf", eval: component(system.DateTime.Day, nil)},
	{name: "hourOf", eval: component(system.DateTime.Hour, system.Time.Hour)},
	{name: "minuteOf", eval: component(system.DateTime.Minute, system.Time.Minute)},
	{name: "secondOf", eval: component(system.DateTime.Second, system.Time.Second)},
	{name: "millisecondOf", eval: component(system.DateTime.Millisecond, system.Time.Millisecond)},
	{name: "timezoneOffsetOf", eval: converter(timezoneOffsetOf, false)},
	{name: "dateOf", eval: converter(dateOf, false)},
	{name: "timeOf", eval: converter(timeOf, false)},
	{name: "duration", min: 2, max: 2, eval: interval(system.DateTime.Duration)},
	{name: "difference", min: 2, max: 2, eval: interval(system.DateTime.Difference)},
}

// component makes the functions that return one component of a date or time; ofTime is nil if a Time has no such
// component. The result is empty for anything other than a date or time.
func component(of func(system.DateTime) (int, bool), ofTime func(system.Time) (int, bool)) implementation {
	return converter(func(v Value) (Value, bool) {
		if t, ok := v.Time(); ok && ofTime != nil {
			n, ok := ofTime(t)
			return NewInteger(int32(n)), ok
		}
		d, ok := v.DateTime()
		if !ok {
			return Value{}, false
		}
		n, ok := of(d)
		return NewInteger(int32(n)), ok
	}, false)
}

func timezoneOffsetOf(v Value) (Value, bool) {
	d, ok := v.DateTime()
	if !ok {
		return Value{}, false
	}
	offset, ok := d.TimezoneOffset()
	return NewDecimal(offset), ok
}

func dateOf(v Value) (Value, bool) {
	d, ok := v.DateTime()
	return NewDate(d.Date()), ok
}

func timeOf(v Value) (Value, bool) {
	d, ok := v.DateTime()
	if !ok {
		return Value{}, false
	}
	t, ok := d.Time()
	return NewTime(t), ok
}

// interval makes duration(value, precision) and difference(value, precision) (section "Date and Time Interval
// Functions").
func interval(of func(from, to system.DateTime, unit string) (int64, bool)) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.onlyItem(in)
		if err != nil {
			return dst, err
		}
		other, given, err := c.arg(e, 0)
		if err != nil {
			return dst, err
		}
		unit, named, err := c.textArg(e, 1)
		if err != nil || !ok || !given || !named {
			return dst, err
		}
		_, _, k := align(v, other, v.SystemKind(), other.SystemKind())
		if !intervalUnit(k, unit) {
			return dst, fail(c.pos, "%s is not defined for %s and %s with this precision", c.fn.label, describe(v), describe(other))
		}
		from, okFrom := v.moment()
		to, okTo := other.moment()
		if !okFrom || !okTo {
			return dst, nil
		}
		if n, known := of(from, to, unit); known {
			if i, fits := system.Int32(n); fits {
				dst = append(dst, NewInteger(i))
			}
		}
		return dst, nil
	}
}

// intervalUnit reports whether the interval between two values of a type can be given in a unit.
func intervalUnit(k Kind, unit string) bool {
	switch unit {
	case "year", "month", "week", "day":
		return k == Date || k == DateTime
	case "hour", "minute", "second", "millisecond":
		return k == DateTime || k == Time
	}
	return false
}

// moment returns a date or time as a DateTime.
func (v Value) moment() (d system.DateTime, ok bool) {
	if t, ok := v.Time(); ok {
		return t.DateTime(), true
	}
	return v.DateTime()
}
