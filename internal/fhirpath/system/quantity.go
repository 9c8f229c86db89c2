package system

import (
	"errors"
	"math/big"
	"strings"
)

// ErrUnit is matched by errors for units that cannot be read or that an operation has no meaning for.
var ErrUnit = errors.New("system: unit cannot be used")

// Quantity is a System.Quantity: a number with a unit. Values are immutable and may be shared. Use Equal or
// Compare, not ==.
type Quantity struct {
	// Value is the number.
	Value Decimal
	// Unit is a UCUM code (case-sensitive), or the name of a calendar duration where Calendar is set. Empty is
	// the same as "1".
	Unit string
	// Calendar says that Unit is one of year, month, week, day, hour, minute, second, millisecond, or a plural.
	Calendar bool
}

const week Precision = 100 // beside the precisions, as the unit of a duration

// calendarDurations are the calendar durations, each with the closest UCUM unit.
var calendarDurations = [...]struct {
	unit       Precision
	name, ucum string
}{
	{Year, "year", "a"},
	{Month, "month", "mo"},
	{week, "week", "wk"},
	{Day, "day", "d"},
	{Hour, "hour", "h"},
	{Minute, "minute", "min"},
	{Second, "second", "s"},
	{Millisecond, "millisecond", "ms"},
}

// durationNames returns the name and the closest UCUM unit of a calendar duration.
func durationNames(unit Precision) (name, ucum string) {
	for _, d := range calendarDurations {
		if d.unit == unit {
			return d.name, d.ucum
		}
	}
	return "", ""
}

// CalendarUnit returns the singular of the name of a calendar duration; ok is false for any other word.
func CalendarUnit(word string) (singular string, ok bool) {
	unit, ok := calendarUnit(word)
	singular, _ = durationNames(unit)
	return singular, ok
}

// calendarUnit finds a calendar duration by its name, singular or plural.
func calendarUnit(word string) (Precision, bool) {
	word = strings.TrimSuffix(word, "s")
	for _, d := range calendarDurations {
		if d.name == word {
			return d.unit, true
		}
	}
	return 0, false
}

// ucumDuration finds the calendar duration that is closest to a UCUM unit of time.
func ucumDuration(code string) (Precision, bool) {
	for _, d := range calendarDurations {
		if d.ucum == code {
			return d.unit, true
		}
	}
	return 0, false
}

// CalendarUnitOf returns the calendar duration that FHIR maps a UCUM unit of time to when a FHIR Quantity is used
// as a System.Quantity; ok is false for any other unit.
func CalendarUnitOf(code string) (name string, ok bool) {
	unit, ok := ucumDuration(code)
	if !ok || unit == week || unit == Millisecond {
		return "", false
	}
	name, _ = durationNames(unit)
	return name, true
}

// duration returns the unit as one that can be added to dates and times.
func (q Quantity) duration() (Precision, bool) {
	if !q.Calendar && q.Unit != "a" && q.Unit != "mo" {
		if unit, ok := ucumDuration(q.Unit); ok {
			return unit, true
		}
	}
	return calendarUnit(q.Unit)
}

func unitsPerDay(p Precision) int64 {
	switch p {
	case Hour:
		return 24
	case Minute:
		return 24 * 60
	case Second:
		return secondsPerDay
	}
	return secondsPerDay * 1000
}

// ParseQuantity reads the text form of a quantity (section "toQuantity"): a number, then optionally a unit in
// single quotes or the name of a calendar duration. Without a unit it is 1. A unit that UCUM does not have is
// kept as it is. Errors match ErrSyntax, ErrRange or ErrUnit.
func ParseQuantity(s string) (Quantity, error) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	for i < len(s) && (isDigit(s[i]) || s[i] == '.') {
		i++
	}
	value, err := parseDecimal(s[:i], false)
	if err != nil {
		return Quantity{}, err
	}
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	rest := s[i:]
	switch n := len(rest); {
	case n == 0:
		return Quantity{Value: value, Unit: "1"}, nil
	case rest[0] == '\'':
		if n < 3 || rest[n-1] != '\'' {
			return Quantity{}, ErrSyntax
		}
		return Quantity{Value: value, Unit: rest[1 : n-1]}, nil
	}
	if _, ok := calendarUnit(rest); !ok {
		return Quantity{}, ErrUnit
	}
	return Quantity{Value: value, Unit: rest, Calendar: true}, nil
}

// AppendText appends the quantity as a literal: the unit in single quotes unless it is a calendar duration.
func (q Quantity) AppendText(dst []byte) []byte {
	dst = append(q.Value.AppendText(dst), ' ')
	if q.Calendar {
		return append(dst, q.Unit...)
	}
	return append(append(append(dst, '\''), q.unit()...), '\'')
}

// String returns the text that AppendText appends.
func (q Quantity) String() string { return string(q.AppendText(nil)) }

func (q Quantity) unit() string {
	if q.Unit == "" {
		return "1"
	}
	return q.Unit
}

func (q Quantity) sameUnit(o Quantity) bool {
	if q.Calendar != o.Calendar {
		return false
	}
	if q.Calendar {
		a, okA := calendarUnit(q.Unit)
		b, okB := calendarUnit(o.Unit)
		return okA && okB && a == b
	}
	return q.unit() == o.unit()
}

// Comparable reports whether both units measure the same: conversion between them has a meaning (function
// comparable).
func (q Quantity) Comparable(o Quantity) bool {
	_, _, ok := q.align(o, false)
	return ok
}

// align brings both values to one unit, the smaller of the two unless coarse is set.
func (q Quantity) align(o Quantity, coarse bool) (a, b Decimal, ok bool) {
	x, y, _, ok := q.common(o, coarse, false)
	return x, y, ok
}

// common returns both values in the smaller unit (or the larger one: coarse). loose takes calendar years and
// months for their UCUM counterparts, which equivalence allows and comparison does not.
func (q Quantity) common(o Quantity, coarse, loose bool) (a, b Decimal, unit Quantity, ok bool) {
	if q.sameUnit(o) {
		return q.Value, o.Value, q, true
	}
	u, okU := q.measure(o, loose)
	v, okV := o.measure(q, loose)
	if !okU || !okV || !u.commensurable(v) {
		return Decimal{}, Decimal{}, Quantity{}, false
	}
	if (u.factor.Cmp(v.factor) > 0) == coarse {
		b, ok = v.convert(o.Value, u)
		return q.Value, b, q, ok
	}
	a, ok = u.convert(q.Value, v)
	return a, o.Value, o, ok
}

// measure returns the unit as one of the UCUM kind for use with another quantity.
func (q Quantity) measure(with Quantity, loose bool) (ucumUnit, bool) {
	if !q.Calendar {
		u, err := parseUnit(q.unit())
		return u, err == nil
	}
	p, ok := calendarUnit(q.Unit)
	if !ok {
		return ucumUnit{}, false
	}
	if p == Year || p == Month {
		other, calendar := calendarUnit(with.Unit)
		switch {
		case with.Calendar && calendar:
			return calendarLength(p, other), true
		case !loose:
			return ucumUnit{}, false
		}
	}
	_, code := durationNames(p)
	u, err := parseUnit(code)
	return u, err == nil
}

// calendarLength is the length of a calendar year or month for comparison with another calendar duration: 12
// months are a year, 30 days a month, 365 days a year.
func calendarLength(p, other Precision) ucumUnit {
	days := int64(30)
	if p == Year {
		days = 365
		if other == Month {
			days = 360
		}
	}
	return ucumUnit{factor: big.NewRat(days*secondsPerDay, 1), dims: []dimension{{"s", 1}}}
}

// Compare returns -1, 0 or 1 after conversion to the same unit; known is false when the units measure different
// things, are not known, or one is a calendar year or month and the other a UCUM unit.
func (q Quantity) Compare(o Quantity) (order int, known bool) {
	a, b, ok := q.align(o, false)
	if !ok {
		return 0, false
	}
	return a.Compare(b), true
}

// Equal reports whether both are the same amount; known is false as for Compare.
func (q Quantity) Equal(o Quantity) (equal, known bool) {
	order, known := q.Compare(o)
	return known && order == 0, known
}

// Equivalent reports whether both are the same amount in the larger of the two units, rounded to the digits of
// the less precise value. Calendar years and months are equivalent to UCUM's.
func (q Quantity) Equivalent(o Quantity) bool {
	a, b, _, ok := q.common(o, true, true)
	return ok && a.Equivalent(b)
}

// Convert returns the amount in another unit, a UCUM code or the name of a calendar duration (toQuantity(unit)). A
// number without a unit takes the new one. Between calendar durations and UCUM's units of time the amount is converted
// within its own kind first and then takes the name of the other kind. ok is false when the units measure different
// things.
func (q Quantity) Convert(unit string) (converted Quantity, ok bool) {
	to := Quantity{Unit: unit}
	_, to.Calendar = calendarUnit(unit)
	if q.sameUnit(to) || !q.Calendar && q.unit() == "1" {
		to.Value = q.Value
		return to, true
	}
	via := to
	if q.Calendar != to.Calendar {
		p, ok := to.durationKind()
		if !ok {
			return Quantity{}, false
		}
		via.Calendar = q.Calendar
		name, code := durationNames(p)
		if via.Unit = code; via.Calendar {
			via.Unit = name
		}
	}
	if q.sameUnit(via) {
		to.Value = q.Value
		return to, true
	}
	u, okU := q.measure(via, false)
	v, okV := via.measure(q, false)
	if !okU || !okV || !u.commensurable(v) {
		return Quantity{}, false
	}
	to.Value, ok = u.convert(q.Value, v)
	return to, ok
}

// durationKind returns the unit of time that a calendar duration or its UCUM counterpart stands for.
func (q Quantity) durationKind() (Precision, bool) {
	if !q.Calendar {
		if unit, ok := ucumDuration(q.Unit); ok {
			return unit, true
		}
	}
	return calendarUnit(q.Unit)
}

// Boundary returns the lowest amount that q can stand for, or the highest if high is set; see [Decimal.Boundary].
func (q Quantity) Boundary(precision *int, high bool) (boundary Quantity, ok bool) {
	q.Value, ok = q.Value.Boundary(precision, high)
	return q, ok
}
