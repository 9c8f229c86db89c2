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

// raw returns the text of a primitive's value: a decoded string, or a number or Boolean as it stands.
func (v Value) raw() string {
	if s, ok := v.doc.text(int(v.node)); ok {
		return s
	}
	return view(v.doc.tape.Raw(int(v.node)))
}

// Date returns the value of a Date; ok is false for everything else.
func (v Value) Date() (d system.Date, ok bool) {
	switch {
	case v.kind == Date:
		return v.sys.(system.Date), true
	case v.kind == Element && v.doc.systemKind(v) == Date:
		d, err := system.ParseDate(v.raw())
		return d, err == nil
	}
	return d, false
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

// Time returns the value of a Time; ok is false for everything else.
func (v Value) Time() (t system.Time, ok bool) {
	switch {
	case v.kind == Time:
		return v.sys.(system.Time), true
	case v.kind == Element && v.doc.systemKind(v) == Time:
		t, err := system.ParseTime(v.raw())
		return t, err == nil
	}
	return t, false
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

// quantity converts a FHIR Quantity as FHIR prescribes it: the code is the unit where the system is UCUM (its
// units of time as calendar durations) or that of calendar durations, else the unit as text. A quantity with a comparator or without a
// value is none.
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

// field returns the text of a string member, "" where there is none.
func (d *document) field(obj int, name string) string {
	if i, ok := d.find(obj, name); ok {
		s, _ := d.text(i)
		return s
	}
	return ""
}

// System returns the System value that v is or stands for; ok is false for elements that stand for none.
func (v Value) System() (Value, bool) {
	switch v.SystemKind() {
	case Boolean:
		b, ok := v.Bool()
		return NewBoolean(b), ok
	case String:
		s, ok := v.Text()
		return NewString(s), ok
	case Integer:
		n, ok := v.Int64()
		return Value{kind: Integer, num: n}, ok
	case Long:
		n, ok := v.Int64()
		return NewLong(n), ok
	case Decimal:
		d, ok := v.Decimal()
		return NewDecimal(d), ok
	case Date:
		d, ok := v.Date()
		return NewDate(d), ok
	case DateTime:
		d, ok := v.DateTime()
		return NewDateTime(d), ok
	case Time:
		t, ok := v.Time()
		return NewTime(t), ok
	case Quantity:
		q, ok := v.Quantity()
		return NewQuantity(q), ok
	case TypeInfo:
		return v, true
	}
	return Value{}, false
}

// AppendText appends the value as text to dst: what toString() gives, for elements of primitive types their
// text in FHIR. Of complex elements it appends the JSON.
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

// AppendJSON appends the value as JSON to dst: elements as they stand in the resource, System values as a
// JSON number, Boolean or string. A primitive without a value, like the zero Value, is null.
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

// appendJSONString appends s as a JSON string with only the escapes JSON demands.
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

// ParseValue returns the value of a FHIR primitive type written as text, as the System value it stands for:
// the constants of a ViewDefinition. The type is the name of any primitive type of FHIR ("code", "instant",
// "integer64"). The error does not hold the text.
func ParseValue(fhirType, text string) (Value, error) {
	var v Value
	ok := true
	switch fhirType {
	case "boolean":
		v, ok = NewBoolean(text == "true"), text == "true" || text == "false"
	case "integer", "positiveInt", "unsignedInt":
		var n int32
		n, ok = system.StringToInteger(text)
		v = NewInteger(n)
	case "integer64":
		var n int64
		n, ok = system.StringToLong(text)
		v = NewLong(n)
	case "decimal":
		d, err := system.ParseDecimal(text)
		v, ok = NewDecimal(d), err == nil
	case "date":
		d, err := system.ParseDate(text)
		v, ok = NewDate(d), err == nil
	case "dateTime", "instant":
		d, err := system.ParseDateTime(text)
		v, ok = NewDateTime(d), err == nil
	case "time":
		t, err := system.ParseTime(text)
		v, ok = NewTime(t), err == nil
	case "base64Binary", "canonical", "code", "id", "markdown", "oid", "string", "uri", "url", "uuid", "xhtml":
		v = NewString(text)
	default:
		return v, fmt.Errorf("fhirpath: %q is not a primitive type of FHIR", fhirType)
	}
	if !ok {
		return Value{}, fmt.Errorf("fhirpath: text is not a value of type %s", fhirType)
	}
	return v, nil
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
			err = fmt.Errorf("integer literal is out of range; write a Long (%sL) or a Decimal (%s.0)", lit.Text, lit.Text)
		}
		return NewInteger(n), false, err
	case syntax.Long:
		n, ok := system.StringToLong(lit.Text)
		if !ok {
			err = fmt.Errorf("long literal is out of range")
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
