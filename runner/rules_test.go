package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestElements has a case for each element of a ViewDefinition (E1 to E17): its effect on the rows, its fault, or its
// warning.
func TestElements(t *testing.T) {
	t.Parallel()
	const (
		id      = `"select":[{"column":[{"name":"id","path":"id"}]}]`
		item    = `{"resourceType":"Questionnaire","id":"q","item":[{"linkId":"a","item":[{"linkId":"b"}]}]}`
		idP2    = `{"id":"p2"}`
		patient = `"resource":"Patient",`
	)
	tests := []struct {
		name, view string
		data       string // "" means noNames
		want       string // rows
		fault      string // part of the error, instead of rows
		warning    string // part of a warning, if there is one
	}{
		{name: "E1 resourceType of 3.0", view: `{"resourceType":"ViewDefinition",` + patient + id + `}`, want: idP2},
		{name: "E1 resourceType of 2.0", view: `{"resourceType":"https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition",` + patient + id + `}`, want: idP2},
		{name: "E1 no resourceType", view: `{` + patient + id + `}`, want: idP2},
		{name: "E1 another resourceType", view: `{"resourceType":"Library",` + patient + id + `}`, fault: "the document is not a ViewDefinition"},
		{
			name: "E2 metadata", view: `{"url":"http://example.org/v","identifier":{"value":"1"},"version":"1","title":"t","status":"active","experimental":true,` +
				`"date":"2020","publisher":"p","contact":[{}],"description":"d","useContext":[],"jurisdiction":[],"purpose":"x","copyright":"y",` + patient + id + `}`, want: idP2,
		},
		{name: "E2 identifier as a list, no status", view: `{"identifier":[{"value":"1"}],` + patient + id + `}`, want: idP2},
		{name: "E3 name", view: `{"name":"patients_1",` + patient + id + `}`, want: idP2},
		{name: "E3 a name that is none", view: `{"name":"1patients",` + patient + id + `}`, fault: `name: "1patients" is not a valid name`},
		{name: "E4 resource", view: `{"resource":"Questionnaire",` + id + `}`, want: ``},
		{name: "E4 no resource", view: `{` + id + `}`, fault: "resource: the view names no resource type"},
		{name: "E5 profile is no filter", view: `{"profile":["http://example.org/p"],` + patient + id + `}`, want: idP2},
		{name: "E6 fhirVersion", view: `{"fhirVersion":["4.0.1"],` + patient + id + `}`, want: idP2},
		{name: "E6 an unknown one besides", view: `{"fhirVersion":["3.0.2","4.3.0"],` + patient + id + `}`, want: idP2, warning: "fhirVersion[0]: this version is not supported"},
		{name: "E6 none that is known", view: `{"fhirVersion":["3.0.2"],` + patient + id + `}`, fault: "fhirVersion: none of these versions is supported"},
		{name: "E7 constant", view: `{"constant":[{"name":"c","valueString":"x"}],` + patient + `"select":[{"column":[{"name":"c","path":"%c"}]}]}`, want: `{"c":"x"}`},
		{name: "E7 constant without name", view: `{"constant":[{"valueString":"x"}],` + patient + id + `}`, fault: "constant[0].name: the constant has no name"},
		{name: "E7 constant without value", view: `{"constant":[{"name":"c"}],` + patient + id + `}`, fault: "constant[0]: constant c has no value[x]"},
		{name: "E8 a value of a type that constants cannot have", view: `{"constant":[{"name":"c","valueMarkdown":"x"}],` + patient + id + `}`, fault: "constant[0].valueMarkdown: a constant cannot be of this type"},
		{name: "E9 where", view: `{"where":[{"path":"active","description":"d"},{"path":"maritalStatus.exists()"}],` + patient + id + `}`, want: idP2},
		{name: "E9 where that does not hold", view: `{"where":[{"path":"active"},{"path":"name.exists()"}],` + patient + id + `}`, want: ``},
		{name: "E9 where without path", view: `{"where":[{}],` + patient + id + `}`, fault: "where[0].path: the condition has no path"},
		{name: "E10 no select", view: `{` + patient + `"select":[]}`, fault: "select: the view selects nothing"},
		{
			name: "E11 column", view: `{` + patient + `"select":[{"column":[{"name":"a","path":"id","description":"d","type":"id","collection":false,"tag":[{"name":"x/y","value":"z"}]},` +
				`{"name":"b","path":"id","type":"http://hl7.org/fhir/StructureDefinition/id","collection":true},{"name":"m","path":"maritalStatus","type":"CodeableConcept"}]}]}`,
			want: `{"a":"p2","b":["p2"],"m":{"text":"m"}}`,
		},
		{name: "E11 column without path", view: `{` + patient + `"select":[{"column":[{"name":"a"}]}]}`, fault: "select[0].column[0].path: the column a has no path"},
		{name: "E11 column without name", view: `{` + patient + `"select":[{"column":[{"path":"id"}]}]}`, fault: "select[0].column[0].name: the column has no name"},
		{name: "E12 select in select", view: `{` + patient + `"select":[{"select":[{"select":[{"column":[{"name":"id","path":"id"}]}]}]}]}`, want: idP2},
		{name: "E13 forEach", view: `{"resource":"Questionnaire","select":[{"forEach":"item","column":[{"name":"l","path":"linkId"}]}]}`, data: item, want: `{"l":"a"}`},
		{name: "E13 forEachOrNull", view: `{"resource":"Questionnaire","select":[{"forEachOrNull":"contact","column":[{"name":"l","path":"name"}]}]}`, data: item, want: `{"l":null}`},
		{name: "E14 repeat", view: `{"resource":"Questionnaire","select":[{"repeat":["item"],"column":[{"name":"l","path":"linkId"}]}]}`, data: item, want: "{\"l\":\"a\"}\n{\"l\":\"b\"}"},
		{name: "E14 an empty repeat", view: `{` + patient + `"select":[{"repeat":[],"column":[{"name":"id","path":"id"}]}]}`, want: idP2, warning: "select[0].repeat: the list of paths is empty"},
		{name: "E15 unionAll", view: `{` + patient + `"select":[{"unionAll":[{"column":[{"name":"x","path":"'1'"}]},{"column":[{"name":"x","path":"'2'"}]}]}]}`, want: "{\"x\":\"1\"}\n{\"x\":\"2\"}"},
		{name: "E16 forEach and forEachOrNull", view: `{` + patient + `"select":[{"forEach":"name","forEachOrNull":"name","column":[{"name":"x","path":"family"}]}]}`, fault: "select[0]: a select has at most one of"},
		{name: "E16 forEachOrNull and repeat", view: `{` + patient + `"select":[{"repeat":["contact"],"forEachOrNull":"contact","column":[{"name":"x","path":"id"}]}]}`, fault: "found forEachOrNull and repeat"},
		{name: "E17 unknown keys of the resource", view: `{"id":"v","meta":{"tag":[]},"extension":[],"text":{},"resourceDefinition":"x","anything":1,` + patient + id + `}`, want: idP2},
		{name: "E17 unknown keys of a select", view: `{` + patient + `"select":[{"columns":[],"column":[{"name":"id","path":"id"}]}]}`, want: idP2, warning: `select[0]: unknown member "columns"`},
		{name: "E17 unknown keys of a column", view: `{` + patient + `"select":[{"column":[{"name":"id","path":"id","types":"id"}]}]}`, want: idP2, warning: `select[0].column[0]: unknown member "types"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := CompileJSON([]byte(tt.view))
			if tt.fault != "" {
				var list CompileErrors
				if !errors.As(err, &list) || !strings.Contains(err.Error(), tt.fault) {
					t.Fatalf("error %v, want %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(v.Warnings(), "\n"); !strings.Contains(got, tt.warning) || tt.warning == "" && got != "" {
				t.Errorf("Warnings = %q, want %q", got, tt.warning)
			}
			if tt.data == "" {
				tt.data = noNames
			}
			wantRows(t, v, resources(tt.data), lines(tt.want))
		})
	}
}

// TestFurtherSemantics has cases for the rules that TestSemantics, TestRepeat, TestWhere and TestConstants do not
// cover.
func TestFurtherSemantics(t *testing.T) {
	t.Parallel()
	const column = `"column":[{"name":"c","path":"family"}]`
	const below = `{"forEach":"given","column":[{"name":"s","path":"$this"}]}`
	const union = `[{"column":[{"name":"u","path":"'1'"}]},{"column":[{"name":"u","path":"use"}]}]`
	tests := []struct{ name, view, data, want, fault string }{
		{name: "S1 a type that is written with escapes", view: `[{"column":[{"name":"id","path":"id"}]}]`, data: `{"resourceType":"Pati\u0065nt","id":"e"}`, want: `{"id":"e"}`},
		{
			name: "S6 keywords of one level",
			view: `[{"forEach":"name","unionAll":` + union + `,"select":[` + below + `],` + column + `}]`, data: patients,
			want: `{"c":"A","s":"a1","u":"1"}
				{"c":"A","s":"a1","u":null}
				{"c":"A","s":"a2","u":"1"}
				{"c":"A","s":"a2","u":null}`,
		},
		{
			name: "S6 the same written out",
			view: `[{"forEach":"name","select":[{` + column + `},` + below + `,{"unionAll":` + union + `}]}]`, data: patients,
			want: `{"c":"A","s":"a1","u":"1"}
				{"c":"A","s":"a1","u":null}
				{"c":"A","s":"a2","u":"1"}
				{"c":"A","s":"a2","u":null}`,
		},
		{name: "S12 %rowIndex of a list column", view: `[{"forEach":"name","column":[{"name":"i","path":"%rowIndex","collection":true}]}]`, data: patients, want: `{"i":[0]}
				{"i":[1]}`},
		{name: "S12 %rowIndex in arithmetic", view: `[{"forEach":"name","column":[{"name":"i","path":"%rowIndex * 10 + 1"}]}]`, data: patients, want: `{"i":1}
				{"i":11}`},
		{name: "S15 names are unique", view: `[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"id"}]}]`, fault: "column a is already defined"},
		{name: "S15 branches are alike", view: `[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"b","path":"id"}]}]}]`, fault: "column b is called a in the first branch"},
		{name: "S15 names of branches repeat", view: `[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"gender"}]}]}]`, data: noNames, want: `{"a":"p2"}
				{"a":null}`},
		{name: "S17 an unknown constant", view: `[{"column":[{"name":"a","path":"%nothing"}]}]`, fault: "undefined variable %nothing"},
		{name: "S17 constants in every path", view: `[{"forEach":"name.where(family = %text)","select":[{"forEachOrNull":"given.where($this = %other)","column":[{"name":"g","path":"$this & %text"}]}]}]`, data: patients, want: `{"g":"a1A"}`},
		{name: "S18 %resource and %context", view: `[{"forEach":"name","column":[{"name":"r","path":"%resource.id"},{"name":"c","path":"%context.family"},{"name":"rr","path":"%rootResource.id"}]}]`, data: patients, want: `{"r":"p1","c":"A","rr":"p1"}
				{"r":"p1","c":"B","rr":"p1"}`},
		{
			name: "S20 references of every form",
			view: `[{"forEach":"generalPractitioner","column":[{"name":"any","path":"getReferenceKey()"},{"name":"typed","path":"getReferenceKey(Practitioner)"},{"name":"other","path":"getReferenceKey(Organization)"}]}]`,
			data: `{"resourceType":"Patient","id":"p","generalPractitioner":[{"reference":"Practitioner/1"},{"reference":"https://example.org/fhir/Practitioner/2"},{"reference":"Practitioner/3/_history/4"},` +
				`{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},{"reference":"#here"},{"identifier":{"value":"5"}},{"reference":"Practitioner?identifier=6"}]}`,
			want: `{"any":"1","typed":"1","other":null}
				{"any":"2","typed":"2","other":null}
				{"any":"3","typed":"3","other":null}
				{"any":null,"typed":null,"other":null}
				{"any":null,"typed":null,"other":null}
				{"any":null,"typed":null,"other":null}
				{"any":null,"typed":null,"other":null}`,
		},
		{name: "S22 a contained resource by its path", view: `[{"forEach":"contained.ofType(Organization)","column":[{"name":"o","path":"name"},{"name":"k","path":"getResourceKey()"}]}]`, data: `{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Organization","id":"in","name":"O"}]}`, want: `{"o":"O","k":"in"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := `{"resource":"Patient","constant":[{"name":"text","valueString":"A"},{"name":"other","valueString":"a1"}],"select":` + tt.view + `}`
			if tt.fault != "" {
				if _, err := CompileJSON([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error %v, want %q", err, tt.fault)
				}
				return
			}
			v := mustView(t, text)
			wantRows(t, v, resources(tt.data), lines(tt.want))
			wantRows(t, v.plainly(), resources(tt.data), lines(tt.want))
		})
	}
}

// TestSchema checks that the columns, their order, and the types that can be inferred are known without any data
// (S14, S16).
func TestSchema(t *testing.T) {
	t.Parallel()
	const name = "S14 and S16 the schema of a view without data"
	v := mustView(t, `{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"u","path":"birthDate"}]}],"select":[{"column":[{"name":"s","path":"name.exists()"}]}],"column":[{"name":"c","path":"getResourceKey()"},{"name":"i","path":"extension('u').value.ofType(integer)"}]}]}`)
	var got []string
	for _, c := range v.Columns() {
		got = append(got, c.Name+" "+c.FHIRType+" "+c.ANSIType)
	}
	want := []string{"c System.String CHARACTER VARYING", "i integer INT", "s System.Boolean BOOLEAN", "u date CHARACTER VARYING"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestKeysJoin checks that views over several types give the same key for a resource and for references to it (S19 to
// S21).
func TestKeysJoin(t *testing.T) {
	t.Parallel()
	const name = "S21 keys are the same in all views"
	key := mustView(t, `{"resource":"Organization","select":[{"column":[{"name":"k","path":"getResourceKey()"}]}]}`)
	want, err := rowTexts(key, resources(`{"resourceType":"Organization","id":"o1"}`))
	if err != nil {
		t.Fatal(err)
	}
	for resource, path := range map[string]string{"Patient": "managingOrganization", "Encounter": "serviceProvider"} {
		v := mustView(t, `{"resource":"`+resource+`","select":[{"column":[{"name":"k","path":"`+path+`.getReferenceKey(Organization)"}]}]}`)
		got, err := rowTexts(v, resources(`{"resourceType":"`+resource+`","id":"x","`+path+`":{"reference":"Organization/o1"}}`))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s: %v (-want +got):\n%s", name, resource, err, diff)
		}
	}
}

// TestAllNestings is rules S3 to S12 in every nesting of three levels: each level iterates in one of five ways or is
// a union, and tells its %rowIndex. Rows are compared with the oracle's, the fused way and the plain way.
func TestAllNestings(t *testing.T) {
	t.Parallel()
	data := [][]byte{
		[]byte(questionnaire),
		[]byte(`{"resourceType":"QuestionnaireResponse","id":"empty","status":"completed"}`),
		[]byte(`{"resourceType":"QuestionnaireResponse","id":"flat","status":"completed","item":[{"linkId":"1","answer":[{"valueString":"x","item":[{"linkId":"2"}]}]},{"linkId":"3"}]}`),
	}
	kinds := []string{
		``, `"forEach":"item",`, `"forEachOrNull":"item",`, `"repeat":["item"],`, `"repeat":["item","answer.item"],`, `"forEachOrNull":"answer.item",`,
	}
	columns := func(level int) string {
		return fmt.Sprintf(`{"name":"l%d","path":"id | linkId"},{"name":"i%d","path":"%%rowIndex"}`, level, level)
	}
	compared := 0
	var write func(level int, name string, inner string)
	write = func(level int, name, inner string) {
		if level < 0 {
			text := `{"resource":"QuestionnaireResponse","select":[` + inner + `]}`
			v, err := CompileJSON([]byte(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			o := newOracle(v.Definition())
			for _, raw := range data {
				want, wantErr := o.resource(raw)
				for _, way := range []*View{v, v.plainly()} {
					got, err := rowTexts(way, Resources{raw}, Parallel(1))
					if diff := cmp.Diff(texts(t, want), decoded(t, got)); diff != "" || (err != nil) != (wantErr != nil) {
						t.Errorf("%s:%s\nerror %v, the oracle's %v (-oracle +got):\n%s", name, text, err, wantErr, diff)
					}
					compared += len(got)
				}
			}
			return
		}
		for _, kind := range kinds {
			own := `{` + kind + `"column":[` + columns(level) + `]`
			if inner == "" {
				write(level-1, kind, own+`}`)
				continue
			}
			write(level-1, kind+" > "+name, own+`,"select":[`+inner+`]}`)
			// A union of what is below and of the same columns on the focus itself.
			flat := ""
			for l := level + 1; l < 3; l++ {
				flat += "," + columns(l)
			}
			write(level-1, kind+" union > "+name, own+`,"unionAll":[`+inner+`,{"column":[`+flat[1:]+`]},`+inner+`]}`)
		}
	}
	write(2, "", "")
	if compared < 10_000 {
		t.Errorf("%d rows compared, want many more", compared)
	}
}

// TestEveryRuleHasACase checks that each rule's code begins the name of a test case of this package.
func TestEveryRuleHasACase(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob(filepath.Join("testdata", "errors", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)(?:"|-- )((?:[ESVX][0-9]+)(?:(?: and |-)[ESVX][0-9]+)*) `)
	code := regexp.MustCompile(`[ESVX][0-9]+`)
	seen := make(map[string]bool)
	for _, file := range append(files, golden...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			for _, c := range code.FindAll(m[1], -1) {
				seen[string(c)] = true
			}
		}
	}
	for letter, n := range map[string]int{"E": 17, "S": 22, "V": 11, "X": 4} {
		for i := 1; i <= n; i++ {
			if c := fmt.Sprintf("%s%d", letter, i); !seen[c] {
				t.Errorf("no case is named after %s", c)
			}
		}
	}
}
