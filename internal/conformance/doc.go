// Package conformance judges the engine by public test suites: HL7's FHIRPath suite in JSON (fhirpath*.go), the SQL on
// FHIR suite (sof.go), and views with known rows (golden.go). It uses only what internal/fhirpath and runner
// export. The commands below cmd print what passed and failed; the tests of this package run the same cases.
//
// Excluded cases are listed in exclusions/, each with a reason and a class: "case is wrong", if the specification
// contradicts the case, or "not yet". An excluded case that passes counts as a failure, so that the lists stay current.
package conformance
