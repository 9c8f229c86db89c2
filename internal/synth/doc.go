// Package synth makes synthetic FHIR R4 data: a small population with linked Patient, Encounter, Condition,
// Observation, MedicationRequest and Procedure resources, and the Practitioner and Organization resources
// they refer to.
//
// The data is invented here, from tables of prevalences and codes (SNOMED CT, ICD-10-CM, LOINC, RxNorm) in
// this package. Nobody in it is real: telephone numbers use the 555-01xx block, e-mail addresses end in
// example.org, social security numbers begin with 999, and cities do not exist.
//
// The same [Config] gives the same bytes on every machine and with every Go release that keeps the stream of
// math/rand/v2's PCG: only integer arithmetic is used, and no clock is read. Each patient has a random stream
// of its own, so patient number 7 is the same in a population of 10 and of 10,000.
//
//	sum, err := synth.WriteDir("data", synth.Config{Seed: 1, Patients: 200})
//
// The population is shaped for the examples: about one adult in seven has type 2 diabetes (SNOMED CT 44054006)
// with HbA1c measurements (LOINC 4548-4) that mostly lie above 6.5 %, a few have type 1 diabetes, and the rest
// have HbA1c, if at all, in the normal range.
package synth
