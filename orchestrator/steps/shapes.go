package steps

import (
	"fmt"
	"strings"

	"github.com/researchflow/researchflow/orchestrator"
)

// shape has the FHIRPath expressions of a resource type for what criteria ask for.
type shape struct {
	patient string   // reference to the patient; for Patient its id
	code    string   // the CodeableConcepts that say what it is; "" means none
	when    []timing // when it happened: the first one whose element exists
}

// timing is one element that says when something happened; for a moment start and end are the same path.
type timing struct{ element, start, end string }

func moment(path string) timing { return timing{path, path, path} }
func span(path string) timing   { return timing{path, path + ".start", path + ".end"} }

// choice lists the types of a date[x] element that FHIR uses: effective, performed, occurrence, onset.
func choice(name string) []timing {
	return []timing{moment(name + ".ofType(dateTime)"), span(name + ".ofType(Period)")}
}

const (
	bySubject = "subject.reference"
	byPatient = "patient.reference"
	drugCode  = "medication.ofType(CodeableConcept)"
)

// shapeOf returns the shape of a FHIR R4 resource type. It is false for an unsupported type.
func shapeOf(resourceType string) (shape, bool) {
	s, ok := map[string]shape{
		"Patient":                  {patient: "id"},
		"AllergyIntolerance":       {byPatient, "code", append(choice("onset"), moment("recordedDate"))},
		"CarePlan":                 {bySubject, "category", []timing{span("period"), moment("created")}},
		"CareTeam":                 {bySubject, "category", []timing{span("period")}},
		"Claim":                    {byPatient, "type", []timing{span("billablePeriod"), moment("created")}},
		"ClinicalImpression":       {bySubject, "code", append(choice("effective"), moment("date"))},
		"Condition":                {bySubject, "code", append(choice("onset"), moment("recordedDate"))},
		"Coverage":                 {"beneficiary.reference", "type", []timing{span("period")}},
		"DiagnosticReport":         {bySubject, "code", append(choice("effective"), moment("issued"))},
		"DocumentReference":        {bySubject, "type", []timing{moment("date")}},
		"Encounter":                {bySubject, "type", []timing{span("period")}},
		"EpisodeOfCare":            {byPatient, "type", []timing{span("period")}},
		"ExplanationOfBenefit":     {byPatient, "type", []timing{span("billablePeriod"), moment("created")}},
		"FamilyMemberHistory":      {byPatient, "condition.code", []timing{moment("date")}},
		"Goal":                     {bySubject, "description", []timing{moment("start.ofType(date)")}},
		"ImagingStudy":             {bySubject, "procedureCode", []timing{moment("started")}},
		"Immunization":             {byPatient, "vaccineCode", []timing{moment("occurrence.ofType(dateTime)"), moment("recorded")}},
		"MedicationAdministration": {bySubject, drugCode, choice("effective")},
		"MedicationDispense":       {bySubject, drugCode, []timing{moment("whenHandedOver"), moment("whenPrepared")}},
		"MedicationRequest":        {bySubject, drugCode, []timing{moment("authoredOn")}},
		"MedicationStatement":      {bySubject, drugCode, append(choice("effective"), moment("dateAsserted"))},
		"Observation": {
			bySubject, "code",
			append(choice("effective"), moment("effective.ofType(instant)"), moment("issued")),
		},
		"Procedure":             {bySubject, "code", choice("performed")},
		"QuestionnaireResponse": {bySubject, "", []timing{moment("authored")}},
		"RiskAssessment":        {bySubject, "code", choice("occurrence")},
		"ServiceRequest":        {bySubject, "code", append(choice("occurrence"), moment("authoredOn"))},
		"Specimen":              {bySubject, "type", []timing{moment("collection.collected.ofType(dateTime)"), moment("receivedTime")}},
	}[resourceType]
	return s, ok
}

// patientID returns the logical id of a patient, given a Patient's id or a reference to one: Patient/1,
// https://example.org/fhir/Patient/1, Patient/1/_history/2. It is false for a reference to anything else, and for one
// that gives no id: to a contained resource (#1), by URN, or conditional (Patient?identifier=1).
func patientID(reference string) (string, bool) {
	if strings.HasPrefix(reference, "#") || strings.HasPrefix(reference, "urn:") || strings.HasPrefix(reference, "Patient?") {
		return "", false
	}
	if !strings.Contains(reference, "/") {
		return reference, reference != ""
	}
	reference, _, _ = strings.Cut(reference, "/_history/")
	i := strings.LastIndexByte(reference, '/')
	kind, id := reference[:i], reference[i+1:]
	return id, id != "" && (kind == "Patient" || strings.HasSuffix(kind, "/Patient"))
}

// within returns a FHIRPath condition that is true for resources that may have happened in the period: their time
// overlaps it, or is too imprecise to tell. It is false for resources without any time. Without a period the condition
// is "".
func (s shape) within(p *orchestrator.Period) string {
	if p == nil || p.Start == "" && p.End == "" || len(s.when) == 0 {
		return ""
	}
	var alternatives, before []string
	for _, t := range s.when {
		parts := append(before[:len(before):len(before)], t.element+".exists()")
		// A comparison of dates that are not precise enough is empty; only a definite "no" excludes the resource.
		if p.Start != "" {
			parts = append(parts, fmt.Sprintf("iif(%s < @%s, false, true)", t.end, dateTime(p.Start)))
		}
		if p.End != "" {
			parts = append(parts, fmt.Sprintf("iif(%s > @%s, false, true)", t.start, dateTime(p.End)))
		}
		alternatives = append(alternatives, "("+strings.Join(parts, " and ")+")")
		before = append(before, t.element+".exists().not()")
	}
	return strings.Join(alternatives, " or ")
}

// dateTime makes a FHIRPath DateTime literal (without the @) of a validated FHIR date.
func dateTime(date string) string { return date + "T" }
