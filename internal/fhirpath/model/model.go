package model

import (
	"fmt"
	"iter"
	"strings"
	"sync"
)

// Version is a version of FHIR.
type Version uint8

// The versions there are tables for. The zero Version is R4.
const (
	R4  Version = iota // FHIR 4.0.1
	R4B                // FHIR 4.3.0
	R5                 // FHIR 5.0.0

	versions = iota
)

// Versions lists every version there is a model of, oldest first.
func Versions() []Version { return []Version{R4, R4B, R5} }

// String returns the release name, "R4", "R4B" or "R5".
func (v Version) String() string {
	switch v {
	case R4:
		return "R4"
	case R4B:
		return "R4B"
	case R5:
		return "R5"
	}
	return fmt.Sprintf("Version(%d)", uint8(v))
}

// ParseVersion finds the version that a release name ("R4", "r4b") or a version number ("4.0.1", "4.3.0",
// "5.0", as StructureDefinition.fhirVersion and ViewDefinition.fhirVersion have it) stands for.
func ParseVersion(s string) (Version, bool) {
	switch strings.ToUpper(s) {
	case "R4":
		return R4, true
	case "R4B":
		return R4B, true
	case "R5":
		return R5, true
	}
	switch {
	case s == "4.0" || strings.HasPrefix(s, "4.0."):
		return R4, true
	case s == "4.3" || strings.HasPrefix(s, "4.3."):
		return R4B, true
	case s == "5.0" || strings.HasPrefix(s, "5.0."):
		return R5, true
	}
	return 0, false
}

// TypeID names a type within one Model. Ids of different versions have nothing to do with one another.
// The zero TypeID is not a type.
type TypeID uint16

// ElementID names an element definition within one Model: an element of the type that defines it. Types that
// inherit the element share its id. The zero ElementID is not an element.
type ElementID uint16

// Element says what is known of one element of a type.
type Element struct {
	// ID is the element's definition.
	ID ElementID
	// Name is the name in FHIRPath: "value" for value[x].
	Name string
	// Types are the types an instance can have, more than one only for a choice. The slice is shared by all
	// callers and must not be modified. Some are abstract: "Resource" for contained resources.
	Types []TypeID
	// Choice reports that the JSON member carries the type in its name: valueQuantity.
	Choice bool
	// Many reports that the element may repeat, so that its JSON value is an array.
	Many bool
	// Min is the smallest number of instances, 0 or 1.
	Min int
}

// Model holds the types of one FHIR version. It is immutable and may be shared by any number of goroutines.
type Model struct {
	version      Version
	data         *tables
	keyIndex     []uint16 // hash index over tables.keys: key number + 1
	typeIndex    []uint16 // hash index over tables.types: type id
	elementIndex []uint16 // hash index over FHIRPath names: element id
}

var loaded = [versions]func() *Model{
	R4:  sync.OnceValue(func() *Model { return index(R4, &r4Tables) }),
	R4B: sync.OnceValue(func() *Model { return index(R4B, &r4bTables) }),
	R5:  sync.OnceValue(func() *Model { return index(R5, &r5Tables) }),
}

// Load returns the model of a version, indexing it on the first call. It returns nil for a version that
// is none of those [Versions] lists. Any goroutine may call it.
func Load(v Version) *Model {
	if int(v) >= len(loaded) {
		return nil
	}
	return loaded[v]()
}

// Version returns the version whose types the model holds.
func (m *Model) Version() Version { return m.version }

// Len returns the number of types. Their ids are 1 to Len.
func (m *Model) Len() int { return len(m.data.types) - 2 }

// Type finds a type by name: "Patient", "string", "Patient.contact". Names are case-sensitive.
func (m *Model) Type(name string) (TypeID, bool) {
	for slot := hash(0, name); ; slot++ {
		id := m.typeIndex[slot&uint32(len(m.typeIndex)-1)]
		if id == 0 {
			return 0, false
		}
		if m.data.name(m.data.types[id].name) == name {
			return TypeID(id), true
		}
	}
}

// Name returns the name of a type, "" for no type.
func (m *Model) Name(t TypeID) string { return m.data.name(m.typ(t).name) }

// Base returns the type that t derives from, 0 for a root ("Element" and "Resource" before R5, then "Base").
func (m *Model) Base(t TypeID) TypeID { return TypeID(m.typ(t).base) }

// IsSubtype reports whether sub is super or derives from it. No type is a subtype of type 0.
func (m *Model) IsSubtype(sub, super TypeID) bool {
	return super != 0 && sub >= super && sub <= TypeID(m.typ(super).last)
}

// IsPrimitive reports whether values of the type are written as a JSON string, number or boolean.
func (m *Model) IsPrimitive(t TypeID) bool { return m.typ(t).flags&typePrimitive != 0 }

// IsResource reports whether the type is Resource or derives from it.
func (m *Model) IsResource(t TypeID) bool { return m.typ(t).flags&typeResource != 0 }

// IsAbstract reports whether no value has exactly this type, as for "Element" and "DomainResource".
func (m *Model) IsAbstract(t TypeID) bool { return m.typ(t).flags&typeAbstract != 0 }

// IsBackbone reports whether the type belongs to an element defined in place, such as "Patient.contact".
func (m *Model) IsBackbone(t TypeID) bool { return m.typ(t).flags&typeBackbone != 0 }

// SystemType returns the FHIRPath System type that values of t convert to without asking: "Boolean",
// "String", "Integer", "Long", "Decimal", "Date", "DateTime" or "Time" for primitives, "Quantity" for Quantity
// and what derives from it, and "" for all others.
func (m *Model) SystemType(t TypeID) string { return systemNames[m.typ(t).system] }

// Element finds an element of a type by its FHIRPath name, among the type's own and the inherited ones.
func (m *Model) Element(t TypeID, name string) (Element, bool) {
	for t = m.valid(t); t != 0; t = TypeID(m.data.types[t].base) {
		first, end := m.data.types[t].element, m.data.types[t+1].element
		for slot := hash(uint32(t), name); ; slot++ {
			id := m.elementIndex[slot&uint32(len(m.elementIndex)-1)]
			if id == 0 {
				break
			}
			if id >= first && id < end && m.data.name(m.data.elements[id].name) == name {
				return m.data.element(id), true
			}
		}
	}
	return Element{}, false
}

// JSONKey finds the element that a member of a type's JSON object holds and the type the member's name gives
// it: "valueQuantity" is value of type Quantity, "birthDate" is birthDate of type date. The sibling "_birthDate"
// and "resourceType" are not elements.
func (m *Model) JSONKey(t TypeID, key string) (el Element, typ TypeID, ok bool) {
	for t = m.valid(t); t != 0; t = TypeID(m.data.types[t].base) {
		first, end := m.data.types[t].key, m.data.types[t+1].key
		for slot := hash(uint32(t), key); ; slot++ {
			n := m.keyIndex[slot&uint32(len(m.keyIndex)-1)]
			if n == 0 {
				break
			}
			if n--; n >= first && n < end && m.data.name(m.data.keys[n].name) == key {
				k := &m.data.keys[n]
				return m.data.element(k.element), TypeID(k.typ), true
			}
		}
	}
	return Element{}, 0, false
}

// ChoiceKey returns the JSON member that holds el as type typ: "valueQuantity" for value and Quantity, and
// el.Name for an element that is not a choice. It returns "" when el cannot have that type.
func (m *Model) ChoiceKey(el Element, typ TypeID) string {
	if el.ID == 0 || int(el.ID) >= len(m.data.elements)-1 {
		return ""
	}
	for _, k := range m.data.keys[m.data.elements[el.ID].key:m.data.elements[el.ID+1].key] {
		if TypeID(k.typ) == typ {
			return m.data.name(k.name)
		}
	}
	return ""
}

// Elements lists every element of a type in the order of its definition, inherited ones first.
func (m *Model) Elements(t TypeID) iter.Seq[Element] {
	return func(yield func(Element) bool) { m.walk(t, t, yield) }
}

// walk yields the elements of t and its bases that the type at, which derives from t, has not redefined.
func (m *Model) walk(t, at TypeID, yield func(Element) bool) bool {
	if t = m.valid(t); t == 0 {
		return true
	}
	if !m.walk(TypeID(m.data.types[t].base), at, yield) {
		return false
	}
	for id := m.data.types[t].element; id < m.data.types[t+1].element; id++ {
		el := m.data.element(id)
		if t != at {
			if now, _ := m.Element(at, el.Name); now.ID != el.ID {
				continue
			}
		}
		if !yield(el) {
			return false
		}
	}
	return true
}

// Types lists every type by id, so that a type comes before those that derive from it.
func (m *Model) Types() iter.Seq[TypeID] {
	return func(yield func(TypeID) bool) {
		for id := 1; id <= m.Len(); id++ {
			if !yield(TypeID(id)) {
				return
			}
		}
	}
}

// known returns t, or 0 for an id out of range.
func (m *Model) valid(t TypeID) TypeID {
	if int(t) > m.Len() {
		return 0
	}
	return t
}

// typ returns the record of a type, the empty one for an id out of range.
func (m *Model) typ(t TypeID) *typeRecord { return &m.data.types[m.valid(t)] }
