// Package fhirpath compiles FHIRPath expressions and evaluates them over FHIR resources in JSON.
//
// [Compile] parses and checks an expression; the [Program] it returns is immutable and any number of goroutines may use
// it. An [Evaluator] holds one resource as a tape ([Evaluator.Load]) and runs programs over it ([Evaluator.Eval]). One
// goroutine at a time may use an Evaluator, which keeps its buffers from one resource to the next.
//
// # Values
//
// A [Value] is either an element of a FHIR resource, with the type that the model of its FHIR version gives
// it, or a System value. Elements are not copied out of the resource: a Value refers to the node on the tape,
// for a primitive also to the sibling that holds its id and extensions (_birthDate), and text is decoded
// on demand. If a System value is expected, an element of a primitive type or of type Quantity
// stands for the value it holds.
//
// Without a model elements have no types: paths follow JSON names, and the type of a primitive's value follows from its
// JSON.
//
// # Evaluation
//
// A program is a tree of operations. Each appends the items of its result to a slice of the caller; slices are reused,
// so that common paths allocate nothing once the evaluator is warm. Functions are entries of one table (functions.go),
// implemented in one file for each chapter of the specification (fn_*.go).
//
// # Limits
//
// Steps, items, string sizes and regular expressions are limited ([Limits]). Exceeding a limit is an
// [*EvalError] of kind [Limit].
//
// Errors never hold values of a resource.
package fhirpath
