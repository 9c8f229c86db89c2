package synth

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
)

// TestResourcesFitTheModel checks each resource against FHIR R4's elements: every member is one, lists are
// lists, primitives are primitives, and what is required is there.
func TestResourcesFitTheModel(t *testing.T) {
	t.Parallel()
	m := model.Load(model.R4)
	faults := map[string]bool{} // each once
	for r, err := range Resources(Config{Seed: 9, Patients: 40}) {
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := json.Unmarshal(r.JSON, &object); err != nil {
			t.Fatal(err)
		}
		typ, ok := m.Type(r.Type)
		if !ok || !m.IsResource(typ) {
			t.Fatalf("%s is not a resource type", r.Type)
		}
		delete(object, "resourceType")
		fit(m, typ, object, r.Type, func(path, fault string) { faults[path+": "+fault] = true })
	}
	for f := range faults {
		t.Error(f)
	}
}

func fit(m *model.Model, typ model.TypeID, object map[string]any, path string, fault func(path, text string)) {
	found := map[string]bool{}
	for key, v := range object {
		at := path + "." + key
		el, elType, ok := m.JSONKey(typ, key)
		if !ok {
			fault(at, "is not an element of "+m.Name(typ))
			continue
		}
		found[el.Name] = true
		list, isList := v.([]any)
		if isList != el.Many {
			fault(at, fmt.Sprintf("is a list: %v, want %v", isList, el.Many))
			continue
		}
		if !isList {
			list = []any{v}
		}
		if len(list) == 0 {
			fault(at, "is empty")
		}
		for _, v := range list {
			inner, isObject := v.(map[string]any)
			switch {
			case isObject == m.IsPrimitive(elType):
				fault(at, fmt.Sprintf("is an object: %v, its type is %s", isObject, m.Name(elType)))
			case isObject:
				if len(inner) == 0 {
					fault(at, "has no members")
				}
				fit(m, elType, inner, at, fault)
			}
		}
	}
	for el := range m.Elements(typ) {
		if el.Min > 0 && !found[el.Name] {
			fault(path, "has no "+el.Name)
		}
	}
}
