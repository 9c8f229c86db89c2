// Package check infers the type of every part of a FHIRPath expression before it is evaluated, and finds faults:
// elements that a type does not have, types that do not exist, operators and functions on values that they are not
// defined for, several items instead of a single one, variables that are not set.
//
// It is the phase between parsing and compiling. [Check] takes the tree, the model of the FHIR version and the
// type of the focus, and returns the type of the result and all faults, in the order of the text.
//
// # What a fault is
//
// A [Fault] has a [Level]:
//
//   - [Certain]: evaluation cannot succeed, whatever the input (unknown variable, unknown type).
//   - [Wrong]: an operation fails on every item that its operand can have (startsWith() on an Identifier, 'a' - 1),
//     so that evaluation succeeds only if there is no item.
//   - [Strict]: the expression contradicts the specification or the model, but can be evaluated, usually with an empty
//     result (unknown element). Strict compilation refuses it. [Fault.Nowhere] marks names that no type of any version
//     has, which are surely typing errors.
//   - [Doubtful]: valid, but probably not intended (a type test that can never be true).
//
// If a type is unknown (contained resources, values of extensions, children(), variables without a type) everything is
// allowed. Types of FHIR follow the model, with singleton evaluation and implicit conversions as the specification
// defines them.
//
// Unknown functions and wrong numbers of arguments are reported by the compiler, which has the table of functions.
package check
