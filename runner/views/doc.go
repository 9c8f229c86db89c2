// Package views holds the ViewDefinitions that ship with the library:
//
//	patient_demographics   patients with name, contact and address
//	patient_simple         patients without names and addresses
//	condition_diagnoses    diagnoses with SNOMED CT and ICD-10 codes
//	observation_labs       laboratory results with LOINC codes
//	medication_requests    medication orders with dosage and dispensing
//	procedure_history      procedures with performer, reason and body site
//
// They are embedded in the program. [Compile] makes one ready to run; [Load] returns its definition, which a host may
// change before it compiles it with [runner.Compile]. Any number of goroutines may call the functions.
package views
