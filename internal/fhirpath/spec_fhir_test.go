package fhirpath_test

import "testing"

// fhirPatient has primitives with extensions only, nested extensions and contained resources that refer to one another.
const fhirPatient = `{
	"resourceType": "Patient", "id": "p1", "active": true, "_active": {"id": "a1"},
	"meta": {"profile": ["http://example.org/p|1"], "lastUpdated": "2020-01-01T00:00:00.000Z"},
	"text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
	"contained": [
		{"resourceType": "Organization", "id": "o1", "name": "Acme", "partOf": {"reference": "#o2"}, "endpoint": [{"reference": "#"}]},
		{"resourceType": "Organization", "id": "o2", "name": "Top"}
	],
	"extension": [
		{"url": "urn:e1", "valueString": "s"},
		{"url": "urn:e2", "extension": [{"url": "sub", "valueCode": "c"}, {"url": "sub", "valueInteger": 3}]},
		{"url": "urn:q", "valueQuantity": {"value": 6, "unit": "months", "system": "http://unitsofmeasure.org", "code": "mo"}},
		{"url": "urn:k", "valueQuantity": {"value": 2, "system": "http://hl7.org/fhirpath/CodeSystem/calendar-units", "code": "week"}},
		{"url": "urn:c", "valueQuantity": {"value": 5, "comparator": "<", "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
		{"url": "urn:u", "valueQuantity": {"value": 3, "unit": "tablets"}}
	],
	"name": [{
		"family": "F", "_family": {"extension": [{"url": "urn:own", "valueString": "von"}]},
		"given": ["A", null, "C"], "_given": [null, {"extension": [{"url": "urn:abs", "valueCode": "unknown"}]}, {"id": "g3"}]
	}],
	"gender": "male", "birthDate": "1974-12-25",
	"_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
	"_deceasedBoolean": {"extension": [{"url": "urn:da", "valueCode": "unknown"}]},
	"multipleBirthInteger": 2,
	"communication": [{"language": {"coding": [{"system": "urn:bcp", "code": "en"}, {"code": "EN"}]}, "preferred": true}],
	"managingOrganization": {"reference": "#o1"},
	"generalPractitioner": [{"reference": "Practitioner/1"}, {"display": "x"}],
	"photo": [{"contentType": "image/png", "size": 10}]
}`

func TestSpecFHIR(t *testing.T) {
	runSpec(t, fhirPatient, []specRow{
		// Primitives have children, and a value or none.
		ok("Using FHIR types", "name.given.count()", "3"),
		ok("Using FHIR types", "name.given.select(hasValue())", "true false true"),
		ok("Using FHIR types", "name.given.where(hasValue())", `"A" "C"`),
		ok("Using FHIR types", "name.given.extension('urn:abs').value", `"unknown"`),
		ok("Using FHIR types", "name.given[2].id | active.id", `"g3" "a1"`),
		ok("Using FHIR types", "name.family.extension.value & ' ' & name.family", `"von F"`),
		ok("Using FHIR types", "name.given[1].exists()", "true"),
		ok("Using FHIR types", "name.given[1].length() | name.given[1].toString() | name.given[1] + 'x'", ""),
		ok("Using FHIR types", "name.given[1] & 'x'", `"x"`),
		ok("Using FHIR types", "name.given.join(',')", `"A,C"`),
		ok("Using FHIR types", "name.given.sort().select(hasValue()) | name.given.sort().last()", `false true "C"`),
		ok("Using FHIR types", "deceased.exists() and deceased is boolean", "true"),
		ok("Using FHIR types", "deceased and true | deceased.not()", ""),
		ok("Using FHIR types", "deceased.extension('urn:da').value is code", "true"),
		ok("Using FHIR types", "birthDate.value is System.Date and birthDate.value = birthDate and gender.value is System.String", "true"),
		ok("Using FHIR types", "name.given.value | multipleBirth.value | extension('urn:e1').value.value | deceased.value", `"A" "C" 2 "s"`),
		ok("Using FHIR types", "birthDate.children().count() = 1 and extension('urn:q').value.value is decimal", "true"),
		// Types come from the definitions.
		ok("Using FHIR types", "meta.lastUpdated is instant and meta.profile is canonical and meta.profile.first() is uri", "true"),
		ok("Using FHIR types", "extension.url.first() is uri and photo.size is unsignedInt and photo.size is integer", "true"),
		ok("Using FHIR types", "text.`div` is xhtml and communication.language is CodeableConcept", "true"),
		ok("Using FHIR types", "birthDate.is(date) and birthDate.is(dateTime).not()", "true"),
		ok("Using FHIR types", "extension.value.ofType(string) | extension.value.ofType(Quantity).unit", `"s" "months" "mg" "tablets"`),
		// Choice elements have one name.
		ok("Polymorphism", "multipleBirth + 1", "3"),
		ok("Polymorphism", "extension('urn:e1').value", `"s"`),
		ok("Polymorphism", "multipleBirthInteger", ""),
		// Quantities stand for those of System.
		ok("Quantity", "extension('urn:q').value = 6 months", "true"),
		ok("Quantity", "extension('urn:q').value = 6 'mo'", ""),
		ok("Quantity", "extension('urn:k').value = 14 days", "true"),
		ok("Quantity", "@2020-01-01 + extension('urn:k').value", `"2020-01-15"`),
		ok("Quantity", "extension('urn:c').value > 1 'mg'", ""),
		ok("Quantity", "extension('urn:u').value = 3 'tablets'", "true"),
		ok("Quantity", "extension('urn:q').value.value + 1", "7"),
		// Additional functions.
		ok("extension", "extension('urn:e2').extension('sub').value", `"c" 3`),
		ok("extension", "extension('urn:none') | extension('') | extension({}) | {}.extension('urn:e1')", ""),
		ok("extension", "birthDate.extension(%`ext-patient-birthTime`).value.dateOf() = birthDate", "true"),
		ok("hasValue", "birthDate.hasValue() and (name.hasValue() or deceased.hasValue() or photo.hasValue() or {}.hasValue()).not()", "true"),
		ok("getValue", "birthDate.getValue() is System.Date and gender.getValue() is System.String", "true"),
		ok("getValue", "deceased.getValue() | name.getValue() | name.given.getValue()", ""),
		ok("resolve", "managingOrganization.resolve().name", `"Acme"`),
		ok("resolve", "managingOrganization.resolve().partOf.resolve().name", `"Top"`),
		ok("resolve", "contained.endpoint.resolve().id", `"p1"`),
		ok("resolve", "generalPractitioner.resolve()", ""),
		ok("resolve", "'#o2'.resolve() | {}.resolve()", ""),
		ok("resolve", "managingOrganization.all(resolve() is Organization)", "true"),
		ok("conformsTo", "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", "true"),
		ok("conformsTo", "conformsTo('http://hl7.org/fhir/StructureDefinition/Person')", "false"),
		bad("conformsTo", "conformsTo('http://example.org/StructureDefinition/none')"),
		bad("memberOf", "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"),
		bad("subsumes", "communication.language.subsumes(communication.language)"),
		bad("elementDefinition", "name.elementDefinition()"),
		bad("slice", "name.slice('x', 'y')"),
		ok("htmlChecks", "text.`div`.htmlChecks()", "true"),
		// Variables.
		ok("Variables", "%resource.id | %rootResource.id | %context.id", `"p1"`),
		ok("Variables", "contained.select(%resource.id).distinct()", `"p1"`),
		ok("Variables", "%sct | %loinc", `"http://snomed.info/sct" "http://loinc.org"`),
		ok("Variables", "%`vs-x` | %`ext-y`", `"http://hl7.org/fhir/ValueSet/x" "http://hl7.org/fhir/StructureDefinition/y"`),
		// Invariants of FHIR.
		ok("ele-1", "descendants().all(hasValue() or (children().count() > id.count()) or $this is Resource)", "true"),
		ok("ext-1", "descendants().where($this is Extension).all(extension.exists() != value.exists())", "true"),
		ok("dom-2", "contained.contained.empty()", "true"),
		ok("dom-3", "contained.where((('#' + id in (%resource.descendants().reference | %resource.descendants().ofType(canonical) | %resource.descendants().ofType(uri) | %resource.descendants().ofType(url))) or descendants().where(reference = '#').exists() or descendants().where(ofType(canonical) = '#').exists()).not()).empty()", "true"),
		ok("dom-4", "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()", "true"),
		ok("pat-1", "contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())", "true"),
		ok("per-1", "descendants().where($this is Period).all(start.hasValue().not() or end.hasValue().not() or (start <= end))", "true"),
	})
}

func TestSpecEquivalence(t *testing.T) {
	const concept = "CodeableConcept { coding: Coding { system: 'urn:s', code: 'a' } | Coding { system: 'urn:s', code: 'b' }, text: 'x' }"
	runSpec(t, fhirPatient, []specRow{
		ok("Changes to operators", "HumanName { id: '1', family: 'F' } ~ HumanName { family: 'f' }", "true"),
		ok("Changes to operators", "HumanName { id: '1', family: 'F' } = HumanName { family: 'F' }", "false"),
		ok("Changes to operators", "HumanName { period: Period { id: '1', start: @2012 } } ~ HumanName { period: Period { start: @2012 } }", "true"),
		ok("Changes to operators", "HumanName { given: string { id: '1', value: 'A' } } ~ HumanName { given: 'A' }", "true"),
		ok("Changes to operators", "name ~ HumanName { family: name.family, given: name.given.skip(1) | name.given.first() }", "true"),
		ok("Changes to operators", "HumanName { family: name.family } ~ HumanName { family: 'F' }", "false"), // an extension is no id
		ok("Changes to operators", "Coding { system: 'urn:s', code: 'a', display: 'A' } ~ Coding { system: 'urn:s', code: 'a', version: '1', userSelected: true }", "true"),
		ok("Changes to operators", "Coding { system: 'urn:s', code: 'a' } ~ Coding { system: 'urn:t', code: 'a' }", "false"),
		ok("Changes to operators", "Coding { system: 'urn:s', code: 'a' } ~ Coding { code: 'a' }", "false"),
		ok("Changes to operators", "Coding { system: 'urn:s', code: 'a', display: 'A' } = Coding { system: 'urn:s', code: 'a' }", "false"),
		ok("Changes to operators", "Coding { display: 'A' } ~ Coding { display: 'B' }", "false"),
		ok("Changes to operators", concept+" ~ CodeableConcept { coding: Coding { system: 'urn:s', code: 'b', display: 'B' } | Coding { code: 'c' } }", "true"),
		ok("Changes to operators", concept+" ~ CodeableConcept { coding: Coding { system: 'urn:s', code: 'c' }, text: 'x' }", "false"),
		ok("Changes to operators", concept+" ~ CodeableConcept { text: 'x' }", "false"),
		ok("Changes to operators", "CodeableConcept { text: 'x' } ~ CodeableConcept { text: 'X' } and CodeableConcept { text: 'x' } !~ CodeableConcept { text: 'y' }", "true"),
		ok("Changes to operators", "communication.language ~ communication.language and communication ~ communication", "true"),
	})
}
