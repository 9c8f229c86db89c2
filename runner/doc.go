// Package runner turns FHIR resources into rows by SQL on FHIR ViewDefinitions.
//
// A view is decoded and compiled once, and then run over any number of sources by any number of goroutines:
//
//	view, err := runner.CompileJSON(definition)
//	for row, err := range view.Rows(ctx, runner.Dir("data")) {
//		...
//	}
//
// [Decode] and [Compile] report every fault of a definition at once, as [CompileErrors], each with the
// element's path (select[0].column[1].path), the expression, and the place in it. What a view would need and
// this engine does not have is refused there, never when the first row is read.
//
// A [Source] yields resources as raw JSON. [Dir], [Files], [Bundle], [Resources] and [Reader] are ready ones;
// a FHIR client is another. Rows hold typed values by position ([Row], [Value]): decimals, dates and times
// keep the text of the source. A [Runner] adds what a service needs: a cache, bounded parallelism, limits, an
// audit hook; [Result] holds collected rows, and the writers ([NewCSVWriter], [NewNDJSONWriter],
// [NewJSONWriter]) stream them.
//
// # Errors
//
// A resource that is not JSON, or that breaks a rule of the view, ends the run with a [*RunError] which names
// the view, the element path, the resource's Type/id, the file and the line, and never a value, since values
// are patient data. With [OnError]([Skip]) such resources are left out instead, counted, and listed in [Stats].
// A run that a limit ended says so in [Stats]; nothing is truncated silently.
//
// # Specification
//
// The rules are those of SQL on FHIR 3.0.0-ballot (https://hl7.org/fhir/uv/sql-on-fhir); definitions in the
// form of 2.0 are read as well.
package runner
