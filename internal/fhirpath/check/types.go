package check

import (
	"slices"
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// System is one of the System types of FHIRPath. The zero System is none.
type System uint8

// The System types. TypeInfo stands for what type() returns.
const (
	Boolean System = iota + 1
	String
	Integer
	Long
	Decimal
	Date
	DateTime
	Time
	Quantity
	TypeInfo
)

var systemNames = [...]string{
	Boolean: "Boolean", String: "String", Integer: "Integer", Long: "Long", Decimal: "Decimal",
	Date: "Date", DateTime: "DateTime", Time: "Time", Quantity: "Quantity", TypeInfo: "TypeInfo",
}

// String returns the name of the type without its namespace.
func (s System) String() string {
	if int(s) < len(systemNames) {
		return systemNames[s]
	}
	return ""
}

// systemNamed finds a System type by name.
func systemNamed(name string) (System, bool) {
	for s := Boolean; s <= Quantity; s++ {
		if systemNames[s] == name {
			return s, true
		}
	}
	return 0, false
}

// Ref is one type: a System type or a type of the model.
type Ref struct {
	System System
	FHIR   model.TypeID
}

// Name returns the qualified name, "System.Integer" or "FHIR.HumanName". m may be nil where r is a System type.
func (r Ref) Name(m *model.Model) string {
	if r.System != 0 {
		return "System." + r.System.String()
	}
	if m == nil {
		return ""
	}
	return "FHIR." + m.Name(r.FHIR)
}

// RefNamed finds a type by its name, which may be qualified: "System.Integer", "FHIR.HumanName", "HumanName". m may
// be nil for System types.
func RefNamed(m *model.Model, name string) (r Ref, ok bool) {
	if rest, isSystem := strings.CutPrefix(name, "System."); isSystem {
		r.System, ok = systemNamed(rest)
		return r, ok
	}
	if m != nil {
		r.FHIR, ok = m.Type(strings.TrimPrefix(name, "FHIR."))
	}
	return r, ok
}

// Type is the static type of an expression: which types its items can have and how many there can be. The zero
// Type is a collection of anything. Types are not changed once made and may be shared.
type Type struct {
	// Known reports that every item is of one of Refs or a type that derives from it. Known without Refs is the
	// type of the empty collection.
	Known bool
	Refs  []Ref
	// Single reports that there is never more than one item.
	Single bool
	// Least is a number of items that there always are, as far as the checker can tell.
	Least int
	// Unordered reports that the order of the items is not defined.
	Unordered bool
	// Asserted reports that the expression itself names the type, by as or ofType.
	Asserted bool
}

// Any is the type of an expression that nothing is known about.
func Any() Type { return Type{} }

// Of returns the type of a single item of one of refs.
func Of(refs ...Ref) Type { return Type{Known: true, Refs: refs, Single: true} }

// OfFHIR returns the type of a single item of a named FHIR type. It returns Any when the model has no such type.
func OfFHIR(m *model.Model, name string) Type {
	if m != nil {
		if id, ok := m.Type(name); ok {
			return Of(Ref{FHIR: id})
		}
	}
	return Any()
}

// OfSystem returns the type of a single item of a System type.
func OfSystem(s System) Type { return Of(Ref{System: s}) }

// Names returns the qualified names of the types that items can have, nil if they are not known.
func (t Type) Names(m *model.Model) []string {
	var names []string
	for _, r := range t.Refs {
		names = append(names, r.Name(m))
	}
	return names
}

// maxRefs bounds the set of types that is followed; larger ones are as good as unknown.
const maxRefs = 200

// with returns the type t with other refs.
func (t Type) with(refs []Ref) Type {
	t.Known, t.Refs = true, refs
	if len(refs) > maxRefs {
		t.Known, t.Refs = false, nil
	}
	return t
}

// anything returns the type t with nothing known about its items.
func (t Type) anything() Type {
	t.Known, t.Refs = false, nil
	return t
}

// many returns t as a collection of any length.
func (t Type) many() Type {
	t.Single, t.Least = false, 0
	return t
}

// item returns the type of one item of t.
func (t Type) item() Type {
	t.Single, t.Least, t.Unordered = true, 1, false
	return t
}

// atMostOne returns the type of t's first item, if there is one.
func (t Type) atMostOne() Type {
	t.Single, t.Least, t.Unordered = true, min(t.Least, 1), false
	return t
}

// isEmpty reports whether t is the type of the empty collection.
func (t Type) isEmpty() bool { return t.Known && len(t.Refs) == 0 }

// join returns the type of the items of t and u together.
func join(t, u Type) Type {
	switch {
	case t.isEmpty():
		return u
	case u.isEmpty():
		return t
	case !t.Known || !u.Known:
		return Type{Unordered: t.Unordered || u.Unordered}
	}
	return Type{Unordered: t.Unordered || u.Unordered}.with(joinRefs(t.Refs, u.Refs))
}

// either returns the type of an expression that gives t or u.
func either(t, u Type) Type {
	both := join(t, u)
	both.Single, both.Least = t.Single && u.Single, min(t.Least, u.Least)
	return both
}

func joinRefs(a, b []Ref) []Ref {
	refs := slices.Clip(a)
	for _, r := range b {
		if !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	return refs
}

// kinds is a set of System types.
type systemSet uint16

func setOf(systems ...System) systemSet {
	var k systemSet
	for _, s := range systems {
		k |= 1 << s
	}
	return k
}

func (k systemSet) has(s System) bool { return k&(1<<s) != 0 }

var (
	allKinds  = setOf(Boolean, String, Integer, Long, Decimal, Date, DateTime, Time, Quantity)
	numbers   = setOf(Integer, Long, Decimal)
	temporals = setOf(Date, DateTime, Time)
)

// widened adds the types that values of k convert to without asking.
func (k systemSet) widened() systemSet {
	if k.has(Integer) {
		k |= setOf(Long, Decimal, Quantity)
	}
	if k.has(Long) {
		k |= setOf(Decimal, Quantity)
	}
	if k.has(Decimal) {
		k |= setOf(Quantity)
	}
	if k.has(Date) {
		k |= setOf(DateTime)
	}
	return k
}

// kindsOf returns the System types that a value of type r can stand for.
func (c *checker) kindsOf(r Ref) systemSet {
	switch {
	case r.System != 0:
		return setOf(r.System)
	case c.model.IsAbstract(r.FHIR) && !c.model.IsResource(r.FHIR):
		return allKinds
	}
	s, _ := systemNamed(c.model.SystemType(r.FHIR))
	return setOf(s) &^ 1
}

// kindsOfType returns the System types that items of t can stand for.
func (c *checker) kindsOfType(t Type) systemSet {
	if !t.Known {
		return allKinds
	}
	var k systemSet
	for _, r := range t.Refs {
		k |= c.kindsOf(r)
	}
	return k
}

// systemOnly returns the System type of each item of t; anything else falls away.
func (c *checker) systemOnly(t Type) Type {
	if !t.Known {
		return t
	}
	return t.with(refsOf(c.kindsOfType(t)))
}

// refsOf lists the System types of a set.
func refsOf(k systemSet) []Ref {
	refs := []Ref{}
	for s := Boolean; s <= TypeInfo; s++ {
		if k.has(s) {
			refs = append(refs, Ref{System: s})
		}
	}
	return refs
}
