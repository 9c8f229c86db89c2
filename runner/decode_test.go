package runner

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/researchflow/researchflow/internal/testdata"
)

const columnID = `"select":[{"column":[{"name":"id","path":"id"}]}]`

func TestDecodeForms(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text string }{
		{"3.0-ballot", `{"resourceType":"ViewDefinition","url":"http://x/v","identifier":[{"value":"1"}],"meta":{"profile":["http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/ShareableViewDefinition"]},"resource":"Patient",` + columnID + `}`},
		{"2.0", `{"resourceType":"https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition","identifier":{"value":"1"},"resource":"Patient",` + columnID + `}`},
		{"without resourceType", `{"resource":"Patient",` + columnID + `}`},
		{"with what other programs add", `{"id":"x","text":{"status":"generated"},"extension":[],"resourceDefinition":"x","runner_hint":"y","resource":"Patient",` + columnID + `}`},
		{"with a byte order mark", "\ufeff" + `{"resource":"Patient",` + columnID + `}`},
	}
	for _, tt := range tests {
		v := mustView(t, tt.text)
		if v.Resource() != "Patient" || len(v.Columns()) != 1 || len(v.Warnings()) != 0 {
			t.Errorf("%s: resource %s, columns %v, warnings %q", tt.name, v.Resource(), v.Columns(), v.Warnings())
		}
	}
}

func TestDecodeEveryElement(t *testing.T) {
	t.Parallel()
	got, err := Decode([]byte(`{"resourceType":"ViewDefinition","url":"u","name":"n","version":"1","title":"t","status":"draft",
		"description":"d","resource":"Patient","profile":["p"],"fhirVersion":["4.0.1"],"publisher":"x",
		"constant":[{"name":"c","valueString":"s"},{"name":"b","valueBoolean":false},{"name":"n","valueDecimal":1.50},{"name":"l","valueInteger64":"9007199254740993"}],
		"where":[{"path":"active","description":"w"}],
		"select":[{"forEach":"name","column":[{"name":"a","path":"family","description":"d","type":"string","collection":false,"tag":[{"name":"ansi/type","value":"TEXT"}]}],
			"select":[{"forEachOrNull":"given","column":[{"name":"b","path":"$this","collection":true}]}],
			"unionAll":[{"repeat":["x","y"],"column":[{"name":"c","path":"z"}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &ViewDefinition{
		URL: "u", Name: "n", Version: "1", Title: "t", Status: "draft", Description: "d", Resource: "Patient",
		Profile: []string{"p"}, FHIRVersion: []string{"4.0.1"},
		Constant: []Constant{{"c", "string", "s"}, {"b", "boolean", "false"}, {"n", "decimal", "1.50"}, {"l", "integer64", "9007199254740993"}},
		Where:    []Where{{"active", "w"}},
		Select: []Select{{
			ForEach:  "name",
			Column:   []ColumnDefinition{{Path: "family", Name: "a", Description: "d", Type: "string", Tag: []Tag{{"ansi/type", "TEXT"}}}},
			Select:   []Select{{ForEachOrNull: "given", Column: []ColumnDefinition{{Path: "$this", Name: "b", Collection: true}}}},
			UnionAll: []Select{{Repeat: []string{"x", "y"}, Column: []ColumnDefinition{{Path: "z", Name: "c"}}}},
		}},
		Extra: map[string]json.RawMessage{"publisher": json.RawMessage(`"x"`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
}

// TestMarshalRoundTrip writes every shared and shipped definition and reads it again.
func TestMarshalRoundTrip(t *testing.T) {
	t.Parallel()
	for _, o := range oracleViews(t) {
		def, err := Decode(o.text)
		if err != nil {
			continue // cases that must fail
		}
		text, err := json.Marshal(def)
		if err != nil {
			t.Errorf("%s: %v", o.name, err)
			continue
		}
		again, err := Decode(text)
		if err != nil {
			t.Errorf("%s: %v", o.name, err)
			continue
		}
		def.Warnings, again.Warnings = nil, nil
		if diff := cmp.Diff(def, again, cmp.Comparer(sameJSON), cmp.Comparer(sameSelects)); diff != "" {
			t.Errorf("%s (-first +again):\n%s", o.name, diff)
		}
		a, errA := Compile(def)
		b, errB := Compile(again)
		if (errA == nil) != (errB == nil) || errA == nil && a.Digest() != b.Digest() {
			t.Errorf("%s: another view after a round trip: %v, %v", o.name, errA, errB)
		}
	}
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

// sameSelects compares selects; an empty list equals nil.
func sameSelects(a, b []Select) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && (string(x) == string(y) || len(a)+len(b) == 0)
}

// TestDecodeErrors has members of a wrong type (V5), and text that is not JSON.
func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       string
	}{
		{
			"syntax", "{\n  \"resource\": \"Patient\",\n  \"select\": [}\n}",
			"runner: the view is not JSON: unexpected byte: value expected (line 3, column 14)\n    \"select\": [}\n               ^",
		},
		{"truncated", `{"resource":`, "line 1, column 13"},
		{"empty", ``, "runner: the view is not JSON: truncated"},
		{"no object", `[]`, "runner: expected an object, found array (line 1, column 1)\n  []\n  ^"},
		{"forEach is a number", `{"resource":"Patient","select":[{"forEach":1}]}`, "runner: select[0].forEach: expected a string, found number (line 1, column 44)"},
		{"path in a union", `{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":true}]}]}]}`, "select[0].unionAll[0].column[0].path: expected a string, found true"},
		{"select is an object", `{"resource":"Patient","select":{}}`, "select: expected an array, found object"},
		{"collection is a string", `{"resource":"Patient","select":[{"column":[{"collection":"true"}]}]}`, "select[0].column[0].collection: expected true or false, found string"},
		{"repeat is a string", `{"resource":"Patient","select":[{"repeat":"item"}]}`, "select[0].repeat: expected an array, found string"},
		{"repeat of numbers", `{"resource":"Patient","select":[{"repeat":["item",1]}]}`, "select[0].repeat[1]: expected a string, found number"},
		{"null", `{"resource":null}`, "resource: expected a string, found null"},
		{"tag", `{"resource":"Patient","select":[{"column":[{"tag":[{"name":1}]}]}]}`, "select[0].column[0].tag[0].name: expected a string"},
		{"boolean constant", `{"constant":[{"name":"a","valueBoolean":"true"}]}`, "constant[0].valueBoolean: expected true or false, found string"},
		{"constant of unknown type", `{"constant":[{"name":"a","valueQuantity":{}}]}`, "constant[0].valueQuantity: a constant cannot be of this type"},
		{"two values", `{"constant":[{"name":"a","valueString":"x","valueCode":"y"}]}`, "constant[0]: the constant has 2 values"},
		{"another resource", `{"resourceType":"Patient"}`, "resourceType: the document is not a ViewDefinition"},
		{"empty resourceType", `{"resourceType":""}`, "resourceType: the document is not a ViewDefinition"},
		{"the same member twice", `{"resource":"Patient","resource":"Group"}`, "duplicate member name"},
		{"empty forEach", `{"select":[{"forEach":""}]}`, "select[0].forEach: the path is empty"},
	}
	for _, tt := range tests {
		_, err := Decode([]byte(tt.text))
		var list CompileErrors
		if !errors.As(err, &list) || len(list) == 0 {
			t.Errorf("%s: %v, want CompileErrors", tt.name, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error\n%s\nwant it to hold\n%s", tt.name, err, tt.want)
		}
	}
}

func TestDecodeWarnings(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient","select":[{"colums":[],"repeat":[],"column":[{"name":"id","path":"id","typ":"id","id":"1","extension":[],"_path":{"id":"2"}}]}],"where":[{"path":"true","x":1}]}`)
	want := []string{`select[0]: unknown member "colums"`, `select[0].repeat: the list of paths is empty and has no effect`, `select[0].column[0]: unknown member "typ"`, `where[0]: unknown member "x"`}
	if diff := cmp.Diff(want, v.Warnings()); diff != "" {
		t.Errorf("Warnings (-want +got):\n%s", diff)
	}
}

// FuzzDecodeView checks that Compile never panics, and that a view it accepts is the same after marshalling.
func FuzzDecodeView(f *testing.F) {
	for _, dir := range []string{"views", filepath.Join("testdata", "views")} {
		names, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil {
				f.Add(text)
			}
		}
	}
	f.Add([]byte(`{"resource":"Patient","constant":[{"name":"c","valueInteger64":"1"}],"select":[{"repeat":["item"],"unionAll":[{"column":[{"name":"a","path":"%c"}]}]}]}`))
	f.Add([]byte(`{"resource":"Patient","select":[{"forEachOrNull":"name","select":[{"column":[{"name":"a","path":"%rowIndex","tag":[{"name":"ansi/type","value":"INT"}]}]}]}]}`))
	root := testdata.Root(f)
	if names, _ := filepath.Glob(filepath.Join(root, "..", "shared", "conformance", "sql-on-fhir", "*.json")); len(names) > 0 {
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, o := range viewsIn(name, text) {
				f.Add([]byte(o.text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := CompileJSON(text)
		if err != nil {
			var list CompileErrors
			if !errors.As(err, &list) || len(list) == 0 || len(list) > maxFaults {
				t.Fatalf("error %v, want CompileErrors", err)
			}
			_ = err.Error()
			return
		}
		again, err := json.Marshal(v.Definition())
		if err != nil {
			t.Fatalf("Marshal: %v", err)
		}
		w, err := CompileJSON(again)
		if err != nil {
			t.Fatalf("a definition that compiles does not after Marshal: %v\n%s", err, again)
		}
		if v.Digest() != w.Digest() || len(v.Columns()) != len(w.Columns()) {
			t.Fatalf("another view after Marshal:\n%s\n%s", text, again)
		}
	})
}
