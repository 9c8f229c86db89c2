package runner

import (
	"strings"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/rows"
)

// fhirType strips the base URL or the namespace of a FHIR type.
func fhirType(t string) string {
	for _, base := range [...]string{
		"http://hl7.org/fhir/StructureDefinition/", "https://hl7.org/fhir/StructureDefinition/",
		"http://hl7.org/fhirpath/",
	} {
		if rest, ok := strings.CutPrefix(t, base); ok {
			t = rest
			break
		}
	}
	return strings.TrimPrefix(t, "FHIR.")
}

// common returns the type of a column that has either of two inferred types. If both belong to the same System type,
// it is the one of them that has the System type's name, or else the System type. Otherwise it is "".
func (x *exprCompiler) common(a, b string) string {
	system := x.system(a)
	if system == "" || system != x.system(b) {
		return ""
	}
	for _, t := range [...]string{a, b} {
		if strings.EqualFold(system, "System."+t) {
			return t
		}
	}
	return system
}

// system returns the System type that belongs to a primitive type, and "" for other types.
func (x *exprCompiler) system(name string) string {
	if strings.HasPrefix(name, "System.") {
		return name
	}
	m := model.Load(x.model)
	if t, ok := m.Type(name); ok && m.IsPrimitive(t) && m.SystemType(t) != "" {
		return "System." + m.SystemType(t)
	}
	return ""
}

// ansiTag is the name of the tag that overrides the ANSI type.
const ansiTag = "ansi/type"

// ansiType returns the ISO/IEC 9075 type of a column (section "Types" of the specification).
func ansiType(fhirType string, tags []Tag) string {
	for _, t := range tags {
		if t.Name == ansiTag && t.Value != "" {
			return t.Value
		}
	}
	switch fhirType {
	case "base64Binary":
		return "BINARY"
	case "boolean", "System.Boolean":
		return "BOOLEAN"
	case "instant":
		return "TIMESTAMP WITH TIME ZONE"
	case "integer", "positiveInt", "unsignedInt", "System.Integer":
		return "INT"
	case "integer64", "System.Long":
		return "BIGINT"
	}
	return "CHARACTER VARYING"
}

// wantOf returns the class of values for a column. Types that JSON writes as strings allow every primitive value,
// since the specification does not convert values: a boundary of a date may be a dateTime, a code is a string. Unless
// the view is strict, so do all primitive types. In a strict view a column without a type allows primitive values.
func wantOf(fhirType string, declared, strict bool) rows.Want {
	if !declared {
		if strict {
			return rows.WantPrimitive
		}
		return rows.WantAny
	}
	w := wantOfStrict(fhirType)
	if !strict && (w == rows.WantBoolean || w == rows.WantInteger || w == rows.WantNumber) {
		return rows.WantPrimitive
	}
	return w
}

// wantOfStrict returns the class of values for a declared type in a strict view.
func wantOfStrict(fhirType string) rows.Want {
	switch fhirType {
	case "boolean", "System.Boolean":
		return rows.WantBoolean
	case "integer", "positiveInt", "unsignedInt", "integer64", "System.Integer", "System.Long":
		return rows.WantInteger
	case "decimal", "System.Decimal":
		return rows.WantNumber
	case "base64Binary", "canonical", "code", "date", "dateTime", "id", "instant", "markdown", "oid", "string",
		"time", "uri", "url", "uuid", "xhtml", "System.String", "System.Date", "System.DateTime", "System.Time":
		return rows.WantPrimitive
	}
	if fhirType != "" && fhirType[0] >= 'A' && fhirType[0] <= 'Z' && !strings.HasPrefix(fhirType, "System.") {
		return rows.WantObject
	}
	return rows.WantAny
}
