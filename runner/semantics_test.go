package runner

import (
	"errors"
	"testing"
)

const patients = `{"resourceType":"Patient","id":"p1","name":[{"family":"A","given":["a1","a2"]},{"family":"B"}],` +
	`"telecom":[{"system":"phone","value":"1"},{"system":"email","value":"2"}],` +
	`"contact":[{"name":{"family":"C"},"telecom":[{"value":"x"},{"value":"y"}]},{"name":{"family":"D"}}]}`

const noNames = `{"resourceType":"Patient","id":"p2","active":true,"maritalStatus":{"text":"m"}}`

// questionnaire has groups with items, items with answers, and answers with items:
//
//	g1 > q1 > (answer a1 > q1a), g1 > q2; g2
const questionnaire = `{"resourceType":"QuestionnaireResponse","id":"qr","status":"completed","item":[` +
	`{"linkId":"g1","item":[{"linkId":"q1","answer":[{"valueString":"a1","item":[{"linkId":"q1a"}]}]},` +
	`{"linkId":"q2","answer":[{"valueString":"a2"},{"valueString":"a3"}]}]},{"linkId":"g2"}]}`

// TestSemantics follows section 2 of the specification, rule by rule.
func TestSemantics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		view string // select of a view of the resource's type
		data []string
		want string
	}{
		{
			"S1 other types give nothing", `[{"column":[{"name":"id","path":"id"}]}]`,
			[]string{`{"resourceType":"Group","id":"x"}`, noNames},
			`{"id":"p2"}`,
		},
		{
			"S3 forEach is an inner join", `[{"column":[{"name":"id","path":"id"}]},{"forEach":"name","column":[{"name":"f","path":"family"}]}]`,
			[]string{patients, noNames},
			`{"id":"p1","f":"A"}
				{"id":"p1","f":"B"}`,
		},
		{
			"S3 forEachOrNull is an outer join", `[{"column":[{"name":"id","path":"id"}]},{"forEachOrNull":"name","column":[{"name":"f","path":"family"}]}]`,
			[]string{patients, noNames},
			`{"id":"p1","f":"A"}
				{"id":"p1","f":"B"}
				{"id":"p2","f":null}`,
		},
		{
			"S4 iteration governs columns, nested selects and unions",
			`[{"forEach":"name","column":[{"name":"f","path":"family"}],"select":[{"column":[{"name":"g","path":"given.first()"}]}],` +
				`"unionAll":[{"column":[{"name":"u","path":"family"}]},{"column":[{"name":"u","path":"given.first()"}]}]}]`,
			[]string{patients},
			`{"f":"A","g":"a1","u":"A"}
				{"f":"A","g":"a1","u":"a1"}
				{"f":"B","g":null,"u":"B"}
				{"f":"B","g":null,"u":null}`,
		},
		{
			"S5 siblings are a Cartesian product, the first slowest",
			`[{"forEach":"name","column":[{"name":"f","path":"family"}]},{"forEach":"telecom","column":[{"name":"t","path":"value"}]}]`,
			[]string{patients},
			`{"f":"A","t":"1"}
				{"f":"A","t":"2"}
				{"f":"B","t":"1"}
				{"f":"B","t":"2"}`,
		},
		{
			"S5 three parts of several rows",
			`[{"forEach":"name","column":[{"name":"f","path":"family"}]},{"column":[{"name":"id","path":"id"}]},` +
				`{"forEach":"telecom","column":[{"name":"t","path":"value"}]},{"forEach":"contact","column":[{"name":"c","path":"name.family"}]}]`,
			[]string{patients},
			`{"f":"A","id":"p1","t":"1","c":"C"}
				{"f":"A","id":"p1","t":"1","c":"D"}
				{"f":"A","id":"p1","t":"2","c":"C"}
				{"f":"A","id":"p1","t":"2","c":"D"}
				{"f":"B","id":"p1","t":"1","c":"C"}
				{"f":"B","id":"p1","t":"1","c":"D"}
				{"f":"B","id":"p1","t":"2","c":"C"}
				{"f":"B","id":"p1","t":"2","c":"D"}`,
		},
		{
			"S5 one empty part leaves no rows",
			`[{"forEach":"name","column":[{"name":"f","path":"family"}]},{"forEach":"photo","column":[{"name":"t","path":"title"}]}]`,
			[]string{patients},
			``,
		},
		{
			"S7 the null row of forEachOrNull reaches nested selects and unions",
			`[{"column":[{"name":"id","path":"id"}]},{"forEachOrNull":"name","column":[{"name":"f","path":"'x'"}],` +
				`"select":[{"forEach":"given","column":[{"name":"g","path":"$this"},{"name":"i","path":"%rowIndex"}]}],` +
				`"unionAll":[{"forEach":"given","column":[{"name":"u","path":"$this"}]},{"column":[{"name":"u","path":"'y'"}]}]}]`,
			[]string{noNames},
			`{"id":"p2","f":null,"g":null,"i":0,"u":null}`,
		},
		{
			"S7 an item of forEachOrNull does not shield an empty forEach",
			`[{"forEachOrNull":"name","column":[{"name":"f","path":"family"}],"select":[{"forEach":"given","column":[{"name":"g","path":"$this"}]}]}]`,
			[]string{patients},
			`{"f":"A","g":"a1"}
				{"f":"A","g":"a2"}`,
		},
		{
			"S8 a union keeps duplicates and the order of its branches",
			`[{"unionAll":[{"forEach":"telecom","column":[{"name":"v","path":"value"}]},{"forEach":"contact","select":[{"forEach":"telecom","column":[{"name":"v","path":"value"}]}]},` +
				`{"unionAll":[{"column":[{"name":"v","path":"id"}]},{"column":[{"name":"v","path":"id"}]}]}]}]`,
			[]string{patients},
			`{"v":"1"}
				{"v":"2"}
				{"v":"x"}
				{"v":"y"}
				{"v":"p1"}
				{"v":"p1"}`,
		},
		{
			"S11 each level of iteration has its own %rowIndex",
			`[{"column":[{"name":"r","path":"%rowIndex"}]},{"forEach":"contact","column":[{"name":"c","path":"%rowIndex"}],` +
				`"select":[{"forEachOrNull":"telecom","column":[{"name":"t","path":"%rowIndex"},{"name":"v","path":"value"}]},{"column":[{"name":"after","path":"%rowIndex"}]}]}]`,
			[]string{patients},
			`{"r":0,"c":0,"t":0,"v":"x","after":0}
				{"r":0,"c":0,"t":1,"v":"y","after":0}
				{"r":0,"c":1,"t":0,"v":null,"after":1}`,
		},
		{
			"S11 a union inherits %rowIndex, its iterating branches do not",
			`[{"forEach":"contact","unionAll":[{"column":[{"name":"i","path":"%rowIndex"}]},{"forEach":"telecom","column":[{"name":"i","path":"%rowIndex"}]},` +
				`{"select":[{"column":[{"name":"i","path":"%rowIndex + 10"}]}]}]}]`,
			[]string{patients},
			`{"i":0}
				{"i":0}
				{"i":1}
				{"i":10}
				{"i":1}
				{"i":11}`,
		},
		{
			"S12 %rowIndex in the paths of iterations",
			`[{"forEach":"name","select":[{"forEach":"given.where(%rowIndex = 0)","column":[{"name":"g","path":"$this & '/' & %rowIndex.toString()"}]}]}]`,
			[]string{patients},
			`{"g":"a1/0"}
				{"g":"a2/1"}`,
		},
		{
			"S12 a path may select by %rowIndex of its parent",
			`[{"forEach":"contact","column":[{"name":"n","path":"%resource.name[%rowIndex].family"}]}]`,
			[]string{patients},
			`{"n":"A"}
				{"n":"B"}`,
		},
		{
			"S13 null, one value, list",
			`[{"column":[{"name":"a","path":"active"},{"name":"id","path":"id"},{"name":"f","path":"name.family","collection":true},{"name":"g","path":"id","collection":true},{"name":"e","path":"photo.title","collection":true}]}]`,
			[]string{patients},
			`{"a":null,"id":"p1","f":["A","B"],"g":["p1"],"e":[]}`,
		},
		{
			"S14 columns, then nested selects, then the union",
			`[{"unionAll":[{"column":[{"name":"z","path":"'z'"}]}],"select":[{"column":[{"name":"y","path":"'y'"}]}],"column":[{"name":"x","path":"'x'"}]},{"column":[{"name":"w","path":"'w'"}]}]`,
			[]string{noNames},
			`{"x":"x","y":"y","z":"z","w":"w"}`,
		},
		{
			"S19 and S20 keys join",
			`[{"column":[{"name":"k","path":"getResourceKey()"}]}]`,
			[]string{noNames},
			`{"k":"p2"}`,
		},
		{
			"S22 contained resources are no rows, and can be navigated",
			`[{"column":[{"name":"id","path":"id"},{"name":"c","path":"contained.ofType(Patient).id"}]}]`,
			[]string{`{"resourceType":"Patient","id":"p","contained":[{"resourceType":"Patient","id":"in"}]}`},
			`{"id":"p","c":"in"}`,
		},
		{
			"a primitive without a value is null",
			`[{"column":[{"name":"b","path":"birthDate"},{"name":"g","path":"name.given","collection":true}]}]`,
			[]string{`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"x","valueString":"y"}]},"name":[{"given":["a",null,"b"],"_given":[null,{"id":"z"},null]}]}`},
			`{"b":null,"g":["a","b"]}`,
		},
		{
			"objects, numbers and escapes keep their text",
			`[{"column":[{"name":"o","path":"maritalStatus"},{"name":"m","path":"multipleBirth"},{"name":"e","path":"gender"},{"name":"c","path":"gender & '!'"}]}]`,
			[]string{`{"resourceType":"Patient","multipleBirthInteger":2,"gender":"m\u00e4n\"\n","maritalStatus":{"text": "a b"}}`},
			`{"o":{"text": "a b"},"m":2,"e":"m\u00e4n\"\n","c":"män\"\n!"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := mustView(t, `{"resource":"Patient","select":`+tt.view+`}`)
			wantRows(t, v, resources(tt.data...), lines(tt.want))
			wantRows(t, v.plainly(), resources(tt.data...), lines(tt.want))
		})
	}
}

// TestRepeat has repeat on its own (S9) and in every nesting (S10).
func TestRepeat(t *testing.T) {
	t.Parallel()
	const l = `{"name":"l","path":"linkId"}`
	tests := []struct{ name, view, want string }{
		{"S9 depth first, parents first", `[{"repeat":["item"],"column":[` + l + `,{"name":"i","path":"%rowIndex"}]}]`, `{"l":"g1","i":0}
			{"l":"q1","i":1}
			{"l":"q2","i":2}
			{"l":"g2","i":3}`},
		{"several paths interleave per element", `[{"repeat":["item","answer.item"],"column":[` + l + `]}]`, `{"l":"g1"}
			{"l":"q1"}
			{"l":"q1a"}
			{"l":"q2"}
			{"l":"g2"}`},
		{"the start is not emitted, nothing found is no row", `[{"repeat":["contained"],"column":[{"name":"l","path":"id"}]}]`, ``},
		{"S10 repeat in forEach", `[{"forEach":"item","column":[{"name":"top","path":"linkId"}],"select":[{"repeat":["item"],"column":[` + l + `]}]}]`, `{"top":"g1","l":"q1"}
			{"top":"g1","l":"q2"}`},
		{"repeat in forEachOrNull loses what has none", `[{"forEachOrNull":"item","column":[{"name":"top","path":"linkId"}],"select":[{"repeat":["item"],"column":[` + l + `]}]}]`, `{"top":"g1","l":"q1"}
			{"top":"g1","l":"q2"}`},
		{"forEach in repeat", `[{"repeat":["item"],"column":[` + l + `],"select":[{"forEach":"answer","column":[{"name":"a","path":"value.ofType(string)"},{"name":"i","path":"%rowIndex"}]}]}]`, `{"l":"q1","a":"a1","i":0}
			{"l":"q2","a":"a2","i":0}
			{"l":"q2","a":"a3","i":1}`},
		{"forEachOrNull in repeat", `[{"repeat":["item"],"column":[` + l + `],"select":[{"forEachOrNull":"answer","column":[{"name":"a","path":"value.ofType(string)"}]}]}]`, `{"l":"g1","a":null}
			{"l":"q1","a":"a1"}
			{"l":"q2","a":"a2"}
			{"l":"q2","a":"a3"}
			{"l":"g2","a":null}`},
		{"repeat in repeat", `[{"repeat":["item"],"column":[{"name":"o","path":"linkId"},{"name":"oi","path":"%rowIndex"}],"select":[{"repeat":["item","answer.item"],"column":[` + l + `,{"name":"i","path":"%rowIndex"}]}]}]`, `{"o":"g1","oi":0,"l":"q1","i":0}
			{"o":"g1","oi":0,"l":"q1a","i":1}
			{"o":"g1","oi":0,"l":"q2","i":2}
			{"o":"q1","oi":1,"l":"q1a","i":0}`},
		{"siblings are a cross join", `[{"repeat":["item"],"column":[` + l + `]},{"forEach":"item","column":[{"name":"t","path":"linkId"}]}]`, `{"l":"g1","t":"g1"}
			{"l":"g1","t":"g2"}
			{"l":"q1","t":"g1"}
			{"l":"q1","t":"g2"}
			{"l":"q2","t":"g1"}
			{"l":"q2","t":"g2"}
			{"l":"g2","t":"g1"}
			{"l":"g2","t":"g2"}`},
		{"two repeats as siblings", `[{"repeat":["item.where(linkId = 'g2')"],"column":[` + l + `]},{"repeat":["item"],"column":[{"name":"t","path":"linkId"}]}]`, `{"l":"g2","t":"g1"}
			{"l":"g2","t":"q1"}
			{"l":"g2","t":"q2"}
			{"l":"g2","t":"g2"}`},
		{"union in repeat", `[{"repeat":["item"],"unionAll":[{"column":[{"name":"v","path":"linkId"}]},{"forEach":"answer","column":[{"name":"v","path":"value.ofType(string)"}]}]}]`, `{"v":"g1"}
			{"v":"q1"}
			{"v":"a1"}
			{"v":"q2"}
			{"v":"a2"}
			{"v":"a3"}
			{"v":"g2"}`},
		{"repeat in union", `[{"unionAll":[{"repeat":["item"],"column":[` + l + `]},{"forEach":"item","column":[` + l + `]}]}]`, `{"l":"g1"}
			{"l":"q1"}
			{"l":"q2"}
			{"l":"g2"}
			{"l":"g1"}
			{"l":"g2"}`},
		{"union with repeat in forEach", `[{"forEach":"item","unionAll":[{"column":[` + l + `]},{"repeat":["item"],"column":[` + l + `]}]}]`, `{"l":"g1"}
			{"l":"q1"}
			{"l":"q2"}
			{"l":"g2"}`},
		{"three levels", `[{"repeat":["item"],"column":[{"name":"o","path":"linkId"}],"select":[{"forEach":"answer","column":[{"name":"a","path":"value.ofType(string)"}],"select":[{"repeat":["item"],"column":[` + l + `]}]}]}]`, `{"o":"q1","a":"a1","l":"q1a"}`},
		{"repeat in a nested select without iteration", `[{"column":[{"name":"id","path":"id"}],"select":[{"select":[{"repeat":["item"],"column":[` + l + `]}]}]}]`, `{"id":"qr","l":"g1"}
			{"id":"qr","l":"q1"}
			{"id":"qr","l":"q2"}
			{"id":"qr","l":"g2"}`},
		{"a constant in the path", `[{"repeat":["item.where(linkId != %skip)"],"column":[` + l + `]}]`, `{"l":"g1"}
			{"l":"q1"}
			{"l":"g2"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := mustView(t, `{"resource":"QuestionnaireResponse","constant":[{"name":"skip","valueString":"q2"}],"select":`+tt.view+`}`)
			if w := v.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %q", w)
			}
			wantRows(t, v, resources(questionnaire), lines(tt.want))
		})
	}
}

// TestWhere: a resource has rows only if every where path is true (S2).
func TestWhere(t *testing.T) {
	t.Parallel()
	data := resources(
		`{"resourceType":"Patient","id":"t","active":true}`, `{"resourceType":"Patient","id":"f","active":false}`,
		`{"resourceType":"Patient","id":"n"}`, `{"resourceType":"Patient","id":"x","_active":{"id":"1"}}`,
	)
	tests := []struct{ name, where, want string }{
		{"S2 only true is kept", `[{"path":"active"}]`, `{"id":"t"}`},
		{"all must hold", `[{"path":"active.exists()"},{"path":"active = false"}]`, `{"id":"f"}`},
		{"no conditions", `[]`, `{"id":"t"}
			{"id":"f"}
			{"id":"n"}
			{"id":"x"}`},
		{"%rowIndex is 0", `[{"path":"%rowIndex = 0 and active = true"}]`, `{"id":"t"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := mustView(t, `{"resource":"Patient","where":`+tt.where+`,"select":[{"column":[{"name":"id","path":"id"}]}]}`)
			wantRows(t, v, data, lines(tt.want))
		})
	}
}

// TestNullRowLiterals checks WithNullRowLiterals, for the row of a forEachOrNull without elements (S7).
func TestNullRowLiterals(t *testing.T) {
	t.Parallel()
	const view = `{"resource":"Patient","select":[{"forEachOrNull":"name","column":[{"name":"x","path":"'x'"},{"name":"f","path":"family"},{"name":"i","path":"%rowIndex"}]}]}`
	wantRows(t, mustView(t, view), resources(noNames), []string{`{"x":null,"f":null,"i":0}`})
	wantRows(t, mustView(t, view, WithNullRowLiterals(true)), resources(noNames), []string{`{"x":"x","f":null,"i":0}`})
}

// TestRunErrors has the errors of a run, X1 to X4, and the limits.
func TestRunErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, view, data string
		want             error
		text             string
	}{
		{
			"X1", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"name.family"}]}]}`, patients, ErrManyValues,
			"runner: v: resource 1: Patient/p1: select[0].column[0].path (column f): multiple values found but not expected for column",
		},
		{
			"X2", `{"resource":"Patient","where":[{"path":"name.given | name.family"}],"select":[{"column":[{"name":"f","path":"id"}]}]}`, patients, nil, "where[0].path",
		},
		{
			"X2 many", `{"resource":"Patient","name":"v","where":[{"path":"contact.telecom.value.exists() | false"}],"select":[{"column":[{"name":"f","path":"id"}]}]}`, patients, ErrNotBoolean,
			"runner: v: resource 1: Patient/p1: where[0].path: where path is not a single boolean",
		},
		{
			"X3", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"maritalStatus","type":"integer"}]}]}`, noNames, ErrType,
			"runner: v: resource 1: Patient/p2: select[0].column[0].path (column f): value contradicts the column's type",
		},
		{
			"X3 in a list", `{"resource":"Patient","name":"v","select":[{"forEach":"name","column":[{"name":"f","path":"given","collection":true,"type":"HumanName"}]}]}`, patients, ErrType,
			"runner: v: resource 1: Patient/p1: select[0].column[0].path (column f): value contradicts the column's type",
		},
		{
			"X3 by the type of another branch", `{"resource":"Patient","name":"v","select":[{"unionAll":[{"select":[{"column":[{"name":"f","path":"maritalStatus"}]}]},{"column":[{"name":"f","path":"id","type":"string"}]}]}]}`, noNames, ErrType,
			"runner: v: resource 1: Patient/p2: select[0].unionAll[0].select[0].column[0].path (column f): value contradicts the column's type: declared string, found object",
		},
		{
			"X3 by the type of the first branch", `{"resource":"Patient","name":"v","select":[{"unionAll":[{"column":[{"name":"f","path":"maritalStatus","type":"CodeableConcept"}]},{"column":[{"name":"f","path":"id"}]}]}]}`, noNames, ErrType,
			"runner: v: resource 1: Patient/p2: select[0].unionAll[1].column[0].path (column f): value contradicts the column's type: declared CodeableConcept, found string",
		},
		{
			"X4", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"name.family + 'x'"}]}]}`, patients, nil,
			"runner: v: resource 1: Patient/p1: select[0].column[0].path (column f): ",
		},
		{
			"X4 in forEach", `{"resource":"Patient","name":"v","select":[{"forEach":"(name.family + 'x')","column":[{"name":"f","path":"$this"}]}]}`, patients, nil,
			"runner: v: resource 1: Patient/p1: select[0].forEach: ",
		},
		{
			"repeat that never ends", `{"resource":"Patient","name":"v","select":[{"repeat":["$this"],"column":[{"name":"f","path":"id"}]}]}`, noNames, ErrLimit,
			"runner: v: resource 1: Patient/p2: select[0].repeat: limit exceeded: repeat goes deeper than 500",
		},
		{
			"repeat that explodes", `{"resource":"Patient","name":"v","select":[{"repeat":["$this","$this"],"column":[{"name":"f","path":"id"}]}]}`, noNames, ErrLimit, "limit exceeded",
		},
		{"no JSON", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"id"}]}]}`, `{"resourceType":"Patient",`, ErrNotResource, "runner: v: resource 1: not a FHIR resource: truncated"},
		{"no resource", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"id"}]}]}`, `{"id":"x"}`, ErrNotResource, "runner: v: resource 1: not a FHIR resource: it has no resourceType"},
		{"no object", `{"resource":"Patient","name":"v","select":[{"column":[{"name":"f","path":"id"}]}]}`, `[1]`, ErrNotResource, "runner: v: resource 1: not a FHIR resource"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := CompileJSON([]byte(tt.view))
			if err == nil {
				_, err = rowTexts(v, resources(tt.data))
				var run *RunError
				if !errors.As(err, &run) {
					t.Fatalf("error %v, want a RunError", err)
				}
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if err == nil || !contains(err.Error(), tt.text) {
				t.Errorf("error %q, want it to hold %q", err, tt.text)
			}
		})
	}
}

// TestCrossJoinLimit: a resource must not have more rows than the limit.
func TestCrossJoinLimit(t *testing.T) {
	t.Parallel()
	v := mustView(t, `{"resource":"Patient","select":[{"forEach":"name","column":[{"name":"a","path":"family"}]},{"forEach":"telecom","column":[{"name":"b","path":"value"}]}]}`)
	if _, err := rowTexts(v, resources(patients), MaxRowsPerResource(5)); !errors.Is(err, ErrLimit) {
		t.Errorf("5 rows: %v, want ErrLimit", err)
	}
	if rows, err := rowTexts(v, resources(patients), MaxRowsPerResource(8)); err != nil || len(rows) != 4 {
		t.Errorf("8 rows: %d rows, %v", len(rows), err)
	}
}
