package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// TestFHIRPathInputs holds the forms that inputs, variables, contexts and outputs of cases take. Each case passes.
func TestFHIRPathInputs(t *testing.T) {
	t.Parallel()
	for _, r := range runCases(t, inputCases) {
		if r.Reason != "" {
			t.Errorf("%s: %s: %s", r.Case.ID, r.Case.Expression, r.Reason)
		}
	}
}

// patientInput is the resource of the cases that want one.
const patientInput = `{"resourceType":"Patient","id":"p","active":true,"birthDate":"1974-12-25",
	"_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
	"name":[{"use":"official","family":"Chalmers","given":["Peter","James"]},{"use":"usual","given":["Jim"]}],
	"contained":[{"resourceType":"Organization","id":"o","name":"Acme"}],
	"managingOrganization":{"reference":"#o"},"multipleBirthInteger":2}`

const inputCases = `{"tests":[
	{"id":"no input","expression":"1 + 1","outputs":[{"type":"integer","value":"2"}]},
	{"id":"null input","expression":"$this","input":null,"outputs":[]},
	{"id":"null input, path","expression":"name.given","input":null,"outputs":[]},
	{"id":"no input, Boolean","expression":"name.empty()","outputs":[{"value":true}]},
	{"id":"object","expression":"a.b","input":{"a":{"b":"x"}},"model":null,"outputs":[{"value":"x"}]},
	{"id":"object with a model","expression":"a.b","input":{"a":{"b":"x"}},"model":"r4","outputs":[{"value":"x"}]},
	{"id":"number","expression":"$this + 1","input":41,"model":null,"outputs":[{"type":"integer","value":"42"}]},
	{"id":"string","expression":"$this & 'b'","input":"a","model":null,"outputs":["ab"]},
	{"id":"boolean","expression":"not()","input":true,"model":null,"outputs":[false]},
	{"id":"array","expression":"$this","input":[1,2,3],"model":null,"outputs":[1,2,3]},
	{"id":"array, count","expression":"count()","input":[1,null,3],"model":null,"outputs":[2]},
	{"id":"array, where","expression":"where($this > 1)","input":[1,2,3],"model":null,"outputs":[2,3]},
	{"id":"array, path","expression":"a","input":[{"a":1},{"b":2},{"a":[3,4]}],"model":null,"outputs":[1,3,4]},
	{"id":"array, index","expression":"$this[1].a","input":[{"a":1},{"a":2}],"model":"r4","outputs":[2]},
	{"id":"array, context","expression":"%context.count()","input":[1,2],"model":null,"outputs":[2]},
	{"id":"array, resource","expression":"%resource.count()","input":[1,2],"model":null,"outputs":[2]},
	{"id":"array of resources","expression":"name.given","input":[` + patientInput + `,{"resourceType":"Patient"}],"model":"r4","outputs":["Peter","James","Jim"]},
	{"id":"array of resources, type","expression":"Patient.birthDate","input":[` + patientInput + `],"model":"r4","outputs":[{"type":"date","value":"@1974-12-25"}]},
	{"id":"array of resources, resource","expression":"name.first().select(%resource.id)","input":[` + patientInput + `],"model":"r4","outputs":["p"]},
	{"id":"empty array","expression":"$this","input":[],"model":null,"outputs":[]},
	{"id":"arrays within arrays","expression":"a","input":{"a":[[1,2],[3,[4]]]},"model":null,"outputs":[1,2,3,4]},
	{"id":"nulls","expression":"a","input":{"a":[null,1,null]},"model":null,"outputs":[1]},
	{"id":"null member","expression":"a","input":{"a":null},"model":null,"outputs":[]},
	{"id":"empty array member","expression":"a.empty()","input":{"a":[]},"model":null,"outputs":[true]},
	{"id":"any resourceType","expression":"Thing.a.b","input":{"resourceType":"Thing","a":{"b":1}},"model":null,"outputs":[1]},
	{"id":"any resourceType with a model","expression":"Thing.a.b","input":{"resourceType":"Thing","a":{"b":1}},"model":"r4","outputs":[1]},
	{"id":"name of a type as a member","expression":"Patient.a","input":{"Patient":{"a":1}},"model":"r4","outputs":[1]},
	{"id":"other type","expression":"Observation.id","input":` + patientInput + `,"model":"r4","outputs":[]},
	{"id":"base type","expression":"Resource.id","input":` + patientInput + `,"model":"r4","outputs":["p"]},

	{"id":"no model, choice","expression":"multipleBirth","input":` + patientInput + `,"model":null,"outputs":[]},
	{"id":"no model, member","expression":"multipleBirthInteger","input":` + patientInput + `,"model":null,"outputs":[2]},
	{"id":"r4, choice","expression":"multipleBirth","input":` + patientInput + `,"outputs":[{"type":"integer","value":"2"}]},
	{"id":"no model, type","expression":"birthDate.type().name","input":` + patientInput + `,"model":null,"outputs":["String"]},
	{"id":"r4, type","expression":"birthDate.type()","input":` + patientInput + `,"model":"r4","outputs":[{"namespace":"FHIR","name":"date"}]},
	{"id":"no model, date","expression":"birthDate < @1980","input":` + patientInput + `,"model":null,"outputs":[true]},
	{"id":"no model, dates","expression":"birthDate = '1974-12-25'","input":` + patientInput + `,"model":null,"outputs":[true]},
	{"id":"no model, extension","expression":"birthDate.extension.valueDateTime","input":` + patientInput + `,"model":null,"outputs":["1974-12-25T14:35:45-05:00"]},
	{"id":"no model, extension()","expression":"birthDate.extension('urn:time').exists()","input":` + patientInput + `,"model":null,"outputs":[true]},
	{"id":"no model, is","expression":"active is Boolean and $this is Patient","input":` + patientInput + `,"model":null,"outputs":[true]},
	{"id":"no model, ofType","expression":"children().ofType(Integer)","input":` + patientInput + `,"model":null,"outputs":[2]},
	{"id":"no model, decimals","expression":"a / b","input":{"a":1.5,"b":3},"model":null,"outputs":["0.5"]},
	{"id":"no model, children","expression":"children().count()","input":{"a":1,"b":[2,3],"c":{"d":4}},"model":null,"outputs":[4]},
	{"id":"no model, descendants","expression":"descendants().count()","input":{"a":1,"b":[2,3],"c":{"d":4}},"model":null,"outputs":[5]},
	{"id":"no model, repeat","expression":"repeat(item).id","input":{"item":[{"id":1,"item":{"id":2}},{"id":3}]},"model":null,"outputs":[1,3,2]},
	{"id":"no model, equal objects","expression":"a = b","input":{"a":{"x":1,"y":[2]},"b":{"y":[2],"x":1.0}},"model":null,"outputs":[true]},
	{"id":"no model, resolve","expression":"managingOrganization.resolve().name","input":` + patientInput + `,"model":null,"outputs":["Acme"]},
	{"id":"no model, odd names","expression":"` + "`a b`.`c-d`.`e'`" + `","input":{"a b":{"c-d":{"e'":1}}},"model":null,"outputs":[1]},
	{"id":"no model, keywords","expression":"as.is.contains.day.` + "`div`" + `","input":{"as":{"is":{"contains":{"day":{"div":1}}}}},"model":null,"outputs":[1]},
	{"id":"no model, date arithmetic","expression":"birthDate + 7 days","input":` + patientInput + `,"model":null,"outputs":["1975-01-01"]},
	{"id":"no model, time arithmetic","expression":"t + 1 hour","input":{"t":"23:30:00"},"model":null,"outputs":["00:30:00"]},
	{"id":"no model, no date","expression":"t + 1 hour","input":{"t":"x"},"model":null,"invalid":true},
	{"id":"no model, large numbers","expression":"a + 1 | b + 1 | c + 1 | d + 1","input":{"a":2147483647,"b":3000000000,"c":92233720368547758070,"d":-2147483649},"model":null,"outputs":[3000000001,92233720368547758071,-2147483648]},
	{"id":"no model, exponent","expression":"a = 1200","input":{"a":1.2e3},"model":null,"outputs":[true]},
	{"id":"no model, sum","expression":"a.sum()","input":{"a":[1,2.5]},"model":null,"outputs":[3.5]},
	{"id":"no model, aggregate","expression":"a.aggregate($this + $total, 0)","input":{"a":[1,2]},"model":null,"outputs":[3]},

	{"id":"context","expression":"given.first() & ' ' & family","input":` + patientInput + `,"context":"name.first()","outputs":["Peter Chalmers"]},
	{"id":"context, this","expression":"$this.use","input":` + patientInput + `,"context":"Patient.name[1]","outputs":[{"type":"code","value":"usual"}]},
	{"id":"context, variable","expression":"%context.use","input":` + patientInput + `,"context":"Patient.name[1]","outputs":["usual"]},
	{"id":"context, nested","expression":"given.where($this = %context.given.first())","input":` + patientInput + `,"context":"name[0]","outputs":["Peter"]},
	{"id":"context, resource","expression":"%resource.id & %rootResource.id","input":` + patientInput + `,"context":"name[0]","outputs":["pp"]},
	{"id":"context, from the type","expression":"Patient.name.where(use = %context.use).given","input":` + patientInput + `,"context":"Patient.name[1]","outputs":["Jim"]},
	{"id":"context, many","expression":"count()","input":` + patientInput + `,"context":"name","outputs":[2]},
	{"id":"context, none","expression":"exists()","input":` + patientInput + `,"context":"photo","outputs":[false]},
	{"id":"context, contained","expression":"%resource.name & %rootResource.id","input":` + patientInput + `,"context":"contained","outputs":["Acmep"]},
	{"id":"context, computed","expression":"$this + 1","input":{"a":1},"context":"a + 1","model":null,"outputs":[3]},
	{"id":"context, type in an argument","expression":"iif(Patient.name.exists(), 'a', 'b')","input":` + patientInput + `,"context":"name[0]","outputs":["a"]},
	{"id":"context, from a member","expression":"a.b.where($this = %context)","input":{"a":{"b":[1,2]}},"context":"a.b[1]","model":null,"outputs":[2]},
	{"id":"context, same member","expression":"a.b","input":{"a":{"a":{"b":1}}},"context":"a","model":null,"outputs":[1]},
	{"id":"context, no member","expression":"c.empty()","input":{"a":{"b":1}},"context":"a","model":null,"outputs":[true]},
	{"id":"context, no model","expression":"b","input":{"a":{"b":5}},"context":"a","model":null,"outputs":[5]},
	{"id":"context, type argument","expression":"$this is Patient","input":` + patientInput + `,"context":"name[0]","outputs":[false]},
	{"id":"context with variables","expression":"%use","input":` + patientInput + `,"context":"name.where(use = %use)","variables":{"use":"usual"},"outputs":["usual"]},

	{"id":"variables","expression":"%s & %i.toString() & %b.toString()","variables":{"s":"a","%i":1,"b":true},"outputs":["a1true"]},
	{"id":"variable, decimal","expression":"%d + 1","variables":{"d":1.50},"outputs":[{"type":"decimal","value":"2.5"}]},
	{"id":"variable, null","expression":"%n.empty()","variables":{"n":null},"outputs":[true]},
	{"id":"variable, array","expression":"%a.count()","variables":{"a":[1,null,"x"]},"outputs":[2]},
	{"id":"variable, empty array","expression":"%a","variables":{"a":[]},"outputs":[]},
	{"id":"variable, object","expression":"%o.a.b","variables":{"o":{"a":[{"b":1},{"b":2}]}},"outputs":[1,2]},
	{"id":"variable, resource","expression":"%p.name.family","variables":{"p":` + patientInput + `},"outputs":[{"type":"string","value":"Chalmers"}]},
	{"id":"variable, resource's date","expression":"%p.birthDate + 1 day","variables":{"p":` + patientInput + `},"outputs":["1974-12-26"]},
	{"id":"variable, quantity","expression":"%q > 1 'g'","variables":{"q":{"value":2000,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}},"outputs":[true]},
	{"id":"variable, quantity's unit","expression":"%q.unit","variables":{"q":{"value":2000,"unit":"mg"}},"outputs":["mg"]},
	{"id":"variable, date","expression":"birthDate > %d and birthDate + 1 year < %e","input":` + patientInput + `,"variables":{"d":"1974-12-24","e":"1976"},"outputs":[true]},
	{"id":"variable, date-time","expression":"%d + 1 hour","variables":{"d":"2020-01-01T23:30:00Z"},"outputs":["2020-01-02T00:30:00Z"]},
	{"id":"variable, text","expression":"%s is String and %s.type().name = 'String' and (%s & 'b' = 'ab') and %s.length() = 1","variables":{"s":"a"},"outputs":[true]},
	{"id":"variable, odd name","expression":"%` + "`a.b()`" + ` + %'c-d'","variables":{"a.b()":1,"c-d":2},"outputs":[3]},
	{"id":"variable, not defined","expression":"%nothing","outputs":[],"invalid":true},
	{"id":"variable resource","expression":"%resource.a","input":{"a":1},"variables":{"resource":{"a":2}},"outputs":[2]},
	{"id":"variable context","expression":"%context.a","input":{"a":1},"variables":{"context":{"a":3}},"outputs":[3]},
	{"id":"variable ucum","expression":"%ucum","variables":{"ucum":"x"},"outputs":["x"]},
	{"id":"variables without a model","expression":"%p.birthDate","model":null,"variables":{"p":` + patientInput + `},"outputs":["1974-12-25"]},

	{"id":"output, object","expression":"name[1]","input":` + patientInput + `,"outputs":[{"type":"HumanName","value":{"given":["Jim"],"use":"usual"}}]},
	{"id":"output, bare object","expression":"name[1]","input":` + patientInput + `,"outputs":[{"given":["Jim"],"use":"usual"}]},
	{"id":"output, text of an object","expression":"name[1]","input":` + patientInput + `,"outputs":[{"value":"{\"given\":[\"Jim\"],\"use\":\"usual\"}"}]},
	{"id":"output, numbers","expression":"1.50 | 2L","outputs":[{"value":1.5},{"value":2}]},
	{"id":"output, float64","expression":"1 / 3","outputs":[0.3333333333333333]},
	{"id":"output, float64's error","expression":"0.1 + 0.2","outputs":[{"type":"decimal","value":0.30000000000000004}]},
	{"id":"output, quantity","expression":"4.0 'g'","outputs":[{"value":4,"unit":"g"}]},
	{"id":"output, quantity with type","expression":"4 days","outputs":[{"type":"Quantity","value":{"value":4,"unit":"days"}}]},
	{"id":"output, date-time","expression":"@2020-01-01T10:00:00Z","outputs":["2020-01-01T11:00:00+01:00"]},
	{"id":"output, time","expression":"@T10:00","outputs":["10:00"]},
	{"id":"output, type of System","expression":"'a'","outputs":[{"type":"System.String","value":"a"}]},
	{"id":"output, integer64","expression":"5L","outputs":[{"type":"integer64","value":"5"}]},
	{"id":"output, null type","expression":"'a'","outputs":[{"type":null,"value":"a"}]},
	{"id":"output, order","expression":"a","input":{"a":[3,1,2]},"model":null,"outputs":[1,2,3],"ordered":false},
	{"id":"predicate","expression":"name","input":` + patientInput + `,"predicate":true,"outputs":[{"type":"boolean","value":"true"}]},
	{"id":"predicate as text","expression":"photo","input":` + patientInput + `,"predicate":"true","outputs":[false]},
	{"id":"invalid","expression":"name.given.single()","input":` + patientInput + `,"invalid":"execution","outputs":[]},
	{"id":"invalid, without end","expression":"'abc'.repeatAll(replace('a', 'A'))","invalid":"execution"},
	{"id":"invalid, syntax","expression":"name.","input":` + patientInput + `,"invalid":"syntax"},

	{"id":"r5, integer64","expression":"value.ofType(integer64)","model":"r5","input":{"resourceType":"Observation","component":[],"extension":[{"url":"u","valueInteger64":"9007199254740993"}]},"context":"extension","outputs":[{"type":"integer64","value":"9007199254740993"}]},
	{"id":"r5, integer64 is a Long","expression":"extension.value + 1L","model":"r5","input":{"resourceType":"Observation","extension":[{"url":"u","valueInteger64":"41"}]},"outputs":["42"]},
	{"id":"r5, CodeableReference","expression":"reason.reference.reference","model":"r5","input":{"resourceType":"MedicationRequest","reason":[{"reference":{"reference":"Condition/1"}},{"concept":{"text":"x"}}]},"outputs":["Condition/1"]},
	{"id":"r5, new resource","expression":"InventoryItem.status","model":"r5","input":{"resourceType":"InventoryItem","status":"active"},"outputs":[{"type":"code","value":"active"}]},
	{"id":"r5, choice","expression":"MedicationRequest.medication.concept.text","model":"r5","input":{"resourceType":"MedicationRequest","medication":{"concept":{"text":"x"}}},"outputs":["x"]},
	{"id":"r4b","expression":"Observation.value","model":"r4b","input":{"resourceType":"Observation","valueBoolean":true},"outputs":[{"type":"boolean","value":"true"}]}
]}`

// TestFHIRPathWrongOutputs holds outputs that are not what the expression gives. Each case fails.
func TestFHIRPathWrongOutputs(t *testing.T) {
	t.Parallel()
	for _, r := range runCases(t, `{"tests":[
		{"id":"float64","expression":"1 / 3","outputs":[0.3333333]},
		{"id":"float64, more digits","expression":"1 / 3","outputs":[0.3333333433333333]},
		{"id":"object","expression":"a","input":{"a":{"b":1}},"outputs":[{"b":2}]},
		{"id":"quantity","expression":"4 'g'","outputs":[{"value":4,"unit":"mg"}]},
		{"id":"type","expression":"1.type()","outputs":[{"namespace":"FHIR","name":"Integer"}]},
		{"id":"nothing","expression":"{}","outputs":[null]},
		{"id":"something","expression":"1","outputs":[]},
		{"id":"too many","expression":"1 | 2","outputs":[1]},
		{"id":"order","expression":"1 | 2","outputs":[2,1]},
		{"id":"date","expression":"@2012","outputs":["2012-01"]},
		{"id":"no error","expression":"1","invalid":"true"},
		{"id":"limit","expression":"(1 | 2).select((1 | 2 | 3).repeat($this + 1))","invalid":"execution"},
		{"id":"not supported","expression":"memberOf('x')","invalid":"true"}
	]}`) {
		if r.Reason == "" {
			t.Errorf("%s passes", r.Case.ID)
		}
	}
}

// TestFHIRPathFolders holds where the files of inputs are looked for, and which model a file of cases has.
func TestFHIRPathFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, value any) string {
		t.Helper()
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	type object = map[string]any
	for folder, id := range map[string]string{"inputs-r4": "four", "inputs-r5": "five", "inputs": "any", "more": "more"} {
		write(folder+"/p.json", object{"resourceType": "Patient", "id": id})
	}
	write("inputs/only.json", object{"resourceType": "Patient", "id": "only"})
	write("more/r.json", object{"resourceType": "Patient", "id": "r"})
	output := func(value string) []any { return []any{object{"value": value}} }
	cases := func(first object, rest ...object) object {
		return object{"tests": append([]object{first}, rest...)}
	}
	tests := []struct {
		name    string
		suite   object
		folders []string
	}{
		{"tests-fhir-r4.json", cases(
			object{"expression": "id", "inputfile": "p.json", "outputs": output("four")},
			object{"expression": "id", "inputfile": "p.xml", "outputs": output("four")},
			object{"expression": "id", "inputfile": "p.json", "model": "r5", "outputs": output("five")},
			object{"expression": "id", "inputfile": "only.json", "outputs": output("only")},
		), nil},
		{"tests-fhir-r5.json", cases(object{"expression": "id", "inputfile": "p.json", "outputs": output("five")}), nil},
		{"tests.json", object{
			"source": "r5/fhirpath/tests-fhir-r5.xml",
			"tests":  []object{{"expression": "id", "inputfile": "p.json", "outputs": output("five")}},
		}, nil},
		{"tests-model.json", object{
			"model": "r5", "tests": []object{{"expression": "id", "inputfile": "p.json", "outputs": output("five")}},
		}, nil},
		{"tests-folders.json", cases(
			object{"expression": "id", "inputfile": "p.json", "outputs": output("more")},
			object{"expression": "id", "inputfile": "r.json", "outputs": output("r")},
			object{"expression": "id", "inputfile": "only.json", "outputs": output("only")},
		), []string{filepath.Join(dir, "more"), filepath.Join(dir, "inputs")}},
	}
	for _, tt := range tests {
		suite, err := LoadFHIRPath(write(tt.name, tt.suite), tt.folders...)
		if err != nil {
			t.Fatal(err)
		}
		results, err := RunFHIRPath(t.Context(), suite)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if r.Reason != "" {
				t.Errorf("%s: case %d: %s", tt.name, i, r.Reason)
			}
		}
	}
}
