// Package steps has handlers for the steps of the default workflow. They answer a research request from FHIR data with
// ViewDefinitions.
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
//   - deliver_data puts them in a folder or zip file with data dictionary, quality report, manifest ([Manifest]) and
//     README.
//
// # Cohort
//
// A criterion is compiled to a view with one column, the patient, that runs over the source like any other view. The
// cohort is every patient who satisfies all inclusion criteria and no exclusion criterion. The extraction finds the
// cohort again, and the quality step compares both sizes.
//
// # Running again
//
// A step may run again after a crash, or in another process while a host that lost its lease still works. So each
// attempt writes to a folder of its own, a file or folder gets its final name when it is complete, and the package of
// an earlier attempt is recognised by its manifest and kept. All hosts of one database must share WorkDir and OutDir.
//
// # Protected health information
//
// Outputs, reports, errors and progress contain counts, names of views and columns, and hashes, but neither values
// from resources nor ids of patients. The work folder contains patient data until the package is delivered or the
// request ends in another way. A host with a workflow of its own says by [Set.SetDefinition] which states end a
// request, as researchflow.Open does.
package steps
