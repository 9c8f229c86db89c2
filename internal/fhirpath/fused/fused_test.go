package fused_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/researchflow/researchflow/internal/fhirpath"
	"github.com/researchflow/researchflow/internal/fhirpath/fused"
	"github.com/researchflow/researchflow/internal/fhirpath/model"
	"github.com/researchflow/researchflow/internal/testdata"
)

// pair is one expression compiled both ways.
type pair struct {
	program   *fhirpath.Program
	scope     *fused.Scope
	column    *fused.Column
	path      *fused.Path
	machine   fused.Machine
	evaluator *fhirpath.Evaluator
	registers int
}

var constants = map[string]string{"official": "official", "loincsystem": "http://loinc.org"}

func compile(tb testing.TB, resource, expression string) (*pair, bool) {
	tb.Helper()
	opts := []fhirpath.CompileOption{fhirpath.WithModel(model.R4), fhirpath.WithInput(resource)}
	for name, text := range constants {
		opts = append(opts, fhirpath.WithConstant(name, fhirpath.NewString(text)))
	}
	program, err := fhirpath.Compile(expression, opts...)
	if err != nil {
		tb.Fatalf("%s: %v", expression, err)
	}
	m := model.Load(model.R4)
	b := fused.NewBuilder(m, constants, false)
	input, _ := m.Type(resource)
	p := &pair{program: program, scope: b.Scope(input)}
	var ok bool
	if p.column, ok = b.Column(program.Tree(), p.scope); !ok {
		if p.path, ok = b.Path(program.Tree(), p.scope); !ok {
			return nil, false
		}
	}
	p.scope.Finish()
	p.registers = b.Registers()
	p.evaluator = fhirpath.NewEvaluator(fhirpath.EvalConfig{Keys: b.Keys()})
	return p, true
}

// run evaluates one resource both ways. ok is false where the machine left it to the evaluator.
func (p *pair) run(tb testing.TB, raw []byte) (got, want []string, ok bool) {
	tb.Helper()
	if err := p.evaluator.Load(raw); err != nil {
		tb.Fatal(err)
	}
	result, err := p.evaluator.Eval(context.Background(), p.program, p.evaluator.Root(), nil)
	if err != nil {
		want = append(want, "error")
	}
	for _, v := range result {
		want = append(want, string(v.AppendText(nil)))
	}
	p.machine.Load(p.evaluator.Tape(), p.registers)
	p.machine.Focus(p.scope, 0)
	got, ok = p.fused()
	return got, want, ok
}

func (p *pair) fused() (got []string, ok bool) {
	m := &p.machine
	tape := p.evaluator.Tape()
	if p.column != nil && p.column.Kind == fused.ColumnCondition {
		value, known, ok := m.Test(p.column.Condition)
		switch {
		case !known:
			return nil, ok
		case value:
			return []string{"true"}, ok
		}
		return []string{"false"}, ok
	}
	path := p.path
	if p.column != nil {
		path = p.column.Path
	}
	start, count, ok := m.Nodes(path)
	if !ok {
		return nil, false
	}
	for i := range count {
		at := int(m.Item(start + i))
		text := string(tape.AppendString(nil, at))
		if p.column != nil && p.column.Kind == fused.ColumnReference {
			from, to, ok := m.ReferenceKey(int32(at), p.column.Text)
			if !ok {
				return nil, false
			}
			if from == to {
				continue
			}
			text = string(tape.Source()[from:to])
		}
		got = append(got, text)
	}
	m.Drop(start)
	if p.column != nil && p.column.Kind == fused.ColumnJoin && len(got) > 0 {
		got = []string{strings.Join(got, p.column.Text)}
	}
	return got, true
}

// expressions are those that the package has to take on, by resource type.
var expressions = map[string][]string{
	"Patient": {
		"id", "getResourceKey()", "Patient.gender", "active", "active = true or gender = 'male'", "birthDate", "name", "name.family", "name[0].family", "name[1].given",
		"name.where(use = 'official').first()", "name.where(use = %official).given.join(' ')", "name.given.join(',')",
		"name.first().given.first()", "name.where($this.use = 'usual').family", "name.given.where($this = 'Peter')",
		"address.line.join('\\n')", "address[0].line[0]", "address.where(use != 'home').city",
		"telecom.where(system = 'phone' and use = 'home').value", "telecom.where(system = 'phone' or rank.exists()).value",
		"telecom.exists(system = 'email')", "telecom.where(use.empty()).value", "contact.name.family", "contact.telecom.value",
		"name.exists()", "name.empty()", "name.exists().not()", "(gender = 'x').not()", "gender = 'male'", "gender != 'male' and active",
		"extension('http://hl7.org/fhir/us/core/StructureDefinition/us-core-race').extension('ombCategory').value.ofType(Coding).code",
		"extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').exists()",
		"deceased.ofType(boolean)", "deceased.ofType(dateTime)", "multipleBirth.ofType(integer)", "managingOrganization.getReferenceKey(Organization)",
		"generalPractitioner.first().getReferenceKey()", "identifier.where(type.coding.exists(code = 'MR')).value", "maritalStatus.coding.code",
		"communication.language.coding.first().code", "contact.where(name.exists()).relationship.coding.display", "meta.versionId", "photo.size",
	},
	"Observation": {
		"code.coding.first().code", "code.coding.code", "code.coding.where(system = %loincsystem).display", "effective.ofType(dateTime)", "effective.ofType(Period).start",
		"value.ofType(Quantity).value", "value.ofType(Quantity).unit", "value.ofType(CodeableConcept).coding.first().display",
		"subject.getReferenceKey(Patient)", "subject.getReferenceKey(Group)", "encounter.reference", "issued", "status",
		"category.coding.where(system='http://terminology.hl7.org/CodeSystem/observation-category' and code='laboratory').exists()",
		"component.where(code.coding.exists(system='http://loinc.org' and code='8480-6')).first()",
		"component.value.ofType(Quantity).value", "component[1].code.text", "referenceRange.low.value", "interpretation.coding.code",
		"encounter.exists()", "status = 'final' and code.coding.exists(system = %loincsystem)", "hasMember.reference", "value.ofType(boolean)", "value.ofType(string)",
	},
	"Condition": {
		"onset.ofType(dateTime)", "code.text", "code.coding.display", "category.coding.code", "clinicalStatus.coding.code",
		"verificationStatus.coding.where(code = 'confirmed').exists()", "subject.getReferenceKey(Patient)", "bodySite.coding.first().code",
		"encounter.getReferenceKey(Encounter)", "stage.summary.coding.code", "onset.ofType(Age).value", "abatement.ofType(dateTime)",
	},
	"Encounter": {
		"period.start", "type.coding.code", "participant.individual.getReferenceKey(Practitioner)", "serviceProvider.getReferenceKey(Organization)",
		"class.code", "reasonCode.coding.display", "hospitalization.dischargeDisposition.text", "length.value",
	},
	"Questionnaire": {"item.item.linkId", "item.linkId", "item.where(type = 'group').item.first().text", "item.required"},
}

// TestAgainstTheEvaluator is the differential test: on real data, whatever the machine answers is what the evaluator
// answers.
func TestAgainstTheEvaluator(t *testing.T) {
	for resource, list := range expressions {
		for _, set := range []string{"small", "edge"} {
			file := filepath.Join(testdata.Shared(t, "data", set), resource+".ndjson")
			if _, err := os.Stat(file); err != nil {
				continue
			}
			lines := readLines(t, file)
			for _, expression := range list {
				p, ok := compile(t, resource, expression)
				if !ok {
					t.Errorf("%s: %s is not taken on", resource, expression)
					continue
				}
				odd, wrong := 0, 0
				for i, raw := range lines {
					got, want, ok := p.run(t, raw)
					if !ok {
						odd++
						continue
					}
					if strings.Join(got, "\x00") != strings.Join(want, "\x00") || len(got) != len(want) {
						if wrong++; wrong == 1 {
							t.Errorf("%s/%s line %d: %s = %q, want %q", set, resource, i+1, expression, got, want)
						}
					}
				}
				if set == "small" && odd > len(lines)/2 {
					t.Errorf("%s/%s: %s: %d of %d ordinary resources were left to the evaluator", set, resource, expression, odd, len(lines))
				}
			}
		}
	}
}

func readLines(tb testing.TB, file string) [][]byte {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var lines [][]byte
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		lines = append(lines, append([]byte(nil), sc.Bytes()...))
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}

// TestRefused lists what must be left to the evaluator, since the two could differ.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ resource, expression, why string }{
		{"Patient", "birthDate = '1974-12-25'", "a date compared with a text"},
		{"Patient", "contained.id", "resources of any type"},
		{"Patient", "name.given.count()", "a function that is not there"},
		{"Patient", "name | contact.name", "an operator that is not there"},
		{"Patient", "deceased", "a choice without a type"},
		{"Patient", "extension('x').value.ofType(string)", "types derived from the wanted one are among the choices"},
		{"Patient", "birthDate.extension('x')", "the extensions of a primitive"},
		{"Patient", "name.last()", "a function that is not there"},
		{"Bundle", "entry.resource", "resources of any type"},
	} {
		if _, ok := compile(t, tt.resource, tt.expression); ok {
			t.Errorf("%s: %s was taken on: %s", tt.resource, tt.expression, tt.why)
		}
	}
}

// TestOdd lists resources that must be left to the evaluator.
func TestOdd(t *testing.T) {
	for _, tt := range []struct {
		expression, raw string
		odd             bool
	}{
		{"gender", `{"resourceType":"Patient","gender":"male"}`, false},
		{"gender", `{"resourceType":"Patient","gender":null}`, true},
		{"gender", `{"resourceType":"Patient","gender":1}`, true},
		{"gender", `{"resourceType":"Patient","gender":{}}`, true},
		{"gender", `{"resourceType":"Patient","_gender":{"id":"a"}}`, true},
		{"gender", `{"resourceType":"Patient","gender":"male","_gender":{"id":"a"}}`, true},
		{"gender", `{"resourceType":"Patient","_birthDate":{"id":"a"}}`, false},
		{"name.given", `{"resourceType":"Patient","name":[{"given":["a",null]}]}`, true},
		{"name.given", `{"resourceType":"Patient","name":[{"given":[]}]}`, true},
		{"name.given", `{"resourceType":"Patient","name":[]}`, true},
		{"name.given", `{"resourceType":"Patient","name":[[{"given":["a"]}]]}`, true},
		{"name.given", `{"resourceType":"Patient","name":["a"]}`, true},
		{"name.given", `{"resourceType":"Patient","name":{"given":"a"}}`, false},
		{"name.where(use = 'a').given", `{"resourceType":"Patient","name":[{"use":"\u0061","given":["a"]}]}`, true},
		{"active", `{"resourceType":"Patient","active":"true"}`, true},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"http://a/Organization/1"}}`, true},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1/_history/2"}}`, true},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"#a"}}`, true},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1"}}`, false},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization/1#a"}}`, false},
		{"managingOrganization.getReferenceKey()", `{"resourceType":"Patient","managingOrganization":{"reference":"Organization?name=a"}}`, false},
	} {
		p, ok := compile(t, "Patient", tt.expression)
		if !ok {
			t.Errorf("%s is not taken on", tt.expression)
			continue
		}
		got, want, ok := p.run(t, []byte(tt.raw))
		if ok == tt.odd {
			t.Errorf("%s on %s: odd = %t, want %t", tt.expression, tt.raw, !ok, tt.odd)
		}
		if ok && strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s on %s = %q, want %q", tt.expression, tt.raw, got, want)
		}
	}
}

// TestNoAllocation holds the machine to its promise.
func TestNoAllocation(t *testing.T) {
	raw := []byte(`{"resourceType":"Observation","id":"a","status":"final","category":[{"coding":[{"code":"laboratory"}]}],` +
		`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"},{"code":"x"}]}},{"code":{"text":"b"}}]}`)
	for _, expression := range []string{
		"id", "category.coding.where(code = 'laboratory').exists()", "component.code.coding.code",
		"component.where(code.coding.exists(system='http://loinc.org' and code='8480-6')).first()",
	} {
		p, ok := compile(t, "Observation", expression)
		if !ok {
			t.Fatalf("%s is not taken on", expression)
		}
		if err := p.evaluator.Load(raw); err != nil {
			t.Fatal(err)
		}
		run := func() {
			p.machine.Load(p.evaluator.Tape(), p.registers)
			p.machine.Focus(p.scope, 0)
			if p.column != nil && p.column.Kind == fused.ColumnCondition {
				p.machine.Test(p.column.Condition)
				return
			}
			path := p.path
			if p.column != nil {
				path = p.column.Path
			}
			p.machine.Nodes(path)
		}
		run()
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%s: %v allocations a run, want 0", expression, got)
		}
	}
}
