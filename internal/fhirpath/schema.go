package fhirpath

import (
	"sync"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// schema is the model of a FHIR version, with the answers that evaluation needs most often. It is immutable. An
// expression that is compiled without a model has a schema without one.
type schema struct {
	model *model.Model
	// kinds has, by type, the System type that elements convert to implicitly, 0 for none.
	kinds []Kind
	// The types that evaluation knows by name.
	resource, quantity, extension, reference, element, coding, concept model.TypeID
}

var schemas = [...]func() *schema{
	model.R4:  sync.OnceValue(func() *schema { return newSchema(model.R4) }),
	model.R4B: sync.OnceValue(func() *schema { return newSchema(model.R4B) }),
	model.R5:  sync.OnceValue(func() *schema { return newSchema(model.R5) }),
}

// untyped is the schema without a model.
var untyped = &schema{}

// schemaOf returns the schema of a version; ok is false if there is no such model.
func schemaOf(v model.Version) (s *schema, ok bool) {
	if int(v) >= len(schemas) || model.Load(v) == nil {
		return untyped, false
	}
	return schemas[v](), true
}

func newSchema(v model.Version) *schema {
	m := model.Load(v)
	s := &schema{model: m, kinds: make([]Kind, m.Len()+1)}
	for id := range s.kinds {
		s.kinds[id] = systemKind(m.SystemType(model.TypeID(id)))
	}
	s.resource, _ = m.Type("Resource")
	s.quantity, _ = m.Type("Quantity")
	s.extension, _ = m.Type("Extension")
	s.reference, _ = m.Type("Reference")
	s.element, _ = m.Type("Element")
	s.coding, _ = m.Type("Coding")
	s.concept, _ = m.Type("CodeableConcept")
	return s
}

// systemKind maps the name of a System type to its kind, 0 when there is none.
func systemKind(name string) Kind {
	for k := Boolean; k <= Quantity; k++ {
		if kindNames[k] == name {
			return k
		}
	}
	return 0
}

// typeOf returns the id of a type, 0 if there is no model or no such type.
func (s *schema) typeOf(name string) model.TypeID {
	if s.model == nil {
		return 0
	}
	id, _ := s.model.Type(name)
	return id
}

// isA reports whether typ is super or derives from it.
func (s *schema) isA(typ, super model.TypeID) bool {
	return typ != 0 && super != 0 && s.model.IsSubtype(typ, super)
}

// isPrimitive reports whether elements of the type are written as a JSON string, number or boolean.
func (s *schema) isPrimitive(typ model.TypeID) bool {
	return typ != 0 && s.model.IsPrimitive(typ)
}

// code returns the type that definitions name: for one that is defined within another (Patient.contact) its base.
func (s *schema) code(typ model.TypeID) model.TypeID {
	if s.model.IsBackbone(typ) {
		return s.model.Base(typ)
	}
	return typ
}

// isResource reports whether the type is Resource or derives from it.
func (s *schema) isResource(typ model.TypeID) bool {
	return typ != 0 && s.model.IsResource(typ)
}
