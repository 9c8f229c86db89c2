package model_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

func typeID(t testing.TB, m *model.Model, name string) model.TypeID {
	t.Helper()
	id, ok := m.Type(name)
	if !ok {
		t.Fatalf("%s: no type %s", m.Version(), name)
	}
	return id
}

func typeNames(m *model.Model, ids []model.TypeID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = m.Name(id)
	}
	return strings.Join(names, " ")
}

func TestTypesOfEveryVersion(t *testing.T) {
	tests := []struct{ name, r4, r4b, r5 string }{ // the chain of inheritance, "" for no such type
		{"Patient", "DomainResource Resource", "DomainResource Resource", "DomainResource Resource Base"},
		{"Bundle", "Resource", "Resource", "Resource Base"},
		{"Patient.contact", "BackboneElement Element", "BackboneElement Element", "BackboneElement Element Base"},
		{"Timing.repeat", "Element", "Element", "Element Base"},
		{"Timing", "BackboneElement Element", "BackboneElement Element", "BackboneType DataType Element Base"},
		{"HumanName", "Element", "Element", "DataType Element Base"},
		{"Age", "Quantity Element", "Quantity Element", "Quantity DataType Element Base"},
		{"string", "Element", "Element", "PrimitiveType DataType Element Base"},
		{"code", "string Element", "string Element", "string PrimitiveType DataType Element Base"},
		{"id", "string Element", "string Element", "string PrimitiveType DataType Element Base"},
		{"markdown", "string Element", "string Element", "string PrimitiveType DataType Element Base"},
		{"canonical", "uri Element", "uri Element", "uri PrimitiveType DataType Element Base"},
		{"oid", "uri Element", "uri Element", "uri PrimitiveType DataType Element Base"},
		{"positiveInt", "integer Element", "integer Element", "integer PrimitiveType DataType Element Base"},
		{"integer64", "", "", "PrimitiveType DataType Element Base"},
		{"CodeableReference", "", "Element", "DataType Element Base"},
		{"SimpleQuantity", "", "", ""},
		{"MetadataResource", "", "", "DomainResource Resource Base"},
		{"patient", "", "", ""},
		{"Patient.name", "", "", ""},
		{"", "", "", ""},
	}
	for _, tt := range tests {
		for v, want := range map[model.Version]string{model.R4: tt.r4, model.R4B: tt.r4b, model.R5: tt.r5} {
			m := model.Load(v)
			id, ok := m.Type(tt.name)
			if ok != (want != "") {
				t.Errorf("%s: Type(%q) found: %v", v, tt.name, ok)
			}
			var chain []model.TypeID
			for base := m.Base(id); base != 0; base = m.Base(base) {
				chain = append(chain, base)
				if !m.IsSubtype(id, base) || m.IsSubtype(base, id) {
					t.Errorf("%s: IsSubtype does not know that %s derives from %s", v, tt.name, m.Name(base))
				}
			}
			if got := typeNames(m, chain); got != want {
				t.Errorf("%s: bases of %s: got %q, want %q", v, tt.name, got, want)
			}
			if ok && !m.IsSubtype(id, id) {
				t.Errorf("%s: %s is no subtype of itself", v, tt.name)
			}
		}
	}
}

func TestSystemTypes(t *testing.T) {
	want := map[string]string{
		"boolean": "Boolean", "integer": "Integer", "unsignedInt": "Integer", "positiveInt": "Integer",
		"integer64": "Long", "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime",
		"time": "Time", "string": "String", "code": "String", "id": "String", "markdown": "String", "uri": "String",
		"url": "String", "canonical": "String", "oid": "String", "uuid": "String", "base64Binary": "String",
		"xhtml": "String", "Quantity": "Quantity", "Age": "Quantity", "Count": "Quantity", "Distance": "Quantity",
		"Duration": "Quantity",
	}
	for _, v := range model.Versions() {
		m := model.Load(v)
		got := map[string]string{}
		for id := range m.Types() {
			if s := m.SystemType(id); s != "" {
				got[m.Name(id)] = s
			}
			if m.IsPrimitive(id) != (m.SystemType(id) != "" && m.SystemType(id) != "Quantity") {
				t.Errorf("%s: %s: primitive %v, System type %q", v, m.Name(id), m.IsPrimitive(id), m.SystemType(id))
			}
		}
		versionWant := map[string]string{}
		for name, s := range want {
			if name != "integer64" || v == model.R5 {
				versionWant[name] = s
			}
		}
		if diff := cmp.Diff(versionWant, got); diff != "" {
			t.Errorf("%s: System types (-want +got):\n%s", v, diff)
		}
	}
}

func TestElement(t *testing.T) {
	tests := []struct {
		version   model.Version
		typ, name string
		types     string // "" for no such element
		form      string // choice, many, required
	}{
		{model.R4, "Patient", "id", "id", ""},
		{model.R4, "Patient", "meta", "Meta", ""},
		{model.R4, "Patient", "text", "Narrative", ""},
		{model.R4, "Patient", "contained", "Resource", "many"},
		{model.R4, "Patient", "extension", "Extension", "many"},
		{model.R4, "Patient", "modifierExtension", "Extension", "many"},
		{model.R4, "Patient", "name", "HumanName", "many"},
		{model.R4, "Patient", "birthDate", "date", ""},
		{model.R4, "Patient", "deceased", "boolean dateTime", "choice"},
		{model.R4, "Patient", "contact", "Patient.contact", "many"},
		{model.R4, "Patient.contact", "name", "HumanName", ""},
		{model.R4, "Patient.contact", "id", "string", ""},
		{model.R4, "Patient.contact", "modifierExtension", "Extension", "many"},
		{model.R4, "Patient", "deceasedBoolean", "", ""},
		{model.R4, "Patient", "deceased[x]", "", ""},
		{model.R4, "Patient", "family", "", ""},
		{model.R4, "Bundle", "text", "", ""},
		{model.R4, "Observation", "status", "code", "required"},
		{model.R4, "Observation", "value", "Quantity CodeableConcept string boolean integer Range Ratio SampledData time dateTime Period", "choice"},
		{model.R4, "Observation.component", "referenceRange", "Observation.referenceRange", "many"},
		{model.R4, "Questionnaire", "item", "Questionnaire.item", "many"},
		{model.R4, "Questionnaire.item", "item", "Questionnaire.item", "many"},
		{model.R4, "Age", "value", "decimal", ""},
		{model.R4, "Age", "id", "string", ""},
		{model.R4, "string", "extension", "Extension", "many"},
		{model.R4, "string", "value", "", ""},
		{model.R4, "Extension", "url", "uri", "required"},
		{model.R4, "Narrative", "div", "xhtml", "required"},
		{model.R4, "Bundle.entry", "resource", "Resource", ""},
		{model.R4, "Bundle.entry", "link", "Bundle.link", "many"},
		{model.R4, "Timing", "repeat", "Timing.repeat", ""},
		{model.R4, "MedicationRequest", "medication", "CodeableConcept Reference", "choice required"},
		{model.R4B, "Patient", "id", "id", ""},
		{model.R4B, "Observation.component", "referenceRange", "Observation.referenceRange", "many"},
		{model.R4B, "MedicationRequest", "medication", "CodeableConcept Reference", "choice required"},
		{model.R5, "Patient", "id", "id", ""},
		{model.R5, "Extension", "id", "string", ""},
		{model.R5, "Observation", "value", "Quantity CodeableConcept string boolean integer Range Ratio SampledData time dateTime Period Attachment Reference", "choice"},
		{model.R5, "MedicationRequest", "medication", "CodeableReference", "required"},
		{model.R5, "Attachment", "size", "integer64", ""},
		{model.R5, "Questionnaire.item", "item", "Questionnaire.item", "many"},
	}
	for _, tt := range tests {
		m := model.Load(tt.version)
		el, ok := m.Element(typeID(t, m, tt.typ), tt.name)
		if got := typeNames(m, el.Types); got != tt.types || ok != (tt.types != "") {
			t.Errorf("%s: %s.%s: got types %q (%v), want %q", tt.version, tt.typ, tt.name, got, ok, tt.types)
			continue
		}
		var form []string
		for s, is := range map[string]bool{"choice": el.Choice, "many": el.Many, "required": el.Min > 0} {
			if is {
				form = append(form, s)
			}
		}
		slices.Sort(form)
		if got := strings.Join(form, " "); got != tt.form {
			t.Errorf("%s: %s.%s is %q, want %q", tt.version, tt.typ, tt.name, got, tt.form)
		}
		if ok && el.Name != tt.name {
			t.Errorf("%s: %s.%s is named %q", tt.version, tt.typ, tt.name, el.Name)
		}
	}
}

func TestJSONKey(t *testing.T) {
	tests := []struct{ typ, key, name, want string }{
		{"Observation", "valueQuantity", "value", "Quantity"},
		{"Observation", "valueString", "value", "string"},
		{"Observation", "value", "", ""},
		{"Observation", "valueAddress", "", ""},
		{"Observation", "_status", "", ""},
		{"Observation", "resourceType", "", ""},
		{"Patient", "birthDate", "birthDate", "date"},
		{"Patient", "id", "id", "id"},
		{"Patient", "multipleBirthInteger", "multipleBirth", "integer"},
		{"Extension", "valueCodeableConcept", "value", "CodeableConcept"},
		{"Extension", "valueBase64Binary", "value", "base64Binary"},
		{"Questionnaire.item", "item", "item", "Questionnaire.item"},
		{"Parameters.parameter", "valueInstant", "value", "instant"},
		{"code", "extension", "extension", "Extension"},
	}
	for _, tt := range tests {
		for _, v := range model.Versions() {
			m := model.Load(v)
			el, typ, ok := m.JSONKey(typeID(t, m, tt.typ), tt.key)
			if ok != (tt.want != "") || el.Name != tt.name || m.Name(typ) != tt.want {
				t.Errorf("%s: %s.%s: got %s as %s (%v), want %s as %s", v, tt.typ, tt.key, el.Name, m.Name(typ), ok, tt.name, tt.want)
			}
			if ok && m.ChoiceKey(el, typ) != tt.key {
				t.Errorf("%s: %s.%s: ChoiceKey gives %q", v, tt.typ, tt.key, m.ChoiceKey(el, typ))
			}
		}
	}
	m := model.Load(model.R4)
	el, _ := m.Element(typeID(t, m, "Observation"), "value")
	if got := m.ChoiceKey(el, typeID(t, m, "Address")); got != "" {
		t.Errorf("ChoiceKey of Observation.value as Address: got %q, want none", got)
	}
	if got := m.ChoiceKey(model.Element{}, 0); got != "" {
		t.Errorf("ChoiceKey of no element: got %q, want none", got)
	}
}

func TestElementsInOrder(t *testing.T) {
	m := model.Load(model.R4)
	tests := []struct{ typ, want string }{
		{"Element", "id extension"},
		{"Bundle", "id meta implicitRules language identifier type timestamp total link entry signature"},
		{"Patient.communication", "id extension modifierExtension language preferred"},
		{"Age", "id extension value comparator unit system code"},
		{"Patient", "id meta implicitRules language text contained extension modifierExtension identifier active name telecom " +
			"gender birthDate deceased address maritalStatus multipleBirth photo contact communication " +
			"generalPractitioner managingOrganization link"},
	}
	for _, tt := range tests {
		var got []string
		for el := range m.Elements(typeID(t, m, tt.typ)) {
			got = append(got, el.Name)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("elements of %s (-want +got):\n%s", tt.typ, diff)
		}
	}
	for el := range m.Elements(typeID(t, m, "Patient")) {
		if el.Name != "id" {
			t.Errorf("first element of Patient: got %s, want id", el.Name)
		}
		break
	}
}

// TestTablesAreWhole checks what must hold for every type and element of every version.
func TestTablesAreWhole(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range model.Versions() {
		m := model.Load(v)
		elements := 0
		for id := range m.Types() {
			name := m.Name(id)
			if got, ok := m.Type(name); !ok || got != id {
				t.Errorf("%s: Type(%s): got %d, want %d", v, name, got, id)
			}
			if m.Base(id) >= id {
				t.Errorf("%s: %s comes before its base", v, name)
			}
			if resource := typeID(t, m, "Resource"); m.IsResource(id) != m.IsSubtype(id, resource) {
				t.Errorf("%s: %s: IsResource %v", v, name, m.IsResource(id))
			}
			if m.IsBackbone(id) != strings.Contains(name, ".") {
				t.Errorf("%s: %s: IsBackbone %v", v, name, m.IsBackbone(id))
			}
			keys, seen := map[string]bool{}, map[string]bool{}
			for el := range m.Elements(id) {
				elements++
				if seen[el.Name] {
					t.Errorf("%s: %s has two elements %s", v, name, el.Name)
				}
				seen[el.Name] = true
				if got, ok := m.Element(id, el.Name); !ok || got.ID != el.ID {
					t.Errorf("%s: Element(%s, %s): got %d, want %d", v, name, el.Name, got.ID, el.ID)
				}
				if len(el.Types) == 0 || len(el.Types) > 1 && !el.Choice {
					t.Errorf("%s: %s.%s has %d types", v, name, el.Name, len(el.Types))
				}
				for _, typ := range el.Types {
					if typ == 0 || int(typ) > m.Len() {
						t.Errorf("%s: %s.%s has unknown type %d", v, name, el.Name, typ)
					}
					if m.IsAbstract(typ) && m.Name(typ) != "Resource" {
						t.Errorf("%s: %s.%s is of abstract type %s", v, name, el.Name, m.Name(typ))
					}
					key := m.ChoiceKey(el, typ)
					if key == "" || keys[key] {
						t.Errorf("%s: %s.%s as %s: JSON key %q is empty or not unique", v, name, el.Name, m.Name(typ), key)
					}
					keys[key] = true
					if got, gotType, ok := m.JSONKey(id, key); !ok || got.ID != el.ID || gotType != typ {
						t.Errorf("%s: JSONKey(%s, %s) gives %s as %s", v, name, key, got.Name, m.Name(gotType))
					}
				}
			}
		}
		tables, index := m.Size()
		t.Logf("%s (%s): %d types, %d elements with inherited ones; %d bytes of tables, %d bytes of index",
			v, m.Release(), m.Len(), elements, tables, index)
		want := fmt.Sprintf("//	%-8s   %-5d   %-36d   %-9s   %s\n", v, m.Len(), elements, thousands(tables), thousands(index))
		if !strings.Contains(string(doc), want) {
			t.Errorf("%s: doc.go does not have the line\n%s", v, want)
		}
	}
}

// thousands writes a number of four to six digits with a comma.
func thousands(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

func TestUnknownsAreHarmless(t *testing.T) {
	for _, v := range model.Versions() {
		m := model.Load(v)
		for _, id := range []model.TypeID{0, model.TypeID(m.Len() + 1), 0xFFFF} {
			if m.Name(id) != "" || m.Base(id) != 0 || m.SystemType(id) != "" || m.IsPrimitive(id) || m.IsResource(id) ||
				m.IsAbstract(id) || m.IsBackbone(id) || m.IsSubtype(id, id) {
				t.Errorf("%s: type %d has properties", v, id)
			}
			if _, ok := m.Element(id, "id"); ok {
				t.Errorf("%s: type %d has an element", v, id)
			}
			if _, _, ok := m.JSONKey(id, "id"); ok {
				t.Errorf("%s: type %d has a member", v, id)
			}
			for el := range m.Elements(id) {
				t.Errorf("%s: type %d lists element %s", v, id, el.Name)
			}
		}
	}
	if model.Load(99) != nil {
		t.Error("Load(99): got a model, want nil")
	}
}

func TestParseVersion(t *testing.T) {
	tests := []struct {
		text string
		want model.Version
		ok   bool
	}{
		{"R4", model.R4, true},
		{"r4b", model.R4B, true},
		{"R5", model.R5, true},
		{"4.0.1", model.R4, true},
		{"4.0", model.R4, true},
		{"4.3.0", model.R4B, true},
		{"5.0.0", model.R5, true},
		{"3.0.2", 0, false},
		{"6.0.0-ballot3", 0, false},
		{"4.01", 0, false},
		{"", 0, false},
	}
	for _, tt := range tests {
		if got, ok := model.ParseVersion(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("ParseVersion(%q): got %s, %v, want %s, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
	for _, v := range model.Versions() {
		if got, ok := model.ParseVersion(v.String()); !ok || got != v {
			t.Errorf("ParseVersion(%s): got %s", v, got)
		}
		if got, ok := model.ParseVersion(model.Load(v).Release()); !ok || got != v {
			t.Errorf("ParseVersion(%s): got %s, want %s", model.Load(v).Release(), got, v)
		}
	}
}

func TestModelIsShared(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, v := range model.Versions() {
				m := model.Load(v)
				patient, _ := m.Type("Patient")
				if _, typ, ok := m.JSONKey(patient, "birthDate"); !ok || m.Name(typ) != "date" {
					t.Errorf("%s: Patient.birthDate: got %s", v, m.Name(typ))
				}
			}
		})
	}
	wg.Wait()
}

func TestLookupsDoNotAllocate(t *testing.T) {
	m := model.Load(model.R4)
	observation := typeID(t, m, "Observation")
	quantity := typeID(t, m, "Quantity")
	allocs := testing.AllocsPerRun(100, func() {
		el, _ := m.Element(observation, "value")
		_ = m.ChoiceKey(el, quantity)
		_, _, _ = m.JSONKey(observation, "valueQuantity")
		_, _, _ = m.JSONKey(observation, "extension")
		_, _ = m.Type("Observation.component")
		for el := range m.Elements(observation) {
			_ = el
		}
	})
	if allocs != 0 {
		t.Errorf("lookups allocate %v times, want 0", allocs)
	}
}

func BenchmarkJSONKey(b *testing.B) {
	m := model.Load(model.R4)
	observation := typeID(b, m, "Observation")
	for _, key := range []string{"valueQuantity", "extension", "id", "unknown"} {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.JSONKey(observation, key)
			}
		})
	}
}

func BenchmarkElement(b *testing.B) {
	m := model.Load(model.R4)
	observation := typeID(b, m, "Observation")
	b.ReportAllocs()
	for b.Loop() {
		m.Element(observation, "value")
	}
}
