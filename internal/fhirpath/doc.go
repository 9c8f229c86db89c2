// Package fhirpath compiles FHIRPath expressions and evaluates them over FHIR resources in JSON.
//
// [Compile] reads an expression and checks it; the [Program] it returns cannot change and any number of
// goroutines may use it. An [Evaluator] holds one resource as a tape ([Evaluator.Load]) and runs programs
// over it ([Evaluator.Eval]); one goroutine at a time may use an Evaluator, whose buffers are kept from one
// resource to the next.
//
// # Values
//
// A [Value] is either an element of a FHIR resource, with the type that the model of its FHIR version gives
// it, or a System value. Elements are not copied out of the resource: a Value refers to the node on the tape,
// for a primitive also to the sibling that holds its id and extensions (_birthDate), and text is decoded when
// somebody asks for it. If a System value is expected, an element of a primitive type or of type Quantity
// stands for the value it holds.
//
// Without a model elements have no types: they are navigated by their JSON names, and what a primitive holds
// follows from the kind of its JSON value.
//
// # Evaluation
//
// A program is a tree of nodes, one for each operation of the expression. A node appends the items of its
// result to a slice that the caller lends it; slices are reused, so that evaluating common paths allocates
// nothing once warm. Functions are entries of one table (functions.go), implemented in one file for each
// chapter of the specification (fn_*.go).
//
// # Limits
//
// Steps, items, string sizes and regular expressions are limited ([Limits]). What goes over a limit is an
// [*EvalError] of kind [Limit].
//
// Errors never hold values of a resource.
package fhirpath
