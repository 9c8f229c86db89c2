package fhirpath

import (
	"fmt"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/syntax"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// The code systems of UCUM units and of FHIRPath's calendar durations in FHIR.
const (
	ucum          = "http://unitsofmeasure.org"
	calendarUnits = "http://hl7.org/fhirpath/CodeSystem/calendar-units"
)

// raw returns the text of a primitive's value: a decoded string, or a number or Boolean as written.
func (v Value) raw() string {
	if s, ok := v.doc.text(int(v.node)); ok {
		return s
	}
	return view(v.doc.tape.Raw(int(v.node)))
}

// Date returns the value of a Date; ok is false for everything else.
func (v Value) Date() (d system.Date, ok bool) { return parsed(v, Date, system.ParseDate[string]) }

// Time returns the value of a Time; ok is false for everything else.
func (v Value) Time() (t system.Time, ok bool) { return parsed(v, Time, system.ParseTime[string]) }

// parsed returns the value of System type k, which parse reads from the text of an element.
func parsed[T any](v Value, k Kind, parse func(string) (T, error)) (x T, ok bool) {
	switch {
	case v.kind == k:
		return v.sys.(T), true
	case v.kind == Element && v.doc.systemKind(v) == k:
		x, err := parse(v.raw())
		return x, err == nil
	}
	return x, false
}

// DateTime returns the value of a DateTime, and a Date as the DateTime it is implicitly converted to; ok is
// false for everything else.
func (v Value) DateTime() (d system.DateTime, ok bool) {
	switch v.kind {
	case DateTime:
		return v.sys.(system.DateTime), true
	case Date:
		return v.sys.(system.Date).DateTime(), true
	case Element:
		if k := v.doc.systemKind(v); k != DateTime && k != Date {
			return d, false
		}
		d, err := system.ParseDateTime(v.raw())
		return d, err == nil
	}
	return d, false
}

// Quantity returns the value of a Quantity, and a number as the Quantity with the unit '1' that it is
// implicitly converted to; ok is false for everything else.
func (v Value) Quantity() (q system.Quantity, ok bool) {
	switch v.kind {
	case Quantity:
		return v.sys.(system.Quantity), true
	case Element:
		if v.doc.systemKind(v) == Quantity {
			return v.doc.quantity(int(v.node))
		}
	}
	d, ok := v.Decimal()
	return system.DecimalToQuantity(d), ok
}

// quantity converts a FHIR Quantity as FHIR prescribes: the unit is the code if the system is UCUM (units of time
// become calendar durations) or that of calendar durations, otherwise the unit as text. ok is false for a quantity
// with a comparator or without a value.
func (d *document) quantity(obj int) (q system.Quantity, ok bool) {
	if _, has := d.find(obj, "comparator"); has {
		return q, false
	}
	value, ok := d.find(obj, "value")
	if !ok || d.tape.Node(value).Kind != fhirjson.Number {
		return q, false
	}
	n, err := system.ParseDecimal(d.tape.Raw(value))
	if err != nil {
		return q, false
	}
	q.Value, q.Unit = n, "1"
	if code := d.field(obj, "code"); code != "" {
		q.Unit = code
		switch d.field(obj, "system") {
		case ucum:
			if name, ok := system.CalendarUnitOf(code); ok {
				q.Unit, q.Calendar = name, true
			}
			return q, true
		case calendarUnits:
			if name, ok := system.CalendarUnit(code); ok {
				q.Unit, q.Calendar = name, true
				return q, true
			}
		}
	}
	if unit := d.field(obj, "unit"); unit != "" {
		q.Unit = unit
	}
	return q, true
}

// field returns the text of a string member, "" if there is none.
func (d *document) field(obj int, name string) string {
	if i, ok := d.find(obj, name); ok {
		s, _ := d.text(i)
		return s
	}
	return ""
}

// System returns the System value that v is or stands for; ok is false if there is none.
func (v Value) System() (Value, bool) {
	switch k := v.SystemKind(); k {
	case Boolean:
		return converted(v, Value.Bool, NewBoolean)
	case String:
		return converted(v, Value.Text, NewString)
	case Integer, Long:
		n, ok := v.Int64()
		return Value{kind: k, num: n}, ok
	case Decimal:
		return converted(v, Value.Decimal, NewDecimal)
	case Date:
		return converted(v, Value.Date, NewDate)
	case DateTime:
		return converted(v, Value.DateTime, NewDateTime)
	case Time:
		return converted(v, Value.Time, NewTime)
	case Quantity:
		return converted(v, Value.Quantity, NewQuantity)
	case TypeInfo:
		return v, true
	}
	return Value{}, false
}

// converted returns a System value made of what get returns.
func converted[T any](v Value, get func(Value) (T, bool), make func(T) Value) (Value, bool) {
	x, ok := get(v)
	return make(x), ok
}

// AppendText appends the value as text to dst: the result of toString(), for elements of primitive types their text in
// FHIR, and for complex elements their JSON.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Element:
		if v.node < 0 {
			return dst
		}
		return v.doc.tape.AppendString(dst, int(v.node))
	case Boolean:
		return fmt.Appendf(dst, "%t", v.num != 0)
	case String, TypeInfo:
		return append(dst, v.text...)
	case Integer, Long:
		return fmt.Appendf(dst, "%d", v.num)
	}
	if t, ok := v.sys.(interface{ AppendText([]byte) []byte }); ok {
		return t.AppendText(dst)
	}
	return dst
}

// AppendJSON appends the value as JSON to dst: elements as written in the resource, System values as a JSON number,
// Boolean or string. A primitive without a value is null, and so is the zero Value.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case Element:
		if span := v.Span(); span != nil {
			return append(dst, span...)
		}
	case Boolean, Integer, Long, Decimal:
		return v.AppendText(dst)
	case String, TypeInfo:
		return appendJSONString(dst, v.text)
	case Date, DateTime, Time, Quantity:
		return appendJSONString(dst, string(v.AppendText(nil)))
	}
	return append(dst, "null"...)
}

// appendJSONString appends s as a JSON string, with only the escapes that JSON requires.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// literal returns the value of a literal; none is set for the empty collection.
func literal(lit *syntax.Literal) (v Value, none bool, err error) {
	switch lit.Kind {
	case syntax.Empty:
		return v, true, nil
	case syntax.Boolean:
		return NewBoolean(lit.Text == "true"), false, nil
	case syntax.String:
		return NewString(lit.Text), false, nil
	case syntax.Integer:
		n, ok := system.StringToInteger(lit.Text)
		if !ok {
			err = fmt.Errorf("out of range; write a Long (%sL) or a Decimal (%s.0)", lit.Text, lit.Text)
		}
		return NewInteger(n), false, err
	case syntax.Long:
		n, ok := system.StringToLong(lit.Text)
		if !ok {
			err = fmt.Errorf("out of range")
		}
		return NewLong(n), false, err
	case syntax.Decimal:
		d, err := system.ParseDecimal(lit.Text)
		return NewDecimal(d), false, err
	case syntax.Date:
		d, err := system.ParseDate(lit.Text)
		return NewDate(d), false, err
	case syntax.DateTime:
		d, err := system.ParseDateTime(lit.Text)
		return NewDateTime(d), false, err
	case syntax.Time:
		t, err := system.ParseTime(lit.Text)
		return NewTime(t), false, err
	case syntax.Quantity:
		d, err := system.ParseDecimal(lit.Text)
		return NewQuantity(system.Quantity{Value: d, Unit: lit.Unit, Calendar: lit.Calendar}), false, err
	}
	return v, false, fmt.Errorf("unknown literal")
}
