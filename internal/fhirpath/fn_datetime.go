package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// dateTimeFunctions are those of section "Extract Date/DateTime/Time components".
var dateTimeFunctions = []*function{
	{name: "yearOf", eval: component(system.DateTime.Year, nil)},
	{name: "monthOf", eval: component(system.DateTime.Month, nil)},
	{name: "dayOf", eval: component(system.DateTime.Day, nil)},
	{name: "hourOf", eval: component(system.DateTime.Hour, system.Time.Hour)},
	{name: "minuteOf", eval: component(system.DateTime.Minute, system.Time.Minute)},
	{name: "secondOf", eval: component(system.DateTime.Second, system.Time.Second)},
	{name: "millisecondOf", eval: component(system.DateTime.Millisecond, system.Time.Millisecond)},
	{name: "timezoneOffsetOf", eval: converter(timezoneOffsetOf)},
	{name: "dateOf", eval: converter(dateOf)},
	{name: "timeOf", eval: converter(timeOf)},
}

// component makes the functions that take one component out of a date or time; ofTime is nil where a Time has
// no such component. Anything else than a date or time gives empty.
func component(of func(system.DateTime) (int, bool), ofTime func(system.Time) (int, bool)) func(*Evaluator, *call, []Value, []Value) ([]Value, error) {
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
	})
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
