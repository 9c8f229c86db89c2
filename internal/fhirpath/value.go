package fhirpath

import (
	"strconv"
	"unsafe"

	"github.com/researchflow/researchflow/internal/fhirjson"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/fhirpath/system"
)

// Kind is the kind of a [Value]: an element of a resource or one of the System types.
type Kind uint8

// The kinds of values. The zero Kind is that of the zero Value, which is not a value.
const (
	Element Kind = iota + 1
	Boolean
	String
	Integer
	Long
	Decimal
	Date
	DateTime
	Time
	Quantity
	TypeInfo // the result of type()
)

var kindNames = [...]string{
	Element: "Element", Boolean: "Boolean", String: "String", Integer: "Integer", Long: "Long",
	Decimal: "Decimal", Date: "Date", DateTime: "DateTime", Time: "Time", Quantity: "Quantity",
	TypeInfo: "TypeInfo",
}

// String returns the name of the kind, for System types the name of the type.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// Value is an item of a collection. Only the evaluator can compare values, not ==. A Value that is an element is valid
// until its evaluator loads the next resource; one goroutine at a time may use both.
type Value struct {
	kind Kind
	typ  model.TypeID // type of an Element, 0 if it is not known
	// node is the element's node on the tape, -1 for a primitive that has only an id or extensions.
	node int32
	// sibling is the node of the object with the id and extensions of a primitive, 0 if there is none.
	sibling int32
	doc     *document
	num     int64  // Boolean (0 or 1), Integer and Long
	text    string // String; TypeInfo: the qualified name
	sys     any    // system.Decimal, system.Date, system.DateTime, system.Time or system.Quantity
}

// Collection is a sequence of values.
type Collection []Value

// NewBoolean returns a System.Boolean.
func NewBoolean(b bool) Value {
	if b {
		return Value{kind: Boolean, num: 1}
	}
	return Value{kind: Boolean}
}

// NewString returns a System.String.
func NewString(s string) Value { return Value{kind: String, text: s} }

// NewInteger returns a System.Integer.
func NewInteger(n int32) Value { return Value{kind: Integer, num: int64(n)} }

// NewLong returns a System.Long.
func NewLong(n int64) Value { return Value{kind: Long, num: n} }

// NewDecimal returns a System.Decimal.
func NewDecimal(d system.Decimal) Value { return Value{kind: Decimal, sys: d} }

// NewDate returns a System.Date.
func NewDate(d system.Date) Value { return Value{kind: Date, sys: d} }

// NewDateTime returns a System.DateTime.
func NewDateTime(d system.DateTime) Value { return Value{kind: DateTime, sys: d} }

// NewTime returns a System.Time.
func NewTime(t system.Time) Value { return Value{kind: Time, sys: t} }

// NewQuantity returns a System.Quantity.
func NewQuantity(q system.Quantity) Value { return Value{kind: Quantity, sys: q} }

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return v.kind }

// TypeName returns the qualified name of the value's type: "System.Integer", "FHIR.HumanName". It is "" for an
// element of unknown type.
func (v Value) TypeName() string {
	switch {
	case v.kind == 0:
		return ""
	case v.kind != Element:
		return "System." + v.kind.String()
	case v.typ == 0:
		return ""
	}
	return "FHIR." + v.doc.schema.model.Name(v.typ)
}

// TypeCode returns the name of an element's type as definitions give it: BackboneElement or Element for a type that is
// defined within another one. It is "" if the type is not known or the value is not an element.
func (v Value) TypeCode() string {
	if v.kind != Element || v.typ == 0 {
		return ""
	}
	return v.doc.schema.model.Name(v.doc.schema.code(v.typ))
}

// Span returns the element's JSON as written in the resource, strings with their quotes. It is nil if the value is
// not an element or has no value.
func (v Value) Span() []byte {
	if v.kind != Element || v.node < 0 {
		return nil
	}
	n := v.doc.tape.Node(int(v.node))
	if n.Kind == fhirjson.String {
		return v.doc.tape.Source()[n.Start-1 : n.End+1]
	}
	return v.doc.tape.Raw(int(v.node))
}

// SystemKind returns the System type that the value is or, for an element of a primitive type or a Quantity,
// stands for; 0 for other elements and primitives without a value.
func (v Value) SystemKind() Kind {
	if v.kind != Element {
		return v.kind
	}
	return v.doc.systemKind(v)
}

// Bool returns the value of a Boolean; ok is false for everything else.
func (v Value) Bool() (b, ok bool) {
	if v.kind == Element {
		if v.doc.systemKind(v) != Boolean {
			return false, false
		}
		k := v.doc.tape.Node(int(v.node)).Kind
		return k == fhirjson.True, k == fhirjson.True || k == fhirjson.False
	}
	return v.num != 0, v.kind == Boolean
}

// Int64 returns the value of an Integer or Long; ok is false for everything else.
func (v Value) Int64() (n int64, ok bool) {
	if v.kind == Element {
		if k := v.doc.systemKind(v); k != Integer && k != Long {
			return 0, false
		}
		raw := v.doc.tape.Raw(int(v.node))
		if len(raw) > maxInteger {
			return 0, false
		}
		n, err := strconv.ParseInt(view(raw), 10, 64)
		return n, err == nil
	}
	return v.num, v.kind == Integer || v.kind == Long
}

// Text returns the value of a String, or of an element whose value is a JSON string; ok is false
// for everything else. A text without escapes is not copied, and is valid as long as the resource is
// loaded.
func (v Value) Text() (s string, ok bool) {
	if v.kind != Element {
		return v.text, v.kind == String
	}
	if v.node < 0 {
		return "", false
	}
	return v.doc.text(int(v.node))
}

// Decimal returns the value of a Decimal, Integer or Long; ok is false for everything else.
func (v Value) Decimal() (d system.Decimal, ok bool) {
	switch v.kind {
	case Decimal:
		return v.sys.(system.Decimal), true
	case Integer, Long:
		return system.DecimalFromInt(v.num), true
	case Element:
		if k := v.doc.systemKind(v); k != Decimal && k != Integer && k != Long {
			return d, false
		}
		d, err := system.ParseDecimal(v.doc.tape.Raw(int(v.node)))
		return d, err == nil
	}
	return d, false
}

// maxInteger is the maximum length of the text of an Integer or Long.
const maxInteger = 64

// view returns b as a string without copying it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
