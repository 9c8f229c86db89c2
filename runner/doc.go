// Package runner turns FHIR resources into rows by SQL on FHIR ViewDefinitions.
//
// A view is decoded and compiled once. It can then be run over any number of sources by any number of goroutines:
//
//	view, err := runner.CompileJSON(definition)
//	for row, err := range view.Rows(ctx, runner.Dir("data")) {
//		...
//	}
//
// [Decode] and [Compile] report all faults of a definition at once, as [CompileErrors]: each with the path of the
// element (select[0].column[1].path), the expression, and the position in it. A view that needs something this
// engine does not support fails to compile; it never fails for that reason in the middle of a run.
//
// A [Source] yields resources as raw JSON. [Dir], [Files], [Bundle], [Resources] and [Reader] return sources, and
// the client of package fhir is one. Rows hold typed values by position ([Row], [Value]); decimals, dates and
// times keep the text of the source. A [Runner] adds what a service needs: a cache, limits on parallelism and
// results, and an audit hook. [Result] holds collected rows, and the writers ([NewCSVWriter], [NewNDJSONWriter],
// [NewJSONWriter]) stream them.
//
// # Errors
//
// A resource that is not JSON, or that breaks a rule of the view, ends the run with a [*RunError]. It names the
// view, the path of the element, the resource's Type/id, the file and the line. It never holds a value, since
// values are patient data. With [OnError]([Skip]) such resources are skipped instead, counted, and listed in
// [Stats]. [Stats] also says when a limit ended the run; nothing is truncated silently.
//
// # Specification
//
// The package implements SQL on FHIR 3.0.0-ballot (https://hl7.org/fhir/uv/sql-on-fhir). It also reads definitions
// in the form of 2.0.
package runner
