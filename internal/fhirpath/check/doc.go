// Package check infers the type of every part of a FHIRPath expression before it is evaluated and finds what
// cannot be right: elements that a type does not have, types that do not exist, operators and functions on
// values they are not made for, several items where one is wanted, variables nobody has set.
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
//   - [Strict]: the expression is against the specification or the model, but an evaluator could go on, most
//     often with an empty result (unknown element). Strict compilation refuses it. [Fault.Nowhere] tells names that are
//     surely slips from those of other types and versions.
//   - [Doubtful]: valid, but probably not meant (a type test that can never hold).
//
// The checker errs on the side of silence: where a type is not known (contained resources, values of extensions,
// children(), variables without a type) anything goes. FHIR types follow the model; what the specification
// calls singleton evaluation and implicit conversion is respected.
//
// Unknown functions and wrong numbers of arguments are not looked at here: the compiler has the table of functions.
package check
