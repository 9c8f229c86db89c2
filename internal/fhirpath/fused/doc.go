// Package fused runs the common shapes of view paths straight on a tape of package fhirjson: navigation, where,
// first, exists, extension, ofType of choice elements, equality with a text, keys and join. Such a path needs no
// collection of values and, once warm, no memory.
//
// It is a second way to what package fhirpath does, so it is strict about what it takes on:
//
//   - A [Builder] takes an expression only if the model says exactly which JSON members it visits and of which
//     System type the result is. It refuses every other expression, which is then evaluated by package
//     fhirpath.
//   - A [Machine] goes on only as long as the resource has the ordinary form: members have the JSON kind their type
//     asks for, there are no nulls, no empty arrays, no ids or extensions of primitives on the way, no escapes in
//     compared texts. Otherwise it answers that the resource is odd, and the caller evaluates the resource with
//     package fhirpath, from the start.
//
// So everything that the two could see differently is left to one of them. What a machine came to on one resource, a
// [Memo] knows again on others of the same shape.
//
// docs/engine.md says what to do to take on another function or operator.
//
// A Builder is for one goroutine
// and one view; what it built may be shared; a Machine and its Memo are for one goroutine.
package fused
