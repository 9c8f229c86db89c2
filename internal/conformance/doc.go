// Package conformance judges the engine by public test suites: HL7's FHIRPath suite in JSON (fhirpath*.go), the SQL on
// FHIR suite (sof.go), and views with known rows (golden.go). It looks at the engine from outside, through what
// internal/fhirpath and runner export. The commands below cmd print what passed and failed; the tests of this package
// run the same cases.
//
// Cases that the engine is not held to are listed in exclusions/, with a class and a reason each: "case is wrong",
// where the specification contradicts the case, and "not yet". An excluded case that passes counts as a failure, so
// that the lists cannot grow stale.
package conformance
