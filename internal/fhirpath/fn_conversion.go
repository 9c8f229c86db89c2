package fhirpath

import (
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// conversionFunctions are those of section "Conversion".
var conversionFunctions = []*function{
	{name: "iif", min: 2, max: 3, args: []argumentMode{onInput}, eval: fnIif},
	{name: "toBoolean", eval: converter(toBoolean, false)},
	{name: "convertsToBoolean", eval: converter(toBoolean, true)},
	{name: "toInteger", eval: converter(toInteger, false)},
	{name: "convertsToInteger", eval: converter(toInteger, true)},
	{name: "toLong", eval: converter(toLong, false)},
	{name: "convertsToLong", eval: converter(toLong, true)},
	{name: "toDate", max: 1, eval: formatted(toDate, false)},
	{name: "convertsToDate", max: 1, eval: formatted(toDate, true)},
	{name: "toDateTime", max: 1, eval: formatted(toDateTime, false)},
	{name: "convertsToDateTime", max: 1, eval: formatted(toDateTime, true)},
	{name: "toDecimal", eval: converter(toDecimal, false)},
	{name: "convertsToDecimal", eval: converter(toDecimal, true)},
	{name: "toQuantity", max: 1, eval: quantityConverter(false)},
	{name: "convertsToQuantity", max: 1, eval: quantityConverter(true)},
	{name: "toString", eval: converter(toString, false)},
	{name: "convertsToString", eval: converter(toString, true)},
	{name: "toTime", eval: converter(toTime, false)},
	{name: "convertsToTime", eval: converter(toTime, true)},
}

// fnIif is iif(criterion, true-result [, otherwise-result]) (section "Conversion"). Only the chosen result is
// evaluated.
func fnIif(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
	if len(in) > 1 {
		return dst, fail(c.pos, "iif() needs a single item, not several")
	}
	outer := e.scope
	e.scope.this = in
	t, err := e.truth(c.args[0], c.pos, "the criterion of iif()")
	switch {
	case err != nil:
		return dst, err
	case t == yes:
		dst, err = c.args[1].eval(e, dst)
	case len(c.args) > 2:
		dst, err = c.args[2].eval(e, dst)
	}
	e.scope = outer
	return dst, err
}

// conversion converts an item to another System type; ok is false if that is not possible.
type conversion func(v Value) (converted Value, ok bool)

// convertible returns the only item of the input, after counting steps for a long text.
func (c *invocation) convertible(e *Evaluator, in []Value) (v Value, ok bool, err error) {
	if v, ok, err = c.onlyItem(in); err == nil && ok {
		err = e.step(c.pos, v.size()/64)
	}
	return v, ok && err == nil, err
}

// appendConverted appends the result of toX(), or of convertsToX() if test is set.
func appendConverted(dst []Value, v Value, ok, test bool) []Value {
	switch {
	case test:
		return append(dst, NewBoolean(ok))
	case ok:
		return append(dst, v)
	}
	return dst
}

// converter makes the function toX() of a conversion, or convertsToX() if test is set.
func converter(convert conversion, test bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.convertible(e, in)
		if err != nil || !ok {
			return dst, err
		}
		v, ok = convert(v)
		return appendConverted(dst, v, ok, test), nil
	}
}

// formatted makes toDate([format]) and toDateTime([format]), or the convertsTo functions if test is set (section "Date
// Conversion Functions"). The format applies only to strings.
func formatted(convert conversion, test bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.onlyItem(in)
		if err != nil {
			return dst, err
		}
		format, given := "", false
		if len(c.args) > 0 {
			if format, given, err = c.textArg(e, 0); err != nil {
				return dst, err
			}
		}
		if !ok {
			return dst, nil
		}
		if err := e.step(c.pos, (v.size()+len(format))/32); err != nil {
			return dst, err
		}
		if s, isText := v.Text(); given && isText && v.SystemKind() == String {
			var d system.DateTime
			if d, ok, err = system.ParseFormatted(s, format); err != nil {
				return dst, fail(c.pos, "%s has an unknown code in its format", c.fn.label)
			}
			v = NewDateTime(d)
		}
		if ok {
			v, ok = convert(v)
		}
		return appendConverted(dst, v, ok, test), nil
	}
}

// toBoolean is toBoolean() (section "Boolean Conversion Functions").
func toBoolean(v Value) (Value, bool) {
	var b, ok bool
	switch v.SystemKind() {
	case Boolean:
		b, ok = v.Bool()
	case Integer, Long:
		if n, isInt := v.Int64(); isInt {
			b, ok = system.IntegerToBoolean(n)
		}
	case Decimal:
		if d, isDecimal := v.Decimal(); isDecimal {
			b, ok = system.DecimalToBoolean(d)
		}
	case String:
		s, _ := v.Text()
		b, ok = system.StringToBoolean(s)
	}
	return NewBoolean(b), ok
}

// toInteger is toInteger() (section "Integer Conversion Functions").
func toInteger(v Value) (Value, bool) {
	l, ok := toLong(v)
	if !ok {
		return l, false
	}
	n, ok := system.Int32(l.num)
	return NewInteger(n), ok
}

// toLong is toLong() (section "Integer Conversion Functions").
func toLong(v Value) (Value, bool) {
	var n int64
	var ok bool
	switch v.SystemKind() {
	case Boolean:
		var b bool
		if b, ok = v.Bool(); b {
			n = 1
		}
	case Integer, Long:
		n, ok = v.Int64()
	case String:
		s, _ := v.Text()
		n, ok = system.StringToLong(s)
	}
	return NewLong(n), ok
}

// toDate is toDate() (section "Date Conversion Functions").
func toDate(v Value) (Value, bool) {
	var d system.Date
	var ok bool
	switch v.SystemKind() {
	case Date:
		d, ok = v.Date()
	case DateTime:
		var t system.DateTime
		if t, ok = v.DateTime(); ok {
			d = t.Date()
		}
	case String:
		s, _ := v.Text()
		d, ok = system.StringToDate(s)
	}
	return NewDate(d), ok
}

// toDateTime is toDateTime() (section "DateTime Conversion Functions").
func toDateTime(v Value) (Value, bool) {
	var d system.DateTime
	var ok bool
	switch v.SystemKind() {
	case Date, DateTime:
		d, ok = v.DateTime()
	case String:
		s, _ := v.Text()
		d, ok = system.StringToDateTime(s)
	}
	return NewDateTime(d), ok
}

// toDecimal is toDecimal() (section "Decimal Conversion Functions").
func toDecimal(v Value) (Value, bool) {
	var d system.Decimal
	var ok bool
	switch v.SystemKind() {
	case Boolean:
		var b bool
		b, ok = v.Bool()
		d = system.BooleanToDecimal(b)
	case Integer, Long, Decimal:
		d, ok = v.Decimal()
	case String:
		s, _ := v.Text()
		d, ok = system.StringToDecimal(s)
	}
	return NewDecimal(d), ok
}

// toString is toString() (section "String Conversion Functions").
func toString(v Value) (Value, bool) {
	switch v.SystemKind() {
	case 0, TypeInfo:
		return Value{}, false
	case String:
		s, ok := v.Text()
		return NewString(s), ok
	case Quantity:
		q, ok := v.Quantity()
		return NewString(q.String()), ok
	}
	return NewString(string(v.AppendText(nil))), true
}

// toTime is toTime() (section "Time Conversion Functions").
func toTime(v Value) (Value, bool) {
	var t system.Time
	var ok bool
	switch v.SystemKind() {
	case Time:
		t, ok = v.Time()
	case String:
		s, _ := v.Text()
		t, ok = system.StringToTime(s)
	}
	return NewTime(t), ok
}

// toQuantity converts an item to a Quantity.
func toQuantity(v Value) (q system.Quantity, ok bool) {
	switch v.SystemKind() {
	case Boolean:
		b, ok := v.Bool()
		return system.BooleanToQuantity(b), ok
	case Integer, Long, Decimal, Quantity:
		return v.Quantity()
	case String:
		s, _ := v.Text()
		return system.StringToQuantity(s)
	}
	return q, false
}

// toQuantityUnit is toQuantity with the unit that the argument names, if there is one.
func (c *invocation) toQuantityUnit(e *Evaluator, v Value) (q system.Quantity, ok bool, err error) {
	if q, ok = toQuantity(v); !ok || len(c.args) == 0 {
		return q, ok, nil
	}
	unit, given, err := c.textArg(e, 0)
	if err == nil {
		err = e.step(c.pos, conversionSteps+unitSteps*(len(unit)+len(q.Unit)))
	}
	if err != nil || !given {
		return q, err == nil, err
	}
	if q.Unit == "1" && !q.Calendar {
		q.Unit = unit
		if name, ok := system.CalendarUnit(unit); ok {
			q.Unit, q.Calendar = name, true
		}
		return q, true, nil
	}
	q, ok = q.Convert(unit)
	return q, ok, nil
}

// quantityConverter makes toQuantity([unit]), or convertsToQuantity([unit]) if test is set (section "Quantity
// Conversion Functions").
func quantityConverter(test bool) implementation {
	return func(e *Evaluator, c *invocation, in, dst []Value) ([]Value, error) {
		v, ok, err := c.convertible(e, in)
		if err != nil || !ok {
			return dst, err
		}
		q, ok, err := c.toQuantityUnit(e, v)
		if err != nil {
			return dst, err
		}
		return appendConverted(dst, NewQuantity(q), ok, test), nil
	}
}
