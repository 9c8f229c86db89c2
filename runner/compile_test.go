package runner

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompileErrors are the errors V1 to V11, each in the smallest view that has it.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	column := func(name, path string) string { return fmt.Sprintf(`{"name":%q,"path":%q}`, name, path) }
	constant := func(typ, value string) string {
		return fmt.Sprintf(`{"resource":"Patient","constant":[{"name":"c","value%s":%q}],`, typ, value) + columnID + `}`
	}
	selects := func(parts string) string { return `{"resource":"Patient","select":[` + parts + `]}` }
	tests := []struct {
		name, view string
		kind       ErrorKind
		want       string // the error without "runner: "
	}{
		{"V1 empty", `{}`, KindValidate, "select: the view selects nothing"},
		{"V1 no select", `{"resource":"Patient"}`, KindValidate, "select: the view selects nothing"},
		{"V1 empty select", selects(``), KindValidate, "select: the view selects nothing"},
		{"V2", `{` + columnID + `}`, KindValidate, "resource: the view names no resource type"},
		{"V2 unknown type", `{"resource":"Patiant",` + columnID + `}`, KindValidate, "resource: Patiant is not a resource type of FHIR"},
		{"V2 type that is no resource", `{"resource":"HumanName",` + columnID + `}`, KindValidate, "resource: HumanName is not a resource type of FHIR"},
		{"V2 abstract type", `{"resource":"DomainResource",` + columnID + `}`, KindValidate, "resource: DomainResource is not a resource type of FHIR"},
		{"V3 no path", selects(`{"column":[{"name":"a"}]}`), KindValidate, "select[0].column[0].path: the column a has no path"},
		{"V3 no name", selects(`{"column":[{"path":"id"}]}`), KindValidate, "select[0].column[0].name: the column has no name"},
		{"V3 name", selects(`{"column":[` + column("1a", "id") + `]}`), KindValidate, `select[0].column[0].name: "1a" is not a valid name`},
		{"V3 empty list", selects(`{"column":[]}`), KindValidate, "select[0].column: the list of columns is empty"},
		{"V3 view's name", `{"name":"a b","resource":"Patient",` + columnID + `}`, KindValidate, `name: "a b" is not a valid name`},
		{"V3 view's name is empty", `{"name":"","resource":"Patient",` + columnID + `}`, KindValidate, "name: the name is empty"},
		{"V3 tag without value", selects(`{"column":[{"name":"a","path":"id","tag":[{"name":"x","value":"y"},{"name":"x"}]}]}`), KindValidate, "select[0].column[0].tag[1]: a tag needs a name and a value"},
		{"V3 tag without name", selects(`{"column":[{"name":"a","path":"id","tag":[{"value":"x"}]}]}`), KindValidate, "select[0].column[0].tag[0]: a tag needs a name and a value"},
		{"V3 no columns at all", selects(`{"forEach":"name"}`), KindValidate, "select: the view has no columns"},
		{
			"V4 forEach", selects(`{"forEach":"@@","column":[` + column("a", "id") + `]}`), KindSyntax,
			"select[0].forEach: ",
		},
		{"V4 path", selects(`{"column":[` + column("a", "name.where(") + `]}`), KindSyntax, "select[0].column[0].path: "},
		{"V4 repeat", selects(`{"repeat":["contact","a b"],"column":[` + column("a", "id") + `]}`), KindSyntax, "select[0].repeat[1]: "},
		{"V4 where", `{"resource":"Patient","where":[{"path":"a ="}],` + columnID + `}`, KindSyntax, "where[0].path: "},
		{"V6", selects(`{"forEach":"name","forEachOrNull":"name","column":[` + column("a", "family") + `]}`), KindValidate, "select[0]: a select has at most one of forEach, forEachOrNull and repeat, found forEach and forEachOrNull"},
		{"V6 repeat", selects(`{"forEach":"contact","repeat":["contact"],"column":[` + column("a", "id") + `]}`), KindValidate, "found forEach and repeat"},
		{"V7", selects(`{"column":[` + column("a", "id") + `]},{"select":[{"column":[` + column("a", "id") + `]}]}`), KindValidate, "select[1].select[0].column[0]: column a is already defined at select[0].column[0]"},
		{"V7 in one select", selects(`{"column":[` + column("a", "id") + `,` + column("a", "id") + `]}`), KindValidate, "select[0].column[1]: column a is already defined"},
		{"V7 with a union", selects(`{"column":[` + column("a", "id") + `],"unionAll":[{"column":[` + column("a", "id") + `]},{"column":[` + column("a", "id") + `]}]}`), KindValidate, "select[0].unionAll[0].column[0]: column a is already defined"},
		{"V8 names", selects(`{"unionAll":[{"column":[` + column("a", "id") + `]},{"column":[` + column("b", "id") + `]}]}`), KindValidate, "select[0].unionAll[1].column[0]: column b is called a in the first branch"},
		{"V8 number", selects(`{"unionAll":[{"column":[` + column("a", "id") + `]},{"column":[` + column("a", "id") + `,` + column("b", "id") + `]}]}`), KindValidate, "select[0].unionAll[1]: the branch has 2 columns, the first branch has 1"},
		{"V8 order", selects(`{"unionAll":[{"column":[` + column("a", "id") + `,` + column("b", "id") + `]},{"column":[` + column("b", "id") + `,` + column("a", "id") + `]}]}`), KindValidate, "column b is called a"},
		{"V8 types", selects(`{"unionAll":[{"column":[{"name":"a","path":"id","type":"id"}]},{"column":[{"name":"a","path":"birthDate","type":"date"}]}]}`), KindValidate, "select[0].unionAll[1].column[0]: column a has type date, but type id in the first branch"},
		{"V8 collection", selects(`{"unionAll":[{"column":[` + column("a", "id") + `]},{"column":[{"name":"a","path":"id","collection":true}]}]}`), KindValidate, "column a is a collection in one branch only"},
		{"V9 no value", `{"resource":"Patient","constant":[{"name":"c"}],` + columnID + `}`, KindValidate, "constant[0]: constant c has no value"},
		{"V9 no name", `{"resource":"Patient","constant":[{"valueString":"x"}],` + columnID + `}`, KindValidate, "constant[0].name: the constant has no name"},
		{"V9 name", `{"resource":"Patient","constant":[{"name":"a-b","valueString":"x"}],` + columnID + `}`, KindValidate, `constant[0].name: "a-b" is not a valid name`},
		{"V9 twice", `{"resource":"Patient","constant":[{"name":"c","valueString":"x"},{"name":"c","valueString":"y"}],` + columnID + `}`, KindValidate, "constant[1].name: constant c is defined twice"},
		{"V9 reserved", `{"resource":"Patient","constant":[{"name":"rowIndex","valueInteger":1}],` + columnID + `}`, KindValidate, "constant[0].name: %rowIndex is reserved"},
		{"V9 context", `{"resource":"Patient","constant":[{"name":"context","valueInteger":1}],` + columnID + `}`, KindValidate, "constant[0].name: %context is reserved"},
		{"V9 not of its type", `{"resource":"Patient","constant":[{"name":"c","valueDate":"yesterday"}],` + columnID + `}`, KindValidate, "constant[0]: constant c: the value is not of type date"},
		{"V9 dateTime", constant("DateTime", "2020-01-02T"), KindValidate, "the value is not of type dateTime"},
		{"V9 instant that is a date", constant("Instant", "2020-01-02"), KindValidate, "the value is not of type instant"},
		{"V9 instant without zone", constant("Instant", "2020-01-02T03:04:05"), KindValidate, "the value is not of type instant"},
		{"V9 positiveInt", `{"resource":"Patient","constant":[{"name":"c","valuePositiveInt":0}],` + columnID + `}`, KindValidate, "the value is not of type positiveInt"},
		{"V10 path", selects(`{"column":[` + column("a", "name.where(use = %x).family") + `]}`), KindSemantic, "select[0].column[0].path: "},
		{"V10 where", `{"resource":"Patient","where":[{"path":"active = %x"}],` + columnID + `}`, KindSemantic, "where[0].path: "},
		{"V10 forEach", selects(`{"forEach":"name.where(use = %x)","column":[` + column("a", "family") + `]}`), KindSemantic, "select[0].forEach: "},
		{"V11", selects(`{"column":[` + column("a", "id.frobnicate()") + `]}`), KindSemantic, "select[0].column[0].path: "},
		{"X2 known at compile", `{"resource":"Patient","where":[{"path":"name.family"}],` + columnID + `}`, KindSemantic, "where[0].path: the path gives FHIR.string, not a boolean"},
		{"version", `{"resource":"Patient","fhirVersion":["1.0.2"],` + columnID + `}`, KindUnsupported, "fhirVersion: none of these versions is supported"},
	}
	for _, tt := range tests {
		_, err := CompileJSON([]byte(tt.view))
		var list CompileErrors
		if !errors.As(err, &list) {
			t.Errorf("%s: error %v, want CompileErrors", tt.name, err)
			continue
		}
		found := false
		for _, e := range list {
			found = found || strings.Contains(strings.TrimPrefix(e.Error(), "runner: "), tt.want) && (e.Kind == tt.kind || tt.name == "V11" && e.Kind == KindUnsupported)
		}
		if !found {
			t.Errorf("%s: error of kind %s\n%s\nwant kind %s and %q", tt.name, list[0].Kind, err, tt.kind, tt.want)
		}
	}
}

// TestAllFaultsAtOnce has faults of every phase in one definition.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := CompileJSON([]byte(`{"resource":"Patient",
		"constant":[{"name":"c"}],
		"where":[{"path":"name.family"},{"path":1}],
		"select":[
			{"column":[{"name":"a","path":"id."},{"name":"b","path":"%nothing"},{"name":"a","path":"name.oops()"}]},
			{"forEach":"name","forEachOrNull":"name","column":[{"name":"d"}]},
			{"unionAll":[{"column":[{"name":"e","path":"id"}]},{"column":[{"name":"f","path":"id"}]}]}]}`))
	var list CompileErrors
	if !errors.As(err, &list) {
		t.Fatalf("error %v", err)
	}
	got := make(map[string]bool)
	for _, e := range list {
		got[e.Element] = true
	}
	for _, want := range []string{
		"constant[0]", "where[0].path", "where[1].path", "select[0].column[0].path", "select[0].column[1].path",
		"select[0].column[2]", "select[0].column[2].path", "select[1]", "select[1].column[0].path", "select[2].unionAll[1].column[0]",
	} {
		if !got[want] {
			t.Errorf("no fault at %s in\n%v", want, err)
		}
	}
	var one *CompileError
	if !errors.As(err, &one) || one != list[0] {
		t.Errorf("errors.As finds %v, want the first fault", one)
	}
	if !errors.Is(err, ErrNotBoolean) {
		t.Error("errors.Is does not find ErrNotBoolean")
	}
}

func TestFaultsAreLimited(t *testing.T) {
	t.Parallel()
	var columns []string
	for i := range 500 {
		columns = append(columns, fmt.Sprintf(`{"name":"c%d","path":"("}`, i))
	}
	_, err := CompileJSON([]byte(`{"resource":"Patient","select":[{"column":[` + strings.Join(columns, ",") + `]}]}`))
	var list CompileErrors
	if !errors.As(err, &list) || len(list) != maxFaults {
		t.Errorf("%d faults, want %d", len(list), maxFaults)
	}
	if !strings.HasPrefix(err.Error(), "runner: the view has 100 faults or more\n") {
		t.Errorf("error begins %.60q", err)
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	_, err := CompileJSON([]byte(`{"resource":"Patient","select":[{"column":[{"name":"a","path":"name.where(use = 'x'"}]}]}`))
	var e *CompileError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Element != "select[0].column[0].path" || e.Expression != "name.where(use = 'x'" || e.Offset != 20 || e.Line != 1 || e.Column != 21 {
		t.Errorf("fault %+v", e)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || lines[1] != "  name.where(use = 'x'" || lines[2] != "                      ^" {
		t.Errorf("error text\n%s", err)
	}
	if strings.Contains(e.Summary(), "\n") || !strings.Contains(e.Summary(), "select[0].column[0].path") {
		t.Errorf("Summary = %q", e.Summary())
	}
}

func TestDepthIsLimited(t *testing.T) {
	t.Parallel()
	text := `{"column":[{"name":"a","path":"id"}]}`
	for range 60 {
		text = `{"select":[` + text + `]}`
	}
	_, err := CompileJSON([]byte(`{"resource":"Patient","select":[` + text + `]}`))
	var e *CompileError
	if !errors.As(err, &e) || e.Kind != KindLimit {
		t.Errorf("error %v, want one of kind limit", err)
	}
}

// TestColumns checks the schema of a view, which is known before any data is read.
func TestColumns(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Observation","constant":[{"name":"k","valueInteger64":1}],"select":[
		{"column":[{"name":"key","path":"getResourceKey()"},{"name":"status","path":"status"},{"name":"issued","path":"issued"},
			{"name":"has","path":"subject.exists()"},{"name":"value","path":"value.ofType(Quantity).value"},
			{"name":"declared","path":"effective","type":"http://hl7.org/fhir/StructureDefinition/dateTime","description":"when"},
			{"name":"tagged","path":"effective.ofType(dateTime)","tag":[{"name":"ansi/type","value":"TIMESTAMP"},{"name":"db/x","value":"y"}]},
			{"name":"any","path":"value"},{"name":"n","path":"component.count()"},{"name":"k","path":"%k"},{"name":"i","path":"%rowIndex"}]},
		{"forEach":"component","column":[{"name":"code","path":"code.coding.code","collection":true},{"name":"interpretation","path":"interpretation","collection":true}]},
		{"forEachOrNull":"note","unionAll":[{"column":[{"name":"u","path":"time"}]},{"column":[{"name":"u","path":"text"}]}]}]}`)
	want := []Column{
		{Name: "key", FHIRType: "System.String", ANSIType: "CHARACTER VARYING", Path: "getResourceKey()"},
		{Name: "status", FHIRType: "code", ANSIType: "CHARACTER VARYING", Path: "status"},
		{Name: "issued", FHIRType: "instant", ANSIType: "TIMESTAMP WITH TIME ZONE", Path: "issued"},
		{Name: "has", FHIRType: "System.Boolean", ANSIType: "BOOLEAN", Path: "subject.exists()"},
		{Name: "value", FHIRType: "decimal", ANSIType: "CHARACTER VARYING", Path: "value.ofType(Quantity).value"},
		{Name: "declared", FHIRType: "dateTime", Declared: true, ANSIType: "CHARACTER VARYING", Path: "effective", Description: "when"},
		{
			Name: "tagged", FHIRType: "dateTime", ANSIType: "TIMESTAMP", Path: "effective.ofType(dateTime)",
			Tags: []Tag{{"ansi/type", "TIMESTAMP"}, {"db/x", "y"}},
		},
		{Name: "any", ANSIType: "CHARACTER VARYING", Path: "value"},
		{Name: "n", FHIRType: "System.Integer", ANSIType: "INT", Path: "component.count()"},
		{Name: "k", FHIRType: "System.Long", ANSIType: "BIGINT", Path: "%k"},
		{Name: "i", FHIRType: "System.Integer", ANSIType: "INT", Path: "%rowIndex"},
		{Name: "code", FHIRType: "code", ANSIType: "CHARACTER VARYING", Collection: true, Path: "code.coding.code"},
		{Name: "interpretation", FHIRType: "CodeableConcept", ANSIType: "CHARACTER VARYING", Collection: true, Path: "interpretation"},
		{Name: "u", ANSIType: "CHARACTER VARYING", Path: "time"},
	}
	if diff := cmp.Diff(want, v.Columns()); diff != "" {
		t.Errorf("Columns (-want +got):\n%s", diff)
	}
	if i, ok := v.Column("issued"); i != 2 || !ok {
		t.Errorf("Column(issued) = %d, %t", i, ok)
	}
}

// TestUnionTypes checks the type of a column whose branches do not declare one.
func TestUnionTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ a, b, want, ansi string }{
		{"active", "active", "boolean", "BOOLEAN"},
		{"active", "false", "boolean", "BOOLEAN"},
		{"name.exists()", "active", "boolean", "BOOLEAN"},
		{"%rowIndex", "multipleBirth.ofType(integer)", "integer", "INT"},
		{"telecom.rank", "photo.size", "System.Integer", "INT"},
		{"telecom.rank", "1", "System.Integer", "INT"},
		{"gender", "'x'", "System.String", "CHARACTER VARYING"},
		{"name.family", "'x'", "string", "CHARACTER VARYING"},
		{"birthDate", "birthDate.lowBoundary()", "date", "CHARACTER VARYING"},
		{"gender", "active", "", "CHARACTER VARYING"},
		{"maritalStatus", "'x'", "", "CHARACTER VARYING"},
		{"extension.value.ofType(Age)", "extension.value.ofType(Count)", "", "CHARACTER VARYING"},
		{"deceased", "active", "", "CHARACTER VARYING"},
	} {
		v := mustView(t, fmt.Sprintf(`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"u","path":%q}]},{"column":[{"name":"u","path":%q}]}]}]}`, tt.a, tt.b))
		if c := v.Columns()[0]; c.FHIRType != tt.want || c.ANSIType != tt.ansi || c.Declared {
			t.Errorf("%s and %s: %q, %q, want %q, %q", tt.a, tt.b, c.FHIRType, c.ANSIType, tt.want, tt.ansi)
		}
	}
}

// TestANSITypes checks the table in section "Types" of the specification.
func TestANSITypes(t *testing.T) {
	t.Parallel()
	for _, typ := range append(constantTypes, "markdown", "Quantity", "") {
		want := "CHARACTER VARYING"
		switch typ {
		case "base64Binary":
			want = "BINARY"
		case "boolean":
			want = "BOOLEAN"
		case "instant":
			want = "TIMESTAMP WITH TIME ZONE"
		case "integer", "positiveInt", "unsignedInt":
			want = "INT"
		case "integer64":
			want = "BIGINT"
		}
		if got := ansiType(typ, nil); got != want {
			t.Errorf("ansiType(%s) = %s, want %s", typ, got, want)
		}
	}
}

func TestStrict(t *testing.T) {
	t.Parallel()
	const (
		fine = iota
		warning
		fault
	)
	for _, tt := range []struct {
		path                     string
		byDefault, strict, loose int
	}{
		{"birthDate", fine, fine, fine},
		{"birthDat", fault, fault, warning}, // a typing error
		{"name.where(use = 'usual').famly", fault, fault, warning},
		{"contact.nonsense", fault, fault, warning},
		{"deceasedBoolean", warning, fault, warning},    // a JSON name
		{"valueQuantity", warning, fault, warning},      // that of another type
		{"recorded", warning, fault, warning},           // Procedure in R5
		{"jurisdiction", warning, fault, warning},       // Questionnaire
		{"Observation.status", warning, fault, warning}, // for another type
		{"extension.value.nonsense", fault, fault, warning},
		{"contained.nonsense", fault, fault, warning}, // no resource has it
		{"repeat(extension).vlaue", fault, fault, warning},
	} {
		text := fmt.Sprintf(`{"resource":"Patient","select":[{"column":[{"name":"a","path":%q,"collection":true}]}]}`, tt.path)
		for want, opts := range map[*int][]CompileOption{&tt.byDefault: nil, &tt.strict: {Strict(true)}, &tt.loose: {Strict(false)}} {
			got := fine
			v, err := CompileJSON([]byte(text), opts...)
			var e *CompileError
			switch {
			case errors.As(err, &e):
				if got = fault; e.Kind != KindSemantic || e.Element != "select[0].column[0].path" || e.Line != 1 {
					t.Errorf("%s: %v", tt.path, err)
				}
			case len(v.Warnings()) > 0:
				if got = warning; len(v.Warnings()) != 1 || !strings.HasPrefix(v.Warnings()[0], "select[0].column[0].path: ") {
					t.Errorf("%s: Warnings = %q", tt.path, v.Warnings())
				}
			}
			if got != *want {
				t.Errorf("%s with %d options: %d, want %d: %v", tt.path, len(opts), got, *want, err)
			}
		}
	}
	// The same in a repeat, whose paths run on their own results.
	const repeat = `{"resource":"Questionnaire","select":[{"repeat":["item","item.%s"],"column":[{"name":"a","path":"linkId"}]}]}`
	for name, want := range map[string]bool{"item": true, "jurisdiction": true, "itme": false} {
		if _, err := CompileJSON(fmt.Appendf(nil, repeat, name)); (err == nil) != want {
			t.Errorf("repeat with %s: %v", name, err)
		}
	}
	// X3: values of the wrong class.
	const typed = `{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","type":"integer"}]}]}`
	if rows, err := rowTexts(mustView(t, typed), resources(noNames)); err != nil || len(rows) != 1 {
		t.Errorf("lenient: %q, %v", rows, err)
	}
	if _, err := rowTexts(mustView(t, typed, Strict(true)), resources(noNames)); !errors.Is(err, ErrType) {
		t.Errorf("strict: %v, want ErrType", err)
	}
	for _, path := range []string{"maritalStatus", "Patient", "4 'mg'"} {
		for _, collection := range []bool{false, true} {
			untyped := fmt.Sprintf(`{"resource":"Patient","select":[{"column":[{"name":"a","path":%q,"collection":%t}]}]}`, path, collection)
			if rows, err := rowTexts(mustView(t, untyped), resources(noNames)); err != nil || len(rows) != 1 {
				t.Errorf("%s without a type: %q, %v", path, rows, err)
			}
			_, err := rowTexts(mustView(t, untyped, Strict(true)), resources(noNames))
			if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), "no type is declared, found object") {
				t.Errorf("%s without a type, strict: %v, want ErrType", path, err)
			}
		}
	}
}

func TestFHIRVersions(t *testing.T) {
	t.Parallel()
	// Encounter.admission is R5, Encounter.hospitalization is R4.
	const select5 = `"select":[{"column":[{"name":"a","path":"admission.admitSource.text"}]}]}`
	for _, tt := range []struct {
		name, view string
		opts       []CompileOption
		warnings   int
	}{
		{"R4 by default", `{"resource":"Encounter",` + select5, nil, 1},
		{"R5 by the resource type", `{"resource":"Transport","select":[{"column":[{"name":"a","path":"requestedLocation.reference"}]}]}`, nil, 0},
		{"R4B by the resource type", `{"resource":"Ingredient","select":[{"column":[{"name":"a","path":"manufacturer.role"}]}]}`, nil, 0},
		{"R5 by the definition", `{"resource":"Encounter","fhirVersion":["5.0.0"],` + select5, nil, 0},
		{"the first version that is known", `{"resource":"Encounter","fhirVersion":["3.0.1","5.0.0"],` + select5, nil, 1},
		{"R5 by option", `{"resource":"Encounter","fhirVersion":["4.0.1"],` + select5, []CompileOption{WithFHIRVersion("R5")}, 0},
	} {
		v, err := CompileJSON([]byte(tt.view), append(tt.opts, Strict(false))...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if len(v.Warnings()) != tt.warnings {
			t.Errorf("%s: warnings %q, want %d", tt.name, v.Warnings(), tt.warnings)
		}
	}
	if _, err := CompileJSON([]byte(`{"resource":"Patient",`+columnID+`}`), WithFHIRVersion("R2")); err == nil {
		t.Error("R2 is accepted")
	}
	if _, err := CompileJSON([]byte(`{"resource":"Transport","fhirVersion":["4.0.1"],` + columnID + `}`)); err == nil {
		t.Error("a resource type of R5 is accepted for R4")
	}
}

// TestConstants compares a constant of each type with data of that type.
func TestConstants(t *testing.T) {
	t.Parallel()
	tests := []struct{ typ, value, path string }{
		{"base64Binary", `"aGVsbG8="`, "photo.data = %c"},
		{"boolean", "true", "active = %c"},
		{"canonical", `"http://x|1"`, "meta.profile = %c"},
		{"code", `"male"`, "gender = %c"},
		{"date", `"1970-06-01"`, "birthDate = %c"},
		{"dateTime", `"2020-01-01T10:00:00Z"`, "deceased = %c"},
		{"decimal", "1.50", "extension.where(url = 'd').value = %c"},
		{"id", `"p"`, "id = %c"},
		{"instant", `"2021-01-01T00:00:00.000Z"`, "meta.lastUpdated = %c"},
		{"integer", "2", "multipleBirth = %c"},
		{"integer64", `"2"`, "multipleBirth = %c"},
		{"integer64", `2`, "multipleBirth = %c"},
		{"oid", `"urn:oid:1.2.3"`, "identifier.where(use = 'usual').system = %c"},
		{"positiveInt", "1", "telecom.rank = %c"},
		{"string", `"A"`, "name.family = %c"},
		{"time", `"10:00:00"`, "extension.where(url = 't').value = %c"},
		{"unsignedInt", "1", "telecom.rank = %c"},
		{"uri", `"urn:x"`, "identifier.where(use = 'official').system = %c"},
		{"url", `"http://y"`, "extension.where(url = 'u').value = %c"},
		{"uuid", `"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`, "identifier.where(use = 'temp').system = %c"},
	}
	const patient = `{"resourceType":"Patient","id":"p","active":true,"gender":"male","birthDate":"1970-06-01","deceasedDateTime":"2020-01-01T12:00:00+02:00",` +
		`"meta":{"profile":["http://x|1"],"lastUpdated":"2021-01-01T00:00:00Z"},"multipleBirthInteger":2,"name":[{"family":"A"}],"telecom":[{"rank":1}],` +
		`"photo":[{"data":"aGVsbG8="}],"extension":[{"url":"d","valueDecimal":1.5},{"url":"t","valueTime":"10:00:00"},{"url":"u","valueUrl":"http://y"}],` +
		`"identifier":[{"use":"usual","system":"urn:oid:1.2.3"},{"use":"official","system":"urn:x"},{"use":"temp","system":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]}`
	seen := make(map[string]bool)
	for _, tt := range tests {
		seen[tt.typ] = true
		key, ok := constantKey(tt.typ)
		if !ok {
			t.Fatalf("no key for %s", tt.typ)
		}
		v := mustView(t, fmt.Sprintf(`{"resource":"Patient","constant":[{"name":"c",%q:%s}],"select":[{"column":[{"name":"r","path":%q}]}]}`, key, tt.value, tt.path))
		rows, err := rowTexts(v, resources(patient))
		if err != nil || len(rows) != 1 || rows[0] != `{"r":true}` {
			t.Errorf("%s: %q, %v, want true", tt.typ, rows, err)
		}
	}
	for _, typ := range constantTypes {
		if !seen[typ] {
			t.Errorf("no row for %s", typ)
		}
	}
}

// TestBuilder makes a view in Go.
func TestBuilder(t *testing.T) {
	t.Parallel()
	v, err := Compile(&ViewDefinition{
		Name: "names", Resource: "Patient",
		Constant: []Constant{{Name: "use", Type: "code", Value: "official"}},
		Select: []Select{
			{Column: []ColumnDefinition{{Name: "id", Path: "id"}}},
			{ForEachOrNull: "name.where(use = %use)", Column: []ColumnDefinition{{Name: "family", Path: "family"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, v, resources(patients), []string{`{"id":"p1","family":null}`})
	if _, err := Compile(nil); err == nil {
		t.Error("Compile(nil) succeeds")
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	a := mustView(t, `{"resource":"Patient",`+columnID+`,"name":"a","title":"x"}`)
	b := mustView(t, `{"title":"y", "resource":"Patient",`+columnID+`}`)
	c := mustView(t, `{"resource":"Patient","where":[{"path":"active"}],`+columnID+`}`)
	d := mustView(t, `{"resource":"Patient",`+columnID+`}`, WithNullRowLiterals(true))
	if a.Digest() != b.Digest() {
		t.Error("metadata changes the digest")
	}
	if a.Digest() == c.Digest() || a.Digest() == d.Digest() {
		t.Error("what decides the rows does not change the digest")
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	const head = `"url":"http://x/v","name":"v","fhirVersion":["4.0.1"],"resource":"Patient",`
	tests := []struct {
		name    string
		profile Profile
		view    string
		want    []string // elements at fault
	}{
		{"shareable", ShareableViewDefinition, `{` + head + `"where":[{"path":"active = true and name.exists()"}],"select":[{"forEach":"name","column":[{"name":"a","path":"given.first()","type":"string"}]}]}`, nil},
		{"without url, name, version, type", ShareableViewDefinition, `{"resource":"Patient",` + columnID + `}`, []string{"url", "name", "fhirVersion", "select[0].column[0].type"}},
		{"types at all depths", ShareableViewDefinition, `{` + head + `"select":[{"select":[{"column":[{"name":"a","path":"id"}]}],"unionAll":[{"column":[{"name":"b","path":"id"}]}]}]}`, []string{"select[0].select[0].column[0].type", "select[0].unionAll[0].column[0].type"}},
		{"functions", ShareableViewDefinition, `{` + head + `"select":[{"forEach":"name","column":[{"name":"a","path":"given.join(' ') & 'x'","type":"string"}]}]}`, []string{"select[0].column[0].path", "select[0].column[0].path"}},
		{"operators and literals", ShareableViewDefinition, `{` + head + `"where":[{"path":"birthDate > @2000"},{"path":"active is boolean"}],"select":[{"column":[{"name":"a","path":"id","type":"id"}]}]}`, []string{"where[0].path", "where[1].path"}},
		{"variables", ShareableViewDefinition, `{` + head + `"select":[{"forEach":"name.where($index = 0)","column":[{"name":"a","path":"given.where($this = %rowIndex)","type":"string"}]}]}`, []string{"select[0].forEach"}},
		{"tabular", TabularViewDefinition, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"birthDate","type":"date"},{"name":"b","path":"id"}]}]}`, nil},
		{"collections and types", TabularViewDefinition, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"name","type":"HumanName","collection":true}]}]}`, []string{"select[0].column[0].collection", "select[0].column[0].type"}},
		{"types that are not given", TabularViewDefinition, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"name.first()"},{"name":"b","path":"extension.value.first()"}]},{"unionAll":[{"column":[{"name":"c","path":"meta"}]}]}]}`, []string{"select[0].column[0].path", "select[1].unionAll[0].column[0].path"}},
		{"faults of any view come too", TabularViewDefinition, `{"resource":"Patient","select":[{"column":[{"name":"a","path":"("}]}]}`, []string{"select[0].column[0].path"}},
	}
	for _, tt := range tests {
		def, err := Decode([]byte(tt.view))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var list CompileErrors
		if err := Validate(def, tt.profile); errors.As(err, &list) {
			for _, e := range list {
				got = append(got, e.Element)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: elements (-want +got):\n%s", tt.name, diff)
		}
	}
	def := &ViewDefinition{MetaProfile: []string{
		"http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/TabularViewDefinition|3.0.0", "https://sql-on-fhir.org/ig/StructureDefinition/ShareableViewDefinition",
	}}
	if diff := cmp.Diff([]Profile{ShareableViewDefinition, TabularViewDefinition}, def.Profiles()); diff != "" {
		t.Errorf("Profiles (-want +got):\n%s", diff)
	}
}
