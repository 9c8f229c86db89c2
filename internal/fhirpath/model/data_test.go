package model_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/testdata"
)

// walker follows JSON values along the model and notes every member that the model does not know.
type walker struct {
	m       *model.Model
	members int
	unknown map[string]int // "Type.key": how often
}

func (w *walker) resource(t *testing.T, obj map[string]any) {
	name, _ := obj["resourceType"].(string)
	id, ok := w.m.Type(name)
	if !ok || !w.m.IsResource(id) {
		w.unknown["resourceType "+name]++
		return
	}
	delete(obj, "resourceType")
	w.object(t, id, obj)
}

func (w *walker) object(t *testing.T, typ model.TypeID, obj map[string]any) {
	for key, value := range obj {
		w.members++
		el, elType, ok := w.m.JSONKey(typ, strings.TrimPrefix(key, "_"))
		if !ok {
			w.unknown[w.m.Name(typ)+"."+key]++
			continue
		}
		items, isArray := value.([]any)
		if !isArray {
			items = []any{value}
		}
		if isArray != el.Many {
			w.unknown[w.m.Name(typ)+"."+key+": cardinality"]++
		}
		if strings.HasPrefix(key, "_") {
			if !w.m.IsPrimitive(elType) {
				w.unknown[w.m.Name(typ)+"."+key+": not primitive"]++
			}
			elType, _ = w.m.Type("Element")
		}
		for _, item := range items {
			child, isObject := item.(map[string]any)
			switch {
			case item == nil: // a gap in an array of primitives
			case isObject && w.m.Name(elType) == "Resource":
				w.resource(t, child)
			case isObject == w.m.IsPrimitive(elType):
				w.unknown[w.m.Name(typ)+"."+key+": not of type "+w.m.Name(elType)]++
			case isObject:
				w.object(t, elType, child)
			default:
				if s := w.m.SystemType(elType); jsonForm(s) != formOf(item) {
					w.unknown[w.m.Name(typ)+"."+key+": not a "+s]++
				}
			}
		}
	}
}

// jsonForm tells how JSON writes values of a System type.
func jsonForm(system string) string {
	switch system {
	case "Boolean":
		return "boolean"
	case "Integer", "Decimal":
		return "number"
	}
	return "string"
}

// formOf tells how JSON writes v.
func formOf(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	}
	return "string"
}

// TestEveryMemberOfRealData walks all resources of the shared data: R4 must know each of their members, but for
// those listed here.
func TestEveryMemberOfRealData(t *testing.T) {
	exceptions := map[string]int{}
	w := &walker{m: model.Load(model.R4), unknown: map[string]int{}}
	files := 0
	for _, set := range []string{"small", "edge"} {
		names, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data", set), "*.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			files++
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(bytes.NewReader(content))
			lines.Buffer(nil, len(content)+1)
			for lines.Scan() {
				decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
				decoder.UseNumber()
				var resource map[string]any
				if err := decoder.Decode(&resource); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				w.resource(t, resource)
			}
		}
	}
	if diff := cmp.Diff(exceptions, w.unknown); diff != "" {
		t.Errorf("members that R4 does not know (-want +got):\n%s", diff)
	}
	if files == 0 || w.members < 10_000 {
		t.Errorf("walked %d members of %d files, want many more", w.members, files)
	}
	t.Logf("%d files, %d members", files, w.members)
}
