// Package steps holds ready handlers for the steps of the default workflow: they answer a research request
// from FHIR data by ViewDefinitions.
//
//	set, err := steps.New(steps.Config{Runner: r, Views: views.Compile, WorkDir: "work", OutDir: "packages"})
//	flow, err := orchestrator.New(store, set.Options()...)
//
// The steps, in the order of the workflow:
//
//   - gather_requirements scores how complete the requirements are and lists what is missing ([Requirements]).
//   - validate_feasibility finds the cohort and, per data element, the share of it that has data ([Feasibility]).
//   - schedule_kickoff proposes a meeting before data is touched ([Kickoff]).
//   - extract_data runs each requested view over the cohort into files of a work folder ([Extraction]).
//   - validate_quality reads these files back and judges them ([QualityReport]).
//   - deliver_data puts them, with data dictionary, quality report, manifest and README, in a folder or zip
//     file under its final name ([Manifest]).
//
// # Cohort
//
// A criterion is compiled to a view with one column, the patient, that runs over the source like any
// other view. The cohort is every patient who satisfies all inclusion criteria and no exclusion criterion. It
// is found again before the extraction; the quality step compares both sizes.
//
// # Running again
//
// A step may run again after a crash, or in another process while a host that lost its lease still works. So
// each attempt writes in a folder of its own, a file or folder gets its name when it is complete, and the
// package of an earlier attempt is recognised by its manifest and kept. All hosts of one database must see
// the same WorkDir and OutDir.
//
// # Protected health information
//
// Outputs, reports, errors and progress hold counts, names of views and columns, and hashes; never a value
// from a resource, and no patient's id. The work folder holds patient data until the
// package is delivered or the request ends otherwise; a host with a workflow of its own tells what
// ends a request by [Set.SetDefinition], as researchflow.Open does.
package steps
